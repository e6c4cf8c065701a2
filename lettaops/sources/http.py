"""Short questions over HTTP/1.1: GET, the whole answer, connections kept for the next question.

For services that are asked all the time, where a general client costs several times as much. No
redirects, no compression, no proxies of the environment: what answers at an address is the news.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from lettaops import __version__
from lettaops.model.errors import Unreachable
from lettaops.model.http1 import HeadParser, ResponseHead, body_decoder
from lettaops.sources.dial import dial

MAX_ANSWER_BYTES: Final = 256 * 1024
_READ_BYTES: Final = 64 * 1024
_MOST_KEPT: Final = 4  # connections to one address
_BREAKS: Final = frozenset("\r\n\0")
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Answer(NamedTuple):
    """A whole answer. `seconds` are counted from the writing of the question to the answer's last byte."""

    head: ResponseHead
    body: bytes
    seconds: float


class HttpClient:
    """Asks over connections that are kept as long as both sides like. Within one event loop."""

    def __init__(self) -> None:
        self._kept: dict[str, list[Connection]] = {}

    def close(self) -> None:
        """Close all connections that are kept."""
        for connections in self._kept.values():
            for _, writer in connections:
                writer.close()
        self._kept.clear()

    async def get(self, base: str, path: str, headers: Mapping[str, str]) -> Answer:
        """The answer to a GET, whatever its status. `base`: `http://host:port`.

        Raises OSError when there is no connection, `Unreachable` when it was cut before the answer was
        whole, `ProtocolError` for what isn't HTTP or is too large, and ValueError for a header that no
        request can carry. Sets no deadline: the caller does.
        """
        request = _request(base, path, headers)
        kept = self._take(base)
        if kept is not None:
            answer = await self._exchange(base, kept, request, kept=True)
            if answer is not None:
                return answer
        answer = await self._exchange(base, await self._connect(base), request, kept=False)
        if answer is None:
            raise Unreachable("the connection was closed without an answer")
        return answer

    async def _connect(self, base: str) -> Connection:
        parts = urlsplit(base)
        sock = await dial(parts.hostname or "", parts.port or 80)
        try:
            return await asyncio.open_connection(sock=sock)
        except BaseException:
            sock.close()
            raise

    def _take(self, base: str) -> Connection | None:
        connections = self._kept.get(base, [])
        while connections:
            reader, writer = connections.pop()
            if not (reader.at_eof() or writer.is_closing()):
                return reader, writer
            writer.close()
        return None

    async def _exchange(
        self, base: str, connection: Connection, request: bytes, *, kept: bool
    ) -> Answer | None:
        """Ask and read; None when the connection was closed without a byte of an answer.

        A kept connection may have died unseen, which is then no news about the service.
        """
        reader, writer = connection
        keep = False
        try:
            written = time.monotonic()
            writer.write(request)
            try:
                head, rest = await _read_head(reader)
            except ConnectionError:
                if kept:
                    return None
                raise
            if head is None:
                return None
            decoder = body_decoder(head, limit=MAX_ANSWER_BYTES)
            parts = [decoder.feed(rest)]
            while not decoder.complete:
                if data := await reader.read(_READ_BYTES):
                    parts.append(decoder.feed(data))
                else:
                    decoder.end()
            answer = Answer(head, b"".join(parts), time.monotonic() - written)
            connections = self._kept.setdefault(base, [])
            keep = head.keep_alive and not reader.at_eof() and len(connections) < _MOST_KEPT
            if keep:
                connections.append(connection)
            return answer
        finally:
            if not keep:
                writer.close()


async def _read_head(reader: asyncio.StreamReader) -> tuple[ResponseHead | None, bytes]:
    """The answer's head, past any interim ones, and what came behind it; None at the end of the stream."""
    parser, rest = HeadParser(), b""
    while True:
        data = rest or await reader.read(_READ_BYTES)
        if not data:
            if parser.started:
                raise Unreachable("the connection was cut within the answer's head")
            return None, b""
        head = parser.feed(data)
        rest = b""
        if head is not None:
            rest = parser.rest
            if head.status >= 200 or head.status == 101:
                return head, rest
            parser = HeadParser()


def _request(base: str, path: str, headers: Mapping[str, str]) -> bytes:
    fields = {
        "host": base.partition("://")[2],
        "user-agent": f"lettaops/{__version__}",
        "accept": "application/json",
        **headers,
    }
    for name, value in fields.items():
        if not _BREAKS.isdisjoint(value):
            raise ValueError(f"the header {name} would hold a line break")
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode()
