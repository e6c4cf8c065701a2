"""A small Docker engine on a real unix socket: true to the protocol, and able to fail in every way.

By default it has one running container, `CONTAINER_ID`. `on(path, reply)` replaces the answer of
a path (without the version in front); a reply is a coroutine function that writes to the socket.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from lettaops.model.text import Safe
from lettaops.sources.target import EngineTarget

CONTAINER_ID = "c0ffee" + "0" * 58
VERSION = {
    "Version": "27.3.1",
    "ApiVersion": "1.47",
    "MinAPIVersion": "1.24",
    "Os": "linux",
    "Arch": "amd64",
    "KernelVersion": "6.1.0",
}
INSPECT = {
    "Id": CONTAINER_ID,
    "Name": "/letta_server",
    "Config": {"Image": "letta/letta:latest", "Tty": False, "Labels": None},
    "State": {"Status": "running", "Pid": 42},
}
LIST = [{"Id": CONTAINER_ID, "Names": ["/letta_server"], "State": "running", "Status": "Up 2 days"}]


@dataclass
class Request:
    """A request as it came. `path` has no version in front; `api` is that version."""

    method: str
    path: str
    api: str
    query: dict[str, str]
    http: str
    headers: dict[str, str]
    body: bytes
    connection: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


Reply = Callable[[Request], Awaitable[None]]


@dataclass
class FakeEngine:
    """The engine; use as an asynchronous context manager. `requests` holds what was asked."""

    path: Path
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._replies: dict[str, Reply] = {
            "/version": answer(VERSION),
            "/_ping": raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"),
            "/containers/json": answer(LIST),
            f"/containers/{CONTAINER_ID}/json": answer(INSPECT),
            "/info": answer({"Name": "fake", "ServerVersion": "27.3.1"}),
            "/networks": answer([{"Name": "bridge", "Id": "1"}]),
        }
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def target(self) -> EngineTarget:
        """How to reach it."""
        return EngineTarget(kind="unix", path=str(self.path), name=Safe("fake"), origin=Safe("--host"))

    def on(self, path: str, reply: Reply) -> None:
        """Answer a path in another way from now on."""
        self._replies[path] = reply

    def asked(self, path: str) -> list[Request]:
        """The requests for a path so far."""
        return [request for request in self.requests if request.path == path]

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._accept, self.path)

    async def stop(self) -> None:
        """Cut every connection and remove the socket."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self.path.unlink(missing_ok=True)

    async def cut_connections(self) -> None:
        """Close every connection, and go on listening."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.ensure_future(self._serve(reader, writer, self.connections))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
    ) -> None:
        try:
            while not writer.is_closing():
                request = await _read_request(reader, writer, connection)
                self.requests.append(request)
                reply = self._replies.get(request.path, error(404, f"page not found: {request.path}"))
                await reply(request)
                await writer.drain()
                if request.headers.get("connection") == "close" or request.http == "HTTP/1.0":
                    break
        except (asyncio.IncompleteReadError, OSError):
            pass  # the client went away, as it may
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int
) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("utf-8")
    first, *lines = head.split("\r\n")[:-2]
    method, target, http = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    parts = urlsplit(target)
    versioned = re.fullmatch(r"/v(\d+\.\d+)(/.*)", parts.path)
    return Request(
        method=method,
        path=versioned[2] if versioned else parts.path,
        api=versioned[1] if versioned else "",
        query=dict(parse_qsl(parts.query)),
        http=http,
        headers=headers,
        body=body,
        connection=connection,
        reader=reader,
        writer=writer,
    )


def answer(value: object, status: int = 200) -> Reply:
    """A whole JSON answer with its length."""
    body = json.dumps(value).encode()
    return raw(
        b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        % (status, len(body), body)
    )


def error(status: int, message: str) -> Reply:
    """An answer as engines give it for an error."""
    return answer({"message": message}, status)


def raw(*pieces: bytes) -> Reply:
    """These bytes, one write each with a turn of the event loop between them."""

    async def reply(request: Request) -> None:
        for piece in pieces:
            request.writer.write(piece)
            await request.writer.drain()
            await asyncio.sleep(0)

    return reply


def cut_after(*pieces: bytes) -> Reply:
    """These bytes, then the end of the connection."""

    async def reply(request: Request) -> None:
        await raw(*pieces)(request)
        request.writer.close()

    return reply


def hang(*pieces: bytes) -> Reply:
    """These bytes, then silence with the connection open."""

    async def reply(request: Request) -> None:
        await raw(*pieces)(request)
        await request.reader.read()

    return reply


def trickle(data: bytes, pause: float) -> Reply:
    """A byte every `pause` seconds."""

    async def reply(request: Request) -> None:
        for byte in data:
            request.writer.write(bytes([byte]))
            await request.writer.drain()
            await asyncio.sleep(pause)

    return reply


def stream(*pieces: bytes, then: str = "end") -> Reply:
    """A long answer as an engine sends it: bare to HTTP/1.0, a chunk for each piece to HTTP/1.1.

    `then`: "end" it, "cut" it without its end, or "stay" silent.
    """

    async def reply(request: Request) -> None:
        chunked = request.http == "HTTP/1.1"
        head = b"Transfer-Encoding: chunked\r\n" if chunked else b""
        request.writer.write(b"%b 200 OK\r\n%b\r\n" % (request.http.encode(), head))
        for piece in pieces:
            request.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            await request.writer.drain()
            await asyncio.sleep(0)
        if then == "stay":
            await request.reader.read()
        if chunked and then == "end":
            request.writer.write(b"0\r\n\r\n")
        request.writer.close()

    return reply


def only_http_1_1(reply: Reply, status: int) -> Reply:
    """Something between that refuses HTTP/1.0 with a status."""

    async def check(request: Request) -> None:
        if request.http == "HTTP/1.0":
            request.writer.write(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)
            request.writer.close()
        else:
            await reply(request)

    return check


def framed(stream_number: int, payload: bytes) -> bytes:
    """A frame of a container's output."""
    return bytes([stream_number, 0, 0, 0]) + len(payload).to_bytes(4, "big") + payload
