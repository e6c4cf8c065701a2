"""One connection to an engine: bytes out and bytes in, straight from the socket.

Reading only when somebody asks for bytes is the back-pressure: what is not read stays with
the engine. No deadlines here: whoever calls sets one around the call.
"""

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import Final

from lettaops.model.errors import LettaopsError
from lettaops.sources.dial import addresses_of
from lettaops.sources.engine.explain import connect_error, lost_error
from lettaops.sources.engine.tls import TlsSession, tls_context
from lettaops.sources.target import EngineTarget

_READ_BYTES: Final = 256 * 1024
_BUSY_SECONDS: Final = 0.004  # a stream that never runs dry lets others have their turn after this
_BACKLOG_PAUSE_SECONDS: Final = 0.05


class Connection:
    """A connected socket. `bytes_in` counts what the engine sent. One reader and one writer at a time."""

    def __init__(self, target: EngineTarget, sock: socket.socket) -> None:
        self.bytes_in = 0
        self.closed = False
        self._target = target
        self._loop = asyncio.get_running_loop()
        self._socket = sock
        self._descriptor = sock.fileno()  # asyncio is slower with the object
        self._tls: TlsSession | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._watching = False
        self._sending = asyncio.Lock()
        self._turn_ends = 0.0
        self._asked = False

    @classmethod
    async def open(cls, target: EngineTarget) -> "Connection":
        """Connect. Raises `Unreachable` or `Denied`, each with what to do about it."""
        try:
            if target.kind == "unix":
                return await cls._open_unix(target)
            return await cls._open_tcp(target)
        except (OSError, ValueError) as error:  # ValueError: a path or name that no socket takes
            raise connect_error(target, error) from error

    @classmethod
    async def _open_unix(cls, target: EngineTarget) -> "Connection":
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            while True:
                try:
                    sock.connect(target.path)
                except BlockingIOError:  # the queue of a frozen engine is full
                    await asyncio.sleep(_BACKLOG_PAUSE_SECONDS)
                else:
                    return cls(target, sock)
        except BaseException:
            sock.close()
            raise

    @classmethod
    async def _open_tcp(cls, target: EngineTarget) -> "Connection":
        context = tls_context(target.tls) if target.tls is not None else None
        failure = OSError("the name has no address")
        for family, address in await addresses_of(target.host, target.port):
            sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            connection = cls(target, sock)
            try:
                await connection._loop.sock_connect(sock, address)
                _watch_link(sock)
                if context is not None:
                    await connection._handshake(TlsSession(context, target.host))
            except ssl.SSLError:
                connection.close()
                raise
            except OSError as error:
                connection.close()
                failure = error
            except BaseException:
                connection.close()
                raise
            else:
                return connection
        raise failure

    async def _handshake(self, session: TlsSession) -> None:
        data = b""
        while True:
            try:
                session.feed(data)
            finally:
                await self._send_all(session.outgoing())  # an alert, too, is worth sending
            if session.established:
                break
            data = await self._read_socket()
            if not data:
                raise ssl.SSLEOFError("closed in the handshake")
        self._tls = session

    @property
    def idle(self) -> bool:
        """Whether it is open with nothing unread: fit for a request."""
        if self.closed:
            return False
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    async def send(self, data: bytes) -> None:
        """Hand bytes to the socket; waits while the engine is behind. Raises `Unreachable` when cut."""
        self._turn_ends = self._loop.time() + _BUSY_SECONDS
        self._asked = True
        async with self._sending:
            try:
                if self._tls is not None:
                    self._tls.encrypt(data)
                    data = self._tls.outgoing()
                await self._send_all(data)
            except OSError as error:
                raise self._lost(error) from error

    async def end_writing(self) -> None:
        """Tell the engine that no more input comes, and go on reading."""
        async with self._sending:
            with suppress(OSError):  # it is gone already: reading tells
                if self._tls is not None:
                    self._tls.end_writing()
                    await self._send_all(self._tls.outgoing())
                else:
                    self._socket.shutdown(socket.SHUT_WR)

    async def receive(self) -> bytes:
        """Bytes that have come, at least one; b"" at the end of the stream.

        Raises `Unreachable` when the connection was cut.
        """
        try:
            while self._tls is None or not self._tls.ended:
                data = await self._read_socket()
                self.bytes_in += len(data)
                if self._tls is None or not data:
                    return data
                plain = self._tls.feed(data)
                if answer := self._tls.outgoing():
                    async with self._sending:
                        await self._send_all(answer)
                if plain:
                    return plain
        except OSError as error:
            raise self._lost(error) from error
        return b""

    def close(self) -> None:
        """Close at once. Whoever is waiting in `receive` or `send` gets `Unreachable`."""
        if self.closed:
            return
        self.closed = True
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)
        self._socket.close()
        _settle(self._reader)
        _settle(self._writer)

    # -- inside ----------------------------------------------------------------------------

    async def _read_socket(self) -> bytes:
        if self._loop.time() > self._turn_ends:
            await asyncio.sleep(0)
            self._turn_ends = self._loop.time() + _BUSY_SECONDS
        if self._asked:  # an answer is never there at once: spare the vain try
            self._asked = False
            await self._readable()
        while not self.closed:
            try:
                return self._socket.recv(_READ_BYTES)
            except BlockingIOError:
                await self._readable()
                self._turn_ends = self._loop.time() + _BUSY_SECONDS
        raise _closed_by_us()

    async def _send_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            if self.closed:
                raise _closed_by_us()
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                await self._writable()

    async def _readable(self) -> None:
        if self.closed:
            raise _closed_by_us()
        self._reader = self._loop.create_future()
        # Once watched, a socket stays so: starting and stopping for each wait doubles its cost.
        if not self._watching:
            self._loop.add_reader(self._descriptor, self._on_readable)
            self._watching = True
        try:
            await self._reader
        finally:
            self._reader = None

    def _on_readable(self) -> None:
        _settle(self._reader)
        if self._reader is None:
            self._watching = False
            self._loop.remove_reader(self._descriptor)

    async def _writable(self) -> None:
        self._writer = self._loop.create_future()
        self._loop.add_writer(self._descriptor, _settle, self._writer)
        try:
            await self._writer
        finally:
            self._writer = None
            if not self.closed:
                self._loop.remove_writer(self._descriptor)

    def _lost(self, error: OSError) -> LettaopsError:
        return lost_error(self._target, error)


def _settle(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)


def _closed_by_us() -> OSError:
    return OSError("closed by lettaops")


def _watch_link(sock: socket.socket) -> None:
    # A link that is cut without a word is noticed after 10 + 3 x 5 seconds.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, value in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, name):  # not on every system
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
