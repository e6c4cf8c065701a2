"""HTTP/1.0 and 1.1 as an engine speaks them: whole answers, streams, and connections handed over.

A web server's frame would not let go of a connection that an exec or attach takes over.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from lettaops.sandbox.engine.errors import BadRequest
from lettaops.sandbox.engine.faults import Fault

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_BODY_BYTES: Final = 16 * 1024 * 1024
RAW_STREAM: Final = "application/vnd.docker.raw-stream"
_VERSIONED: Final = re.compile(r"/v(\d+)\.(\d+)(/.*)")
_TICK_SECONDS: Final = 0.05
_GARBAGE: Final = b"\x16\x03\x01\x02\x00 this is no engine \x00\xff\xfe\r\n"
_NO_JSON: Final = b"<html><body>Bad gateway</body></html>"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request. `path` is without the version in front, `version` is that version."""

    method: str
    path: str
    version: tuple[int, int] | None
    query: dict[str, str]
    http: str
    headers: dict[str, str]
    body: bytes

    @property
    def keep_alive(self) -> bool:
        """Whether the client wants to ask more on this connection."""
        wishes = self.headers.get("connection", "").lower()
        return "close" not in wishes if self.http == "HTTP/1.1" else "keep-alive" in wishes

    def flag(self, name: str, default: bool = False) -> bool:
        """A truth value of the query, as engines take it."""
        value = self.query.get(name)
        return default if value is None else value.lower() not in ("", "0", "no", "false", "none")

    def number(self, name: str) -> int | None:
        """A whole number of the query. Raises `BadRequest`."""
        value = self.query.get(name, "")
        try:
            return int(value) if value else None
        except ValueError:
            raise BadRequest(f"{name}: {value} is no number") from None

    def document(self) -> dict[str, object]:
        """The JSON object of the body; an empty one without a body. Raises `BadRequest`."""
        try:
            value = msgspec.json.decode(self.body) if self.body.strip() else {}
        except msgspec.DecodeError as error:
            raise BadRequest(f"the request's body is no JSON: {error}") from error
        if not isinstance(value, dict):
            raise BadRequest("the request's body is no JSON object")
        return value


