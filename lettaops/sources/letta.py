"""The Letta server's REST API. The one module that imports httpx.

Costs and traps of the endpoints (0.16.8): `/v1/health/` never touches the database; of the calls
that do, `/v1/agents/count` is the cheapest; `/v1/health` without the slash is redirected.
"""

import asyncio
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import msgspec

from lettaops.model.document import Document
from lettaops.model.probe import Outcome, Probe, ServerProbe
from lettaops.model.secrets import Secret
from lettaops.model.text import Safe, clean, clean_bytes

# httpx imports its own command line where it can, and with it rich and pygments: more than half of
# its import time, for nothing that we use. None in that place is Python's way to say "not there".
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
# httpcore looks for sniffio at each lock it makes; where it isn't installed, along the whole path.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

import httpx  # noqa: E402 - only after the line above

MAX_ANSWER_BYTES: Final = 256 * 1024
HEALTH_PATH: Final = "/v1/health/"
COUNT_PATH: Final = "/v1/agents/count"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An HTTP answer: status, headers in lower case, body up to `MAX_ANSWER_BYTES`."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut: bool = False

    def json(self) -> object:
        """The decoded body; None when it isn't JSON."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, RecursionError):
            return None


class LettaApi:
    """Asks Letta servers and the proxies before them. One client for all of them, connections kept."""

    def __init__(self, *, timeout: float = 2.0, verify: bool | str = True) -> None:
        self.timeout = timeout
        self._verify = verify
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def __aenter__(self) -> Self:
        self._client("http:")  # its parts are imported at the first use: not within a probe's time
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def server(self, base: str, password: Secret | None, *, route: str) -> ServerProbe:
        """Ask a server whether it answers, and whether it can use its database. Never raises.

        `base`: `http://host:port`. Both are asked at once, so a slow database doesn't hide a quick answer.
        """
        health, count = await asyncio.gather(
            self._ask(base, HEALTH_PATH, {}, route), self._ask(base, COUNT_PATH, _bearer(password), route)
        )
        probe, answer = health
        version = Safe()
        if answer is not None and probe.ok:
            document = Document(answer.json())
            version = document.text("version")
            if document.text("status") != "ok":
                probe = _garbled(probe, answer)
        deep, counted = count
        agents = counted.json() if counted is not None and deep.ok else None
        if deep.ok and not isinstance(agents, int):
            deep = _garbled(deep, counted)
        return ServerProbe(
            health=probe,
            database=deep if probe.ok else None,
            version=version,
            agents=agents if isinstance(agents, int) else None,
        )

    async def proxy(self, base: str, host: str, *, route: str) -> Probe:
        """Ask for the server's health through a proxy, with the Host it routes by. Never raises."""
        probe, answer = await self._ask(base, HEALTH_PATH, {"host": host}, route)
        if answer is not None and probe.ok and Document(answer.json()).text("status") != "ok":
            return _garbled(probe, answer)
        if probe.outcome is Outcome.STATUS and answer is not None:
            by = clean(answer.headers.get("server", ""))
            return msgspec.structs.replace(
                probe, detail=clean(f"Host {host}, answered by {by or 'the proxy'}")
            )
        return probe

    async def _ask(
        self, base: str, path: str, headers: Mapping[str, str], route: str
    ) -> tuple[Probe, Answer | None]:
        started = time.monotonic()
        label = clean(route)
        try:
            async with asyncio.timeout(self.timeout):
                answer = await self._get(base + path, headers)
        except (TimeoutError, httpx.TimeoutException):
            elapsed = (time.monotonic() - started) * 1000
            return Probe(outcome=Outcome.TIMEOUT, latency_ms=elapsed, route=label), None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Probe(outcome=_failure(error), detail=_words(error), route=label), None
        elapsed = (time.monotonic() - started) * 1000
        outcome = (
            Outcome.OK
            if answer.status == 200
            else Outcome.DENIED
            if answer.status in {401, 403}
            else Outcome.STATUS
        )
        detail = Safe() if outcome is Outcome.OK else _explanation(answer)
        return Probe(
            outcome=outcome, latency_ms=elapsed, status=answer.status, detail=detail, route=label
        ), answer

    def _client(self, url: str) -> httpx.AsyncClient:
        """The client for a URL's scheme: loading the certificate authorities takes 100 ms, only for https."""
        scheme = url.partition(":")[0]
        if scheme not in self._clients:
            self._clients[scheme] = httpx.AsyncClient(
                timeout=self.timeout,
                verify=self._verify if scheme == "https" else False,
                trust_env=False,
                follow_redirects=False,
                limits=httpx.Limits(max_connections=16, max_keepalive_connections=8, keepalive_expiry=4.0),
            )
        return self._clients[scheme]

    async def _get(self, url: str, headers: Mapping[str, str]) -> Answer:
        async with self._client(url).stream(
            "GET", url, headers={"accept": "application/json", **headers}
        ) as response:
            body = bytearray()
            cut = False
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    cut = True
                    break
            return Answer(
                status=response.status_code,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=bytes(body[:MAX_ANSWER_BYTES]),
                cut=cut,
            )


def _bearer(password: Secret | None) -> dict[str, str]:
    return {"authorization": f"Bearer {password.reveal()}"} if password else {}


def _garbled(probe: Probe, answer: Answer | None) -> Probe:
    start = clean_bytes(answer.body[:80]) if answer is not None else Safe()
    return msgspec.structs.replace(
        probe, outcome=Outcome.GARBAGE, detail=clean(f"status {probe.status}, body “{start}”")
    )


def _explanation(answer: Answer) -> Safe:
    """What an error answer says: Letta's `detail`, else nothing (an HTML page explains nothing)."""
    document = Document(answer.json())
    return clean(document.text("detail") or document.sub("error").text("message"), 200)


def _failure(error: Exception) -> Outcome:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return Outcome.REFUSED
        if isinstance(cause, OSError) and type(cause).__name__ == "gaierror":
            return Outcome.UNRESOLVED
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectError):
        return (
            Outcome.UNREACHED
            if "ertificate" in str(error) or "unreachable" in str(error)
            else Outcome.REFUSED
        )
    if isinstance(error, httpx.RemoteProtocolError):
        return Outcome.CLOSED if "without sending" in str(error) else Outcome.GARBAGE
    return (
        Outcome.CLOSED if isinstance(error, httpx.ReadError | httpx.WriteError | OSError) else Outcome.GARBAGE
    )


def _words(error: Exception) -> Safe:
    return clean(str(error), 160)
