"""A Postgres server on a loopback port, true to its protocol as far as `SELECT 1` goes, and able to fail."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

_SSL_REQUEST: Final = 80877103
_PARAMETERS: Final = {
    "server_version": "16.4",
    "server_encoding": "UTF8",
    "client_encoding": "UTF8",
    "integer_datetimes": "on",
    "standard_conforming_strings": "on",
}


class FakePostgres:
    """The server; use as an asynchronous context manager. Lets everybody in.

    `refuse` a session, or fail a question (`fail`), with an SQLSTATE; `silent`: answer no question;
    `delay` sessions by seconds.
    """

    def __init__(self) -> None:
        self.port = 0
        self.sessions = 0
        self.questions = 0
        self.open = 0
        self.most_open = 0
        self.settings: dict[str, str] = {}
        self.refuse = self.fail = ""
        self.silent = False
        self.delay = 0.0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, and cut every session."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._let_in(reader, writer)
            self.sessions += 1
            self.open += 1
            self.most_open = max(self.most_open, self.open)
            try:
                await self._answer(reader, writer)
            finally:
                self.open -= 1
        except (asyncio.IncompleteReadError, OSError):
            pass  # the client went away, as it may
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = await _read(reader)
        if struct.unpack("!i", body[:4])[0] == _SSL_REQUEST:
            writer.write(b"N")
            body = await _read(reader)
        words = body[4:].decode().split("\0")
        self.settings = dict(zip(words[::2], words[1::2], strict=False))
        await asyncio.sleep(self.delay)
        if self.refuse:
            writer.write(_error(self.refuse))
            raise ConnectionAbortedError
        writer.write(_message(b"R", struct.pack("!i", 0)))
        for name, value in _PARAMETERS.items():
            writer.write(_message(b"S", f"{name}\0{value}\0".encode()))
        writer.write(_message(b"K", struct.pack("!ii", 1, 2)) + _message(b"Z", b"I"))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            kind = await reader.readexactly(1)
            await _read(reader)
            if kind == b"X":
                return
            self.questions += 1
            if self.silent:
                await reader.read()
                return
            if self.fail:
                writer.write(_error(self.fail))
            else:
                column = struct.pack("!hihih", 0, 23, 4, -1, 0)  # of no table; int4
                writer.write(_message(b"T", struct.pack("!h", 1) + b"one\0" + struct.pack("!i", 0) + column))
                writer.write(_message(b"D", struct.pack("!hi", 1, 1) + b"1"))
                writer.write(_message(b"C", b"SELECT 1\0"))
            writer.write(_message(b"Z", b"I"))


async def _read(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack("!i", await reader.readexactly(4))
    return await reader.readexactly(length - 4)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def _error(state: str) -> bytes:
    return _message(b"E", f"SFATAL\0VFATAL\0C{state}\0Mwords\0\0".encode())
