"""The engine client: what the dashboard reads all the time, and commands inside containers."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from lettaops.model.document import Document
from lettaops.model.engine import Container, ContainerSummary, EngineVersion, Event, StatsSample
from lettaops.model.engine_documents import (
    container_from_inspect,
    container_from_list,
    event_from,
    stats_from,
)
from lettaops.model.errors import DeadlineExceeded, ProtocolError
from lettaops.model.frames import LineDecoder, LogDecoder, LogLine
from lettaops.model.secrets import Secret
from lettaops.sources.engine.archive import unpacked
from lettaops.sources.engine.exec import ExecResult, ExecStream, collect, exec_body
from lettaops.sources.engine.explain import not_json, status_error
from lettaops.sources.engine.streams import DocumentStream, LogStream
from lettaops.sources.engine.version import choose_version
from lettaops.sources.engine.wire import ByteStream, Wire, deadline
from lettaops.sources.target import EngineTarget

L = TypeVar("L")

DEFAULT_TIMEOUT: Final = 3.0
STATS_SECONDS: Final = 5.0  # engines before 23.0 take up to 2 s for one sample
STATS_SILENCE_SECONDS: Final = 15.0  # a sample is due each second or two
LOG_SILENCE_SECONDS: Final = 30.0  # an engine looks through a whole log file before its first line
MAX_OUTPUT_BYTES: Final = 16 * 1024 * 1024


class Engine:
    """A Docker Engine API client for one engine, within one event loop.

    Every request has a deadline: `timeout` seconds, or the method's own argument. Any method
    may raise `Unreachable` (no socket, refused, cut), `DeadlineExceeded` (no answer in time),
    `Denied` (permission, certificate), `Refused` (a version we can't speak with),
    `ProtocolError` (no engine's answer) and `ApiError` (the engine says no; `NotFound`: no such
    container, `Conflict`: its state doesn't allow it).
    """

    def __init__(self, target: EngineTarget, *, timeout: float = DEFAULT_TIMEOUT) -> None:
        self.target = target
        self.timeout = timeout
        self.version: EngineVersion | None = None
        self._wire = Wire(target)
        self._negotiating = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections. Streams that are open end with `Unreachable`."""
        self._wire.close()

    # -- questions -------------------------------------------------------------------------

    async def negotiate(self, timeout: float | None = None) -> EngineVersion:
        """Ask for the engine's version and choose the API version; the first request does it by itself.

        Raises `Refused` when there is no version that both speak.
        """
        what = "asking for the version"
        response = await self._wire.request("GET", "/version", what=what, timeout=self._seconds(timeout))
        if response.head.status != 200:
            raise status_error(response.head.status, response.body, what)
        self.version = choose_version(_json(response.body, what), self.target.name)
        return self.version

    async def ping(self, timeout: float | None = None) -> float:
        """Seconds that the engine took to answer. Never waits behind other requests."""
        before = time.monotonic()
        what = "ping"
        response = await self._wire.request(
            "GET", "/_ping", what=what, timeout=self._seconds(timeout), urgent=True
        )
        if response.head.status != 200:
            raise status_error(response.head.status, response.body, what)
        return time.monotonic() - before

    async def containers(
        self, *, all: bool = True, timeout: float | None = None
    ) -> tuple[ContainerSummary, ...]:
        """The list of containers, stopped ones included unless `all` is False."""
        value = await self._get("/containers/json", {"all": int(all)}, "listing containers", timeout)
        if not isinstance(value, list):
            raise _unexpected("listing containers")
        rows = (container_from_list(item) for item in value)
        return tuple(row for row in rows if row.id)

    async def inspect(self, container_id: str, timeout: float | None = None) -> Container:
        """One container. `container_id`: a full id; the engine takes names and beginnings of ids, too."""
        container = container_from_inspect(await self.inspect_raw(container_id, timeout))
        if not container.id:
            raise _unexpected("inspecting a container")
        return container

    async def inspect_raw(self, container_id: str, timeout: float | None = None) -> dict[str, object]:
        """The inspect document as it is: for making an equal container, never to be shown."""
        what = f"inspecting {_short(container_id)}"
        value = await self._get(f"/containers/{_quoted(container_id)}/json", {}, what, timeout)
        if not isinstance(value, dict):
            raise _unexpected(what)
        return value

    async def info(self, timeout: float | None = None) -> Document:
        """The engine's description of itself and its machine (`docker info`)."""
        return Document(await self._get("/info", {}, "asking for the engine's description", timeout))

    async def networks(self, timeout: float | None = None) -> list[Document]:
        """All networks, with `Name`, `Id`, `Driver`, `IPAM` and `Labels`."""
        value = await self._get("/networks", {}, "listing networks", timeout)
        return list(Document({"list": value}).subs("list"))

    async def files(self, container_id: str, path: str, timeout: float | None = None) -> dict[str, bytes]:
        """The regular files at and below a path of a container, by their path in it.

        Runs nothing in the container, so it works on a stopped one too.
        Raises `NotFound`, and `ProtocolError` for an answer that is no archive or too large.
        """
        what = f"reading {path} of {_short(container_id)}"
        body = await self._get_body(
            f"/containers/{_quoted(container_id)}/archive", {"path": path}, what, timeout
        )
        return unpacked(body, path, what)

    async def stats(self, container_id: str, timeout: float | None = None) -> StatsSample:
        """One sample of a container's counters. Engines before 23.0 take one to two seconds for it."""
        value = await self._get(
            f"/containers/{_quoted(container_id)}/stats",
            {"stream": 0, "one-shot": 1},
            f"reading the counters of {_short(container_id)}",
            timeout if timeout is not None else max(self.timeout, STATS_SECONDS),
        )
        return stats_from(value)

    # -- streams ---------------------------------------------------------------------------

    @asynccontextmanager
    async def events(
        self, *, since: float | None = None, timeout: float | None = None
    ) -> AsyncIterator[DocumentStream[Event]]:
        """Events from now on, or from `since` (seconds since 1970), without those of execs.

        Entering returns once the engine is sending. The stream may be silent for hours, also
        when the engine is frozen: watch it with `ping`.
        """
        query = {} if since is None else {"since": f"{since:.9f}"}
        async with self._stream("/events", query, "reading events", timeout) as stream:
            yield DocumentStream(stream, "reading events", _event, None)

    @asynccontextmanager
    async def stats_stream(
        self, container_id: str, *, timeout: float | None = None
    ) -> AsyncIterator[DocumentStream[StatsSample]]:
        """A sample of a container's counters each second. Costs the engine about 2 ms a sample."""
        what = f"following the counters of {_short(container_id)}"
        path = f"/containers/{_quoted(container_id)}/stats"
        async with self._stream(path, {"stream": 1}, what, timeout) as stream:
            yield DocumentStream(stream, what, stats_from, STATS_SILENCE_SECONDS)

    @asynccontextmanager
    async def logs(
        self,
        container_id: str,
        *,
        follow: bool,
        tail: int | None,
        timestamps: bool,
        tty: bool,
        since: float | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[LogStream[LogLine]]:
        """Lines of a container's log, in batches. `tail`: from that many lines before the end, None: all.

        `tty`: whether the container has a terminal (`Container.tty`). `since` (seconds since
        1970) alone makes an engine read the whole log file: give `tail` with it. After a
        reconnect use `tail` and `timestamps`, and leave out what was seen.
        """
        decoder = LogDecoder(terminal=tty, timestamps=timestamps)
        async with self.decoded_log(
            container_id,
            decoder,
            follow=follow,
            tail=tail,
            timestamps=timestamps,
            since=since,
            timeout=timeout,
        ) as log:
            yield log

    @asynccontextmanager
    async def decoded_log(
        self,
        container_id: str,
        decoder: LineDecoder[L],
        *,
        follow: bool,
        tail: int | None,
        timestamps: bool,
        since: float | None = None,
        timeout: float | None = None,
    ) -> AsyncIterator[LogStream[L]]:
        """As `logs`, as the values that a decoder makes of the lines."""
        query: dict[str, str | int] = {
            "follow": int(follow),
            "stdout": 1,
            "stderr": 1,
            "timestamps": int(timestamps),
            "tail": "all" if tail is None else tail,
        }
        if since is not None:
            query["since"] = f"{since:.9f}"
        what = f"reading the log of {_short(container_id)}"
        async with self._stream(f"/containers/{_quoted(container_id)}/logs", query, what, timeout) as stream:
            yield LogStream(stream, what, decoder, idle=None if follow else LOG_SILENCE_SECONDS)

    # -- commands --------------------------------------------------------------------------

    async def exec(
        self,
        container_id: str,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str | Secret] | None = None,
        user: str | None = None,
        stdin: bytes | None = None,
        timeout: float,
        max_output: int = MAX_OUTPUT_BYTES,
    ) -> ExecResult:
        """Run a command in a container to its end. Any exit status is a result, not an error.

        Raises `DeadlineExceeded` after `timeout` seconds: the command then may run on in the
        container. `ProtocolError` when it prints more than `max_output` bytes. `Conflict` when
        the container doesn't run or is paused.
        """
        what = f"running {_program(argv)} in {_short(container_id)}"
        try:
            async with (
                deadline(self.target, timeout, what),
                self.exec_stream(
                    container_id,
                    argv,
                    environment=environment,
                    user=user,
                    stdin=stdin is not None,
                    timeout=timeout,
                ) as process,
            ):
                return await collect(process, stdin, max_output, what)
        except DeadlineExceeded as error:
            raise DeadlineExceeded(
                error.what,
                not_done="the command may still run in the container: the engine can't stop it",
                next_step=error.next_step,
            ) from error

    @asynccontextmanager
    async def exec_stream(
        self,
        container_id: str,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str | Secret] | None = None,
        user: str | None = None,
        stdin: bool = False,
        timeout: float | None = None,
        idle: float | None = None,
    ) -> AsyncIterator[ExecStream]:
        """Start a command and give its output as it comes; `timeout` is for starting it.

        `stdin`: input will be written, and must be ended. `idle`: seconds without output after
        which `DeadlineExceeded` is raised (None: a silent command is waited for).
        """
        seconds = self._seconds(timeout)
        what = f"running {_program(argv)} in {_short(container_id)}"
        prefix = await self._prefix(timeout)
        response = await self._wire.request(
            "POST",
            f"{prefix}/containers/{_quoted(container_id)}/exec",
            what=what,
            timeout=seconds,
            body=exec_body(argv, environment=environment, user=user, stdin=stdin),
        )
        if response.head.status != 201:
            raise status_error(response.head.status, response.body, what, not_done="nothing was run")
        exec_id = Document(_json(response.body, what)).text("Id")
        path = f"{prefix}/exec/{_quoted(exec_id)}"
        stream = await self._wire.upgrade(
            f"{path}/start", {"Detach": False, "Tty": False}, what=what, timeout=seconds
        )
        try:
            if stdin and stream.head.status != 101:
                raise ProtocolError(
                    f"{what}: something between here and the engine doesn't let input through",
                    not_done="the command got no input",
                    next_step="use the engine's socket itself, or a proxy that passes `Upgrade: tcp`",
                )

            async def inspect(remaining: float) -> Document:
                return Document(await self._get(path.removeprefix(prefix) + "/json", {}, what, remaining))

            yield ExecStream(exec_id, stream, what, inspect, timeout=seconds, idle=idle, stdin=stdin)
        finally:
            stream.close()

    # -- inside ----------------------------------------------------------------------------

    def _seconds(self, timeout: float | None) -> float:
        return self.timeout if timeout is None else timeout

    async def _prefix(self, timeout: float | None) -> str:
        version = self.version
        if version is None:
            # The deadline covers the wait for whoever else is negotiating.
            async with (
                deadline(self.target, self._seconds(timeout), "asking for the version"),
                self._negotiating,
            ):
                version = self.version or await self.negotiate(timeout)
        return f"/v{version.api}"

    async def _get(
        self, path: str, query: Mapping[str, str | int], what: str, timeout: float | None
    ) -> object:
        return _json(await self._get_body(path, query, what, timeout), what)

    async def _get_body(
        self, path: str, query: Mapping[str, str | int], what: str, timeout: float | None
    ) -> bytes:
        for attempt in (1, 2):
            response = await self._wire.request(
                "GET",
                await self._prefix(timeout) + path + _encoded(query),
                what=what,
                timeout=self._seconds(timeout),
            )
            if response.head.status == 200:
                return response.body
            if attempt == 1 and response.head.status == 400 and b"client version" in response.body:
                self.version = None  # the engine was replaced by another version
                continue
            break
        raise status_error(response.head.status, response.body, what)

    @asynccontextmanager
    async def _stream(
        self, path: str, query: Mapping[str, str | int], what: str, timeout: float | None
    ) -> AsyncIterator[ByteStream]:
        stream = await self._wire.stream(
            await self._prefix(timeout) + path + _encoded(query), what=what, timeout=self._seconds(timeout)
        )
        try:
            yield stream
        finally:
            stream.close()


def _event(value: object) -> Event | None:
    # Healthchecks make three exec events every few seconds: nobody wants to see them, or to pay for them.
    if isinstance(value, dict) and str(value.get("Action")).startswith("exec_"):
        return None
    return event_from(value)


def _json(body: bytes, what: str) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise not_json(what, body) from error


def _unexpected(what: str) -> ProtocolError:
    return ProtocolError(
        f"{what}: the answer has another shape than an engine's",
        next_step="check what answers at this address: it may not be a Docker engine",
    )


def _quoted(identity: str) -> str:
    return quote(identity, safe="")


def _encoded(query: Mapping[str, str | int]) -> str:
    return f"?{urlencode(query)}" if query else ""


def _short(container_id: str) -> str:
    return container_id[:12] if len(container_id) == 64 else container_id


def _program(argv: Sequence[str]) -> str:
    # Never the arguments: they go into messages, and may hold what must not be shown.
    return argv[0] if argv else "nothing"
