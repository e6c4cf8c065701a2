"""Responses of HTTP/1.0 and 1.1: bytes in, head and body out. No I/O.

Only what a client needs that talks to an engine, directly or through a proxy: no
compression, no trailers' values, no pipelining.
"""

from enum import Enum
from typing import Final, Protocol

import msgspec

from lettaops.model.errors import ProtocolError, Unreachable
from lettaops.model.text import Safe, clean, clean_bytes

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_CHUNK_LINE: Final = 1024
_NEXT_STEP: Final = "check what answers at this address: it may not be a Docker engine, or a proxy garbles it"


class ResponseHead(msgspec.Struct, frozen=True, kw_only=True):
    """Status line and headers. Names are in lower case; a repeated header's values are joined by ", "."""

    version: tuple[int, int]
    status: int
    reason: Safe
    headers: dict[str, str]

    @property
    def chunked(self) -> bool:
        """Whether the body comes in chunks."""
        codings = self.headers.get("transfer-encoding", "").lower().split(",")
        return codings[-1].strip() == "chunked"

    @property
    def keep_alive(self) -> bool:
        """Whether the connection can carry another request after the body."""
        wishes = {wish.strip() for wish in self.headers.get("connection", "").lower().split(",")}
        if self.version >= (1, 1):
            return "close" not in wishes
        return "keep-alive" in wishes


class HeadParser:
    """Collects bytes until the head is complete. `rest` holds what came behind it."""

    __slots__ = ("_data", "rest")

    def __init__(self) -> None:
        self._data = b""
        self.rest = b""

    @property
    def started(self) -> bool:
        """Whether any byte came."""
        return bool(self._data)

    def feed(self, data: bytes) -> ResponseHead | None:
        """The head when `data` completes it, else None. Raises `ProtocolError` when it is none."""
        self._data += data
        if not b"HTTP/1.".startswith(self._data[:7]):
            raise ProtocolError(
                f"the answer is not HTTP/1 (it begins with {clean_bytes(self._data[:40])!r})",
                next_step=_NEXT_STEP,
            )
        end = self._data.find(b"\r\n\r\n")
        if end < 0 or end > MAX_HEAD_BYTES:
            if len(self._data) > MAX_HEAD_BYTES:
                raise ProtocolError("the head of the answer is longer than 64 KiB", next_step=_NEXT_STEP)
            return None
        self.rest = self._data[end + 4 :]
        return _parse_head(self._data[:end].decode("latin-1"))


def _parse_head(text: str) -> ResponseHead:
    status_line, *lines = text.split("\r\n")
    protocol, _, remainder = status_line.partition(" ")
    status, _, reason = remainder.partition(" ")
    if protocol not in ("HTTP/1.0", "HTTP/1.1") or len(status) != 3 or not _is_digits(status):
        raise ProtocolError(
            f"the answer's status line makes no sense: {clean(status_line, 80)}", next_step=_NEXT_STEP
        )
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.lower(), value.strip(" \t")
        if not colon or not name or name != name.strip():
            raise ProtocolError(
                f"the answer has a header line that is none: {clean(line, 80)}", next_step=_NEXT_STEP
            )
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return ResponseHead(
        version=(1, int(protocol[-1])), status=int(status), reason=clean(reason, 200), headers=headers
    )


class BodyDecoder(Protocol):
    """Takes the bytes behind a head and gives the body's bytes."""

    @property
    def complete(self) -> bool:
        """Whether the body's end was seen; never before `end` for a body that lasts until the close."""

    def feed(self, data: bytes) -> bytes:
        """The body's bytes in `data`. Raises `ProtocolError` for what isn't a body, or is too large."""

    def end(self) -> None:
        """To be called at the end of the connection. Raises `Unreachable` if the body isn't whole."""


class _Cap:
    """Counts the body's bytes against a limit (None: no limit)."""

    __slots__ = ("_limit", "_size")

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._size = 0

    def count(self, size: int) -> None:
        self._size += size
        if self._limit is not None and self._size > self._limit:
            raise ProtocolError(
                f"the answer is larger than the {self._limit} bytes that are accepted", next_step=_NEXT_STEP
            )


class LengthBody:
    """A body of a known number of bytes. Bytes behind it are an error: nothing was asked for yet."""

    __slots__ = ("_missing",)

    def __init__(self, length: int, limit: int | None = None) -> None:
        _Cap(limit).count(length)
        self._missing = length

    @property
    def complete(self) -> bool:
        return not self._missing

    def feed(self, data: bytes) -> bytes:
        if len(data) > self._missing:
            raise ProtocolError("the answer is longer than its head says", next_step=_NEXT_STEP)
        self._missing -= len(data)
        return data

    def end(self) -> None:
        if self._missing:
            raise _cut(f"{self._missing} bytes are missing")