async def read_request(reader: asyncio.StreamReader) -> Request:
    """The next request. Raises `BadRequest`, and `EOFError` or `OSError` when the client is gone."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")[:-2]
        method, target, http = first.split(" ")
    except (asyncio.LimitOverrunError, ValueError) as error:
        raise BadRequest("this is no HTTP request") from error
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    parts = urlsplit(target)
    versioned = _VERSIONED.fullmatch(parts.path)
    return Request(
        method=method,
        path=unquote(versioned[3] if versioned else parts.path),
        version=(int(versioned[1]), int(versioned[2])) if versioned else None,
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        http=http,
        headers=headers,
        body=await _read_body(reader, headers),
    )


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        parts: list[bytes] = []
        while size := int((await reader.readline()).partition(b";")[0] or b"0", 16):
            parts.append(await reader.readexactly(size))
            await reader.readline()
            if sum(map(len, parts)) > MAX_BODY_BYTES:
                raise BadRequest("the request's body is too large")
        while (await reader.readline()).strip():
            pass  # trailers
        return b"".join(parts)
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
        raise BadRequest("the request's body is too large")
    return await reader.readexactly(int(length))


class Answer:
    """The answer to one request. `open`: the connection can carry another one after it."""

    def __init__(
        self,
        request: Request,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        headers: Mapping[str, str],
        fault: Fault | None,
    ) -> None:
        self._request = request
        self._reader = reader
        self._writer = writer
        self._headers = headers
        self._fault = fault
        self._body_bytes = 0
        self._chunked = False
        self.began = False
        self.open = request.keep_alive

    async def json(self, value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        """A whole JSON answer."""
        await self.whole(msgspec.json.encode(value) + b"\n", "application/json", status, headers)

    async def error(self, status: int, message: str) -> None:
        """An error as engines give it."""
        await self.json({"message": message}, status)

    async def empty(self, status: int = 204) -> None:
        """An answer without a body."""
        await self.whole(b"", "", status)

    async def whole(
        self, body: bytes, kind: str, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """An answer of known length."""
        if self._fault is not None and self._fault.kind == "not-json":
            body, kind = _NO_JSON, "text/html"
        fields = dict(headers or {})
        if kind:
            fields["Content-Type"] = kind
        if status not in (204, 304):
            fields["Content-Length"] = str(len(body))
        await self._begin(status, fields)
        if body and self._request.method != "HEAD":
            await self._send(body)

    @contextlib.asynccontextmanager
    async def stream(self, kind: str) -> AsyncIterator["Answer"]:
        """An answer of unknown length; `write` its pieces in the block. The block ends with the client.

        Bare to HTTP/1.0, in chunks to 1.1. The connection is closed after it.
        """
        self.open = False
        self._chunked = self._request.http == "HTTP/1.1"
        fields = {"Content-Type": kind, "Connection": "close"}
        await self._begin(200, fields | ({"Transfer-Encoding": "chunked"} if self._chunked else {}))
        async with self._until_gone():
            yield self
            if self._chunked:
                self._writer.write(b"0\r\n\r\n")
                await self._writer.drain()

    async def write(self, data: bytes) -> None:
        """A piece of a stream, or bytes of a connection that was taken over."""
        if data:
            await self._send(data)

    async def take_over(self) -> asyncio.StreamReader:
        """Hand the connection over in both directions; `write` is bare from then on."""
        self.open = False
        if "upgrade" in self._request.headers:
            upgrade = {"Content-Type": RAW_STREAM, "Connection": "Upgrade", "Upgrade": "tcp"}
            await self._begin(101, upgrade, "UPGRADED")
        else:
            await self._begin(200, {"Content-Type": RAW_STREAM})
        return self._reader

    # -- inside ----------------------------------------------------------------------------

    async def _begin(self, status: int, fields: Mapping[str, str], reason: str = "") -> None:
        self.began = True
        fault = self._fault
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.delay_ms / 1000)
        reason = reason or HTTPStatus(status).phrase
        lines = [
            f"HTTP/1.1 {status} {reason}",
            *(f"{name}: {value}" for name, value in self._headers.items()),
        ]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        if not self.open and "Connection" not in fields:
            lines.append("Connection: close")
        await self._transmit("\r\n".join([*lines, "", ""]).encode("latin-1"))

    async def _send(self, data: bytes) -> None:
        fault = self._fault
        if fault is not None and fault.kind in ("cut", "hang"):
            room = fault.after_bytes - self._body_bytes
            if len(data) > room:
                await self._transmit(self._framed(data[: max(0, room)], len(data)))
                if fault.kind == "hang":
                    await silence(self._reader)
                raise ConnectionAbortedError("cut, as told")
        self._body_bytes += len(data)
        await self._transmit(self._framed(data, len(data)))

    def _framed(self, data: bytes, announced: int) -> bytes:
        if not self._chunked:
            return data
        return b"%x\r\n%b" % (announced, data) + (b"\r\n" if len(data) == announced else b"")

    async def _transmit(self, data: bytes) -> None:
        fault = self._fault
        if fault is None or fault.kind != "trickle":
            self._writer.write(data)
            await self._writer.drain()
            return
        step = max(1, round(fault.bytes_per_second * _TICK_SECONDS))
        for at in range(0, len(data), step):
            self._writer.write(data[at : at + step])
            await self._writer.drain()
            await asyncio.sleep(step / fault.bytes_per_second)

    @contextlib.asynccontextmanager
    async def _until_gone(self) -> AsyncIterator[None]:
        """Ends its block when the client hangs up, which a stream that is silent would never notice."""
        try:
            async with asyncio.timeout(None) as ending:
                watching = asyncio.create_task(silence(self._reader))

                def hung_up(_: object) -> None:
                    ending.reschedule(0)

                watching.add_done_callback(hung_up)
                try:
                    yield
                finally:
                    watching.remove_done_callback(hung_up)
                    watching.cancel()
        except TimeoutError:
            if not ending.expired():
                raise


async def silence(reader: asyncio.StreamReader) -> None:
    """Until the client hangs up; what it sends is thrown away."""
    with contextlib.suppress(OSError):
        while await reader.read(4096):
            pass


async def fail_at_once(
    fault: Fault, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """Carry out a fault that needs no answer of the engine; whether it was one."""
    if fault.kind == "hang" and not fault.after_bytes:
        await silence(reader)
    elif fault.kind == "garbage":
        writer.write(_GARBAGE)
        await writer.drain()
    elif fault.kind == "error":
        await answer.error(fault.status, fault.message)
        return True
    else:
        return False
    answer.open = False
    return True
