"""HTTP with an engine: short requests over kept connections, long answers over their own."""

import asyncio
from types import TracebackType
from typing import Final, NamedTuple
from weakref import WeakSet

from lettaops import __version__
from lettaops.model.encoding import encode
from lettaops.model.errors import Unreachable
from lettaops.model.http1 import BodyDecoder, HeadParser, ResponseHead, body_decoder
from lettaops.sources.engine.connection import Connection
from lettaops.sources.engine.explain import deadline_error, lost_error, status_error
from lettaops.sources.target import EngineTarget

MAX_BODY_BYTES: Final = 32 * 1024 * 1024
MAX_ERROR_BYTES: Final = 1024 * 1024
MAX_REQUESTS: Final = 8  # at a time, so that a slow engine isn't flooded
_HTTP_1_0_REFUSED: Final = frozenset({400, 426, 505})


class Response(NamedTuple):
    """A whole answer."""

    head: ResponseHead
    body: bytes


class ByteStream:
    """The body of an answer, as it comes. `connection` is this stream's alone."""

    def __init__(self, target: EngineTarget, connection: Connection, head: ResponseHead, rest: bytes) -> None:
        self.head = head
        self.connection = connection
        self._target = target
        self._decoder: BodyDecoder = body_decoder(head)
        self._rest = rest

    async def read(self) -> bytes:
        """All bytes of the body that have come, at least one; b"" at its end.

        Raises `Unreachable` when the connection was cut within the body, where that can be seen.
        """
        while True:
            if self._rest:
                data, self._rest = self._rest, b""
            elif self._decoder.complete:
                return b""
            else:
                data = await self.connection.receive()
                if not data:
                    self._decoder.end()
                    return b""
            if body := self._decoder.feed(data):
                return body

    async def read_within(self, seconds: float | None, what: str) -> bytes:
        """`read`, raising `DeadlineExceeded` when nothing comes for `seconds` (None: no deadline)."""
        if seconds is None:
            return await self.read()
        async with deadline(self._target, seconds, what):
            return await self.read()

    def close(self) -> None:
        """Close the connection; the engine notices."""
        self.connection.close()


class deadline:  # noqa: N801 -- used as a function, like asyncio.timeout
    """Asynchronous context: `DeadlineExceeded` when the block takes longer than `seconds`."""

    def __init__(self, target: EngineTarget, seconds: float, what: str) -> None:
        self._target = target
        self._seconds = seconds
        self._what = what
        self._timeout = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as passed:
            raise deadline_error(self._target, self._what, self._seconds) from passed