class UntilCloseBody:
    """A body that ends with the connection."""

    __slots__ = ("_cap", "complete")

    def __init__(self, limit: int | None = None) -> None:
        self._cap = _Cap(limit)
        self.complete = False

    def feed(self, data: bytes) -> bytes:
        self._cap.count(len(data))
        return data

    def end(self) -> None:
        self.complete = True


class _Expect(Enum):
    SIZE = 1
    GAP = 2  # the line end behind a chunk's payload
    TRAILER = 3


class ChunkedBody:
    """A body in chunks. Chunk extensions and trailers are skipped."""

    __slots__ = ("_cap", "_expect", "_pending", "_remaining", "_trailer_bytes", "complete")

    def __init__(self, limit: int | None = None) -> None:
        self._cap = _Cap(limit)
        self._expect = _Expect.SIZE
        self._pending = b""
        self._remaining = 0  # bytes of the current chunk's payload that are still to come
        self._trailer_bytes = 0
        self.complete = False

    def feed(self, data: bytes) -> bytes:
        if self._pending:
            data = self._pending + data
        parts: list[bytes] = []
        position, size = 0, len(data)
        while position < size:
            if self._remaining:
                end = min(position + self._remaining, size)
                parts.append(data[position:end])
                self._remaining -= end - position
                position = end
                continue
            if self.complete:
                raise ProtocolError("the answer goes on behind its last chunk", next_step=_NEXT_STEP)
            line_end = data.find(b"\r\n", position, position + MAX_CHUNK_LINE)
            if line_end < 0:
                if size - position >= MAX_CHUNK_LINE:
                    raise _no_chunk(data[position:])
                break
            line, position = data[position:line_end], line_end + 2
            self._remaining = self._line(line)
            end = position + self._remaining
            # Engines send a chunk for each log line: take a chunk that is there whole in one go.
            if self._remaining and data[end : end + 2] == b"\r\n":
                parts.append(data[position:end])
                position, self._remaining, self._expect = end + 2, 0, _Expect.SIZE
        self._pending = data[position:]
        return b"".join(parts)

    def end(self) -> None:
        if not self.complete:
            raise _cut("the last chunk is missing")

    def _line(self, line: bytes) -> int:
        """Take a line outside of payloads; the size of the payload that follows it."""
        if self._expect is _Expect.SIZE:
            size = _chunk_size(line)
            self._cap.count(size)
            self._expect = _Expect.GAP if size else _Expect.TRAILER
            return size
        if self._expect is _Expect.GAP:
            if line:
                raise _no_chunk(line)
            self._expect = _Expect.SIZE
        else:
            self._trailer_bytes += len(line)
            if self._trailer_bytes > MAX_HEAD_BYTES:
                raise ProtocolError("the answer's trailer is longer than 64 KiB", next_step=_NEXT_STEP)
            self.complete = not line
        return 0


def body_decoder(head: ResponseHead, *, limit: int | None = None) -> BodyDecoder:
    """The decoder for the body behind `head`, of a request that wasn't HEAD or CONNECT.

    `limit`: bytes of body that are accepted, None for a stream. Raises `ProtocolError` when
    the head's lengths contradict each other.
    """
    if head.status == 101:
        return UntilCloseBody(limit)
    if head.status in (204, 304) or head.status < 200:
        return LengthBody(0)
    if "transfer-encoding" in head.headers:
        if head.chunked:
            return ChunkedBody(limit)
        return UntilCloseBody(limit)
    lengths = {each.strip() for each in head.headers.get("content-length", "").split(",")} - {""}
    if not lengths:
        return UntilCloseBody(limit)
    length = max(lengths)
    if len(lengths) > 1 or not _is_digits(length) or len(length) > 18:
        raise ProtocolError("the answer's Content-Length makes no sense", next_step=_NEXT_STEP)
    return LengthBody(int(length), limit)


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or len(digits) > 15 or digits.strip(b"0123456789abcdefABCDEF"):
        raise _no_chunk(line)
    return int(digits, 16)


def _no_chunk(data: bytes) -> ProtocolError:
    return ProtocolError(
        f"the answer has no chunk where one is due (found {clean_bytes(data[:40])!r})", next_step=_NEXT_STEP
    )


def _cut(missing: str) -> Unreachable:
    return Unreachable(
        f"the connection was cut before the answer was complete: {missing}",
        next_step="try again; if it stays, look at the engine's own log (journalctl -u docker)",
    )


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()
