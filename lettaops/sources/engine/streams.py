"""Answers that go on: events, statistics and logs."""

from collections import deque
from collections.abc import Callable
from typing import Final, Generic, Self, TypeVar

import msgspec

from lettaops.model.errors import ApiError, ProtocolError
from lettaops.model.frames import LineDecoder
from lettaops.model.text import clean_bytes
from lettaops.sources.engine.explain import not_json
from lettaops.sources.engine.wire import ByteStream

T = TypeVar("T")

_MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024


class DocumentStream(Generic[T]):
    """Asynchronous iterator over values made of a stream's JSON documents, one a line.

    The iteration ends when the engine ends the stream: that says nothing about a container.
    Raises `Unreachable` when the connection is cut, `DeadlineExceeded` when `idle` seconds pass
    without a byte (None: a stream that may be silent), `ProtocolError` for what isn't JSON.
    """

    def __init__(
        self, stream: ByteStream, what: str, convert: Callable[[object], T | None], idle: float | None
    ) -> None:
        self._stream = stream
        self._what = what
        self._convert = convert
        self._idle = idle
        self._pending = b""
        self._ready: deque[T] = deque()
        self._broken: ProtocolError | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._ready:
            if self._broken is not None:
                raise self._broken
            data = await self._stream.read_within(self._idle, self._what)
            if not data:
                raise StopAsyncIteration
            self._take(data)
        return self._ready.popleft()

    def _take(self, data: bytes) -> None:
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            if not line.strip():
                continue
            try:
                value = self._convert(msgspec.json.decode(line))
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                self._broken = not_json(self._what, line)
                return
            if value is not None:
                self._ready.append(value)
        if len(self._pending) > _MAX_DOCUMENT_BYTES:
            self._broken = ProtocolError(
                f"{self._what}: the engine sends a document larger than 4 MiB",
                next_step="check what answers at this address: it may not be a Docker engine",
            )


class LogStream(Generic[T]):
    """Asynchronous iterator over batches of log lines: what one read of the socket brought, never empty.

    Not reading holds the engine back: there is no unbounded buffer. The end of the iteration
    says nothing about the container. `unfinished`: the last batch is what the end of the stream
    left without a line feed. Raises as `DocumentStream`, and `ApiError` with what the engine says
    when it gives the log up.
    """

    def __init__(self, stream: ByteStream, what: str, decoder: LineDecoder[T], *, idle: float | None) -> None:
        self.unfinished = False
        self._stream = stream
        self._what = what
        self._idle = idle
        self._decoder = decoder
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[T]:
        while not self._ended:
            data = await self._stream.read_within(self._idle, self._what)
            if data:
                lines = self._decoder.feed(data)
            else:
                self._ended = self.unfinished = True
                lines = self._decoder.flush()
            if lines:
                return lines
        self._decoder.end()
        if said := self._decoder.engine_error:
            raise ApiError(
                500,
                f"{self._what}: the engine gave up: {clean_bytes(said)}",
                next_step="look at the engine's log (journalctl -u docker); a damaged log file ends reading",
            )
        raise StopAsyncIteration
