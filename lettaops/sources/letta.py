"""What a Letta server answers, asked directly and through the proxies before it.

Costs and traps of the endpoints (0.16.8): `/v1/health/` never touches the database; of the calls
that do, `/v1/agents/count` is the cheapest; `/v1/health` without the slash is redirected.
"""

import asyncio
import errno
import socket
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import msgspec

from lettaops.model.document import Document
from lettaops.model.errors import LettaopsError, ProtocolError
from lettaops.model.probe import Outcome, Probe, ServerProbe
from lettaops.model.secrets import Secret
from lettaops.model.text import Safe, clean, clean_bytes
from lettaops.sources.http import Answer, HttpClient

HEALTH_PATH: Final = "/v1/health/"
COUNT_PATH: Final = "/v1/agents/count"
_NO_WAY: Final = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL})


class LettaApi:
    """Asks Letta servers and the proxies before them, over connections that are kept."""

    def __init__(self, *, timeout: float = 2.0) -> None:
        self.timeout = timeout
        self._http = HttpClient()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

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
            document = Document(_json(answer))
            version = document.text("version")
            if document.text("status") != "ok":
                probe = _garbled(probe, answer)
        deep, counted = count
        agents = _json(counted) if counted is not None and deep.ok else None
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
        if answer is not None and probe.ok and Document(_json(answer)).text("status") != "ok":
            return _garbled(probe, answer)
        if probe.outcome is Outcome.STATUS and answer is not None:
            by = clean(answer.head.headers.get("server", ""))
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
                answer = await self._http.get(base, path, headers)
        except TimeoutError:
            elapsed = (time.monotonic() - started) * 1000
            return Probe(outcome=Outcome.TIMEOUT, latency_ms=elapsed, route=label), None
        except (LettaopsError, OSError, ValueError) as error:
            return Probe(outcome=_failure(error), detail=_words(error), route=label), None
        status = answer.head.status
        outcome = Outcome.OK if status == 200 else Outcome.DENIED if status in {401, 403} else Outcome.STATUS
        detail = Safe() if outcome is Outcome.OK else _explanation(answer)
        latency = answer.seconds * 1000
        return Probe(outcome=outcome, latency_ms=latency, status=status, detail=detail, route=label), answer


def _bearer(password: Secret | None) -> dict[str, str]:
    return {"authorization": f"Bearer {password.reveal()}"} if password else {}


def _json(answer: Answer) -> object:
    """The decoded body; None when it isn't JSON."""
    try:
        return msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError):
        return None


def _garbled(probe: Probe, answer: Answer | None) -> Probe:
    start = clean_bytes(answer.body[:80]) if answer is not None else Safe()
    return msgspec.structs.replace(
        probe, outcome=Outcome.GARBAGE, detail=clean(f"status {probe.status}, body “{start}”")
    )


def _explanation(answer: Answer) -> Safe:
    """What an error answer says: Letta's `detail`, else nothing (an HTML page explains nothing)."""
    document = Document(_json(answer))
    return clean(document.text("detail") or document.sub("error").text("message"), 200)


def _failure(error: Exception) -> Outcome:
    if isinstance(error, ConnectionRefusedError):
        return Outcome.REFUSED
    if isinstance(error, socket.gaierror):
        return Outcome.UNRESOLVED
    if isinstance(error, ProtocolError):
        return Outcome.GARBAGE
    if isinstance(error, ValueError) or (isinstance(error, OSError) and error.errno in _NO_WAY):
        return Outcome.UNREACHED
    return Outcome.CLOSED


def _words(error: Exception) -> Safe:
    said = error.what if isinstance(error, LettaopsError) else getattr(error, "strerror", None) or str(error)
    return clean(said, 160)
