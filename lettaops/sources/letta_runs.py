"""Runs of a Letta server: which there are, and cancelling one. The one module that imports httpx.

Facts of 0.16.8: a cancel of a run that has ended already answers 200 with "cancelled" again, so only its
status before and after tells what a cancel did; without run tracking a cancel is refused with status 400; an
unknown run answers 404.
"""

import asyncio
import re
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

import msgspec

from lettaops.model.database.runs import ID_LIMIT, Run, RunStatus, run_from, runs_from
from lettaops.model.document import Document
from lettaops.model.errors import (
    ApiError,
    DeadlineExceeded,
    Denied,
    NotFound,
    ProtocolError,
    Unreachable,
    UsageError,
)
from lettaops.model.secrets import Secret
from lettaops.model.text import clean

# httpx imports its own command line where it can, and with it rich and pygments: more than half of
# its import time, for nothing that we use. None in that place is Python's way to say "not there".
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
# httpcore looks for sniffio at each lock it makes; where it isn't installed, along the whole path.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]

import httpx  # noqa: E402 - only after the lines above

MOST: Final = 100  # runs in one answer
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024
SECONDS: Final = 10.0  # a cancel took 0.6 s; with a frozen database an answer takes a minute
_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class LettaRuns:
    """The runs of one server. `base`: `http://host:port`. Use as an asynchronous context manager.

    Each call may raise `Unreachable`, `DeadlineExceeded`, `Denied` (password), `ApiError` and
    `ProtocolError`.
    """

    def __init__(self, base: str, password: Secret | None, *, timeout: float = SECONDS) -> None:
        self._base = base
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            timeout=timeout,
            trust_env=False,
            follow_redirects=False,
            verify=base.startswith("https:"),
            headers={"accept": "application/json"}
            | ({"authorization": f"Bearer {password.reveal()}"} if password else {}),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def runs(self, statuses: Sequence[RunStatus] = ()) -> tuple[Run, ...]:
        """The newest runs with one of these statuses (all without), at most `MOST`."""
        query = "".join(f"&statuses={each}" for each in statuses)
        return runs_from(await self._json("GET", f"/v1/runs/?limit={MOST}&order=desc{query}"))

    async def run(self, run_id: str) -> Run:
        """One run. Raises `NotFound`; `UsageError` for what can't be the id of one."""
        found = run_from(Document(await self._json("GET", f"/v1/runs/{_checked(run_id)}")))
        if found is None:
            raise ProtocolError(f"{self._base} gave something else for run {clean(run_id, ID_LIMIT)}")
        return found

    async def cancel(self, run: Run) -> None:
        """Ask for a run to be cancelled. That this is taken says nothing: look at the run's status then."""
        await self._json(
            "POST", f"/v1/agents/{_checked(run.agent_id)}/messages/cancel", {"run_ids": [str(run.id)]}
        )

    async def _json(self, method: str, path: str, body: Mapping[str, object] | None = None) -> object:
        what = f"{method} {path.partition('?')[0]}"
        try:
            async with asyncio.timeout(self._timeout):
                status, answer = await self._exchange(method, path, body, what)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise DeadlineExceeded(
                f"{self._base} doesn't answer {what} within {self._timeout:g} s",
                next_step="is its database frozen? see `lettaops status`",
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise Unreachable(
                f"{self._base} can't be asked: {clean(str(error) or type(error).__name__, 160)}",
                next_step="does the server run? see `lettaops status`",
            ) from error
        try:
            value: object = msgspec.json.decode(answer)
        except (msgspec.DecodeError, RecursionError) as error:
            if status == 200:
                raise ProtocolError(f"{self._base} gave no JSON for {what}") from error
            value = None
        if status != 200:
            raise _error(status, Document(value), f"{what} of {self._base}")
        return value

    async def _exchange(
        self, method: str, path: str, body: Mapping[str, object] | None, what: str
    ) -> tuple[int, bytes]:
        content = msgspec.json.encode(body) if body is not None else None
        headers = {"content-type": "application/json"} if body is not None else {}
        async with self._client.stream(
            method, self._base + path, content=content, headers=headers
        ) as response:
            answer = bytearray()
            async for chunk in response.aiter_bytes():
                answer += chunk
                if len(answer) > MAX_ANSWER_BYTES:
                    raise ProtocolError(f"the answer to {what} is larger than {MAX_ANSWER_BYTES} bytes")
            return response.status_code, bytes(answer)


def _checked(identity: str) -> str:
    """An id that may stand in a path."""
    if not _ID.fullmatch(identity) or identity in {".", ".."}:
        raise UsageError(f"{clean(identity, 80)} is no id", next_step="see `lettaops runs`")
    return str(identity)


def _error(status: int, document: Document, what: str) -> Denied | ApiError:
    said = clean(document.text("detail") or document.sub("error").text("message"), 200)
    words = f"{what}: status {status}" + (f", {said}" if said else "")
    if status in {401, 403}:
        return Denied(words, next_step="the password of the server: LETTA_SERVER_PASSWORD, or password_file")
    if status == 404:
        return NotFound(status, words)
    return ApiError(status, words)