class Wire:
    """Requests to one engine, over at most `MAX_REQUESTS` connections that are kept for the next ones."""

    def __init__(self, target: EngineTarget) -> None:
        self.target = target
        self._idle: list[Connection] = []
        self._open: WeakSet[Connection] = WeakSet()
        self._slots = asyncio.Semaphore(MAX_REQUESTS)
        self._stream_version = "1.0"
        self._closed = False
        address = "docker" if target.kind == "unix" else target.url.removeprefix("tcp://")
        self._headers = f"Host: {address}\r\nUser-Agent: lettaops/{__version__}\r\n"

    async def request(
        self,
        method: str,
        path: str,
        *,
        what: str,
        timeout: float,
        body: object = None,
        limit: int = MAX_BODY_BYTES,
        urgent: bool = False,
    ) -> Response:
        """One request and its whole answer, whatever its status. `body` is sent as JSON.

        `what` names the request in messages; `timeout` is for everything from waiting for a
        free connection to the last byte; `urgent` doesn't wait for a free connection.
        """
        data = self._encode(method, path, "1.1", body=body)
        async with deadline(self.target, timeout, what):
            if urgent:
                return await self._attempt(method, data, limit)
            async with self._slots:
                return await self._attempt(method, data, limit)

    async def stream(self, path: str, *, what: str, timeout: float) -> ByteStream:
        """GET a long answer; returns once its head has come, within `timeout`. An error status raises.

        HTTP/1.0, because engines then send the bare output and not a chunk for each log line;
        HTTP/1.1 where something between insists on it.
        """
        async with deadline(self.target, timeout, what):
            version = self._stream_version
            stream = await self._start(self._encode("GET", path, version, last=True))
            if version == "1.0" and stream.head.status in _HTTP_1_0_REFUSED:
                stream.close()
                stream = await self._start(self._encode("GET", path, "1.1", last=True))
                if stream.head.status < 400:
                    self._stream_version = "1.1"
            return await self._checked(stream, what)

    async def upgrade(self, path: str, body: object, *, what: str, timeout: float) -> ByteStream:
        """POST and take the connection over in both directions. An error status raises."""
        data = self._encode("POST", path, "1.1", body=body, upgrade=True)
        async with deadline(self.target, timeout, what):
            return await self._checked(await self._start(data), what)

    def close(self) -> None:
        """Close all connections; whoever waits for an answer or in a stream gets `Unreachable`."""
        self._closed = True
        for connection in self._open:
            connection.close()

    # -- inside ----------------------------------------------------------------------------

    async def _connect(self) -> Connection:
        if self._closed:
            raise Unreachable("the connection to the engine was closed by lettaops itself")
        connection = await Connection.open(self.target)
        self._open.add(connection)
        return connection

    async def _attempt(self, method: str, data: bytes, limit: int) -> Response:
        # A kept connection may have died unseen. What only reads can then simply be asked again;
        # the rest gets a fresh connection, for nobody could tell whether it was carried out.
        connection = self._take_idle() if method == "GET" else None
        if connection is not None:
            before = connection.bytes_in
            try:
                return await self._exchange(connection, data, limit)
            except Unreachable:
                if connection.bytes_in != before:
                    raise
        return await self._exchange(await self._connect(), data, limit)

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.idle:
                return connection
            connection.close()
        return None

    async def _exchange(self, connection: Connection, data: bytes, limit: int) -> Response:
        keep = False
        try:
            await connection.send(data)
            head, rest = await self._read_head(connection)
            decoder = body_decoder(head, limit=limit)
            parts = [decoder.feed(rest)]
            while not decoder.complete:
                received = await connection.receive()
                if received:
                    parts.append(decoder.feed(received))
                else:
                    decoder.end()
            keep = head.keep_alive and not self._closed
            return Response(head, b"".join(parts))
        finally:
            if keep:
                self._idle.append(connection)
            else:
                connection.close()

    async def _start(self, data: bytes) -> ByteStream:
        connection = await self._connect()
        try:
            await connection.send(data)
            head, rest = await self._read_head(connection)
            return ByteStream(self.target, connection, head, rest)
        except BaseException:
            connection.close()
            raise

    async def _checked(self, stream: ByteStream, what: str) -> ByteStream:
        if stream.head.status < 400:
            return stream
        parts: list[bytes] = []
        try:
            while data := await stream.read():
                parts.append(data)
                if sum(map(len, parts)) > MAX_ERROR_BYTES:
                    break
        finally:
            stream.close()
        raise status_error(stream.head.status, b"".join(parts), what)

    async def _read_head(self, connection: Connection) -> tuple[ResponseHead, bytes]:
        parser = HeadParser()
        rest = b""
        while True:
            data = rest or await connection.receive()
            if not data:
                raise lost_error(self.target, None)
            head = parser.feed(data)
            rest = parser.rest if head is not None else b""
            if head is not None:
                if head.status >= 200 or head.status == 101:
                    return head, rest
                parser = HeadParser()

    def _encode(
        self,
        method: str,
        path: str,
        version: str,
        *,
        body: object = None,
        last: bool = False,
        upgrade: bool = False,
    ) -> bytes:
        head = f"{method} {path} HTTP/{version}\r\n{self._headers}"
        if upgrade:
            head += "Connection: Upgrade\r\nUpgrade: tcp\r\n"
        elif last:
            head += "Connection: close\r\n"
        content = b""
        if body is not None:
            content = encode(body)
            head += "Content-Type: application/json\r\n"
        if method != "GET":
            head += f"Content-Length: {len(content)}\r\n"
        return f"{head}\r\n".encode("ascii") + content
