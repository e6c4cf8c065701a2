"""The engine's framed streams (logs, attach, exec), and lines out of them. Bytes in, values out.

Without a terminal the engine multiplexes stdout and stderr in frames of an 8-byte header
(stream, three zero bytes, length as big-endian 32-bit) and a payload. With a terminal the
stream is the bare output.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Final, Generic, TypeVar

import msgspec

from lettaops.model.errors import ProtocolError, Unreachable

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2
ENGINE_ERROR: Final = 3  # the engine's own message about the stream; it ends after it

KEPT_BYTES: Final = 16 * 1024
MAX_FRAME_BYTES: Final = 16 * 1024 * 1024

Frame = tuple[int, bytes]
L = TypeVar("L")

_HEADER: Final = Struct(">II")
_STREAM_WORDS: Final = {stream << 24: stream for stream in (STDIN, STDOUT, STDERR)}
_LONGEST_TIMESTAMP: Final = 40


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """One line of a container's output, without its line feed.

    `stream` is STDOUT or STDERR (STDOUT always with a terminal), `data` the first bytes of the
    line as they came, `dropped` the number of bytes of the same line that were not kept.
    """

    stream: int
    data: bytes
    dropped: int = 0


class FrameDecoder:
    """Splits a stream into (stream number, payload). `framed=False` for a container with a terminal.

    `engine_error`: what the engine itself said in the stream; nothing of the container comes after it.
    """

    __slots__ = ("_broken", "_framed", "_pending", "engine_error")

    def __init__(self, *, framed: bool = True) -> None:
        self._framed = framed
        self._pending = b""
        self._broken: ProtocolError | None = None
        self.engine_error = b""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes, in order; payloads are never empty.

        Raises `ProtocolError` when the bytes are no frames, after the frames before them were given.
        """
        if not self._framed:
            return [(STDOUT, data)] if data else []
        if self._broken is not None:
            raise self._broken
        if self._pending:
            data = self._pending + data
        frames: list[Frame] = []
        append, header, streams = frames.append, _HEADER.unpack_from, _STREAM_WORDS
        position, size = 0, len(data)
        while position + 8 <= size:
            word, length = header(data, position)
            start = position + 8
            end = start + length
            if word not in streams or length > MAX_FRAME_BYTES:
                if word != ENGINE_ERROR << 24 or length > MAX_FRAME_BYTES:
                    self._broken = _no_frame(data[position:start])
                    break
                if end > size:
                    break
                self.engine_error += data[start:end]
            elif end > size:
                break
            elif length:
                append((streams[word], data[start:end]))
            position = end
        self._pending = data[position:]
        if self._broken is not None and not frames:
            raise self._broken
        return frames

    def take_back(self) -> bytes:
        """The bytes of the frame that is not complete yet, which are forgotten. Raises as `feed` does."""
        if self._broken is not None:
            raise self._broken
        pending, self._pending = self._pending, b""
        return pending

    def end(self) -> None:
        """To be called at the end of the stream.

        Raises `Unreachable` when the stream was cut within a frame, and the error that `feed` left.
        """
        if self._broken is not None:
            raise self._broken
        if self._pending:
            raise Unreachable(
                f"the engine's stream was cut inside a frame ({len(self._pending)} bytes of it came)",
                next_step="the engine may be restarting: read again",
            )


def _no_frame(header: bytes) -> ProtocolError:
    return ProtocolError(
        f"the engine's stream has no frame header where one is due (found {header.hex(' ')})",
        next_step="inspect the container again: with a terminal its output comes without frames",
    )


class LineAssembler:
    """Puts lines together from frames, for stdout and stderr apart.

    Of each line `limit` bytes are kept and the rest is counted, so that memory stays bounded
    whatever a container prints. `timestamps`: the engine puts one before every piece of a long
    line (a piece is 16 KiB); only the first stays. `terminal`: lines end in CR LF there.
    """

    __slots__ = ("_kept", "_limit", "_lost", "_terminal", "_timestamps")

    def __init__(self, *, limit: int = KEPT_BYTES, timestamps: bool = False, terminal: bool = False) -> None:
        self._limit = limit
        # The bare output of a terminal doesn't show where a piece begins.
        self._timestamps = timestamps and not terminal
        self._terminal = terminal
        self._kept: dict[int, bytearray] = {}
        self._lost: dict[int, int] = {}

    def feed(self, frames: Iterable[Frame]) -> list[LogLine]:
        """The lines that these frames complete, in the order in which they were completed."""
        lines: list[LogLine] = []
        append, limit = lines.append, self._limit
        for stream, payload in frames:
            first = payload.find(b"\n")
            # Nearly every frame is one whole line: keep this path short.
            if first == len(payload) - 1 and first <= limit and stream not in self._kept:
                append(LogLine(stream, self._bare(payload[:first])))
            else:
                self._take(stream, payload, lines)
        return lines

    @property
    def between_lines(self) -> bool:
        """Whether no line is unfinished."""
        return not self._kept

    def flush(self) -> list[LogLine]:
        """The lines that the end of the stream left without a line feed."""
        lines = [self._finish(stream) for stream in sorted(self._kept)]
        return [line for line in lines if line.data or line.dropped]

    def _bare(self, line: bytes) -> bytes:
        return line.removesuffix(b"\r") if self._terminal else line

    def _take(self, stream: int, payload: bytes, lines: list[LogLine]) -> None:
        if self._timestamps and stream in self._kept:
            payload = payload[_length_of_timestamp(payload) :]
        *whole, rest = payload.split(b"\n")
        for line in whole:
            if stream in self._kept or len(line) > self._limit:
                self._add(stream, line)
                lines.append(self._finish(stream))
            else:
                lines.append(LogLine(stream, self._bare(line)))
        if rest:
            self._add(stream, rest)

    def _add(self, stream: int, piece: bytes) -> None:
        kept = self._kept.setdefault(stream, bytearray())
        room = self._limit - len(kept)
        kept += piece[:room]
        if len(piece) > room:
            self._lost[stream] = self._lost.get(stream, 0) + len(piece) - room

    def _finish(self, stream: int) -> LogLine:
        kept, lost = bytes(self._kept.pop(stream)), self._lost.pop(stream, 0)
        return LogLine(stream, kept if lost else self._bare(kept), lost)


class LineDecoder(Generic[L]):
    """A container's log: what a `LineAssembler` makes of a `FrameDecoder`'s frames, as values of some kind.

    Twice as fast as the two where each frame is one short line, which is nearly everywhere.
    """

    __slots__ = ("_fast", "_frames", "_lines")

    def __init__(self, *, terminal: bool, timestamps: bool = False, limit: int = KEPT_BYTES) -> None:
        self._fast = not terminal and limit >= SHORT_LINE
        self._frames = FrameDecoder(framed=not terminal)
        self._lines = LineAssembler(limit=limit, timestamps=timestamps, terminal=terminal)

    @property
    def engine_error(self) -> bytes:
        """What the engine itself said in the stream; b"" for nothing."""
        return self._frames.engine_error

    def values_of(self, lines: list[LogLine]) -> list[L]:
        """The values for some lines."""
        raise NotImplementedError

    def take_whole(self, data: bytes, values: list[L]) -> int:
        """Append the values of the frames at the start that are one short line each; bytes taken."""
        raise NotImplementedError

    def feed(self, data: bytes) -> list[L]:
        """The lines that `data` completes. Raises `ProtocolError` after the lines before it were given."""
        if not self._fast:
            return self.values_of(self._lines.feed(self._frames.feed(data)))
        data = self._frames.take_back() + data
        lines: list[L] = []
        position = self.take_whole(data, lines) if self._lines.between_lines else 0
        if position < len(data):
            try:
                frames = self._frames.feed(data[position:])
            except ProtocolError:
                if not lines:
                    raise
            else:
                lines += self.values_of(self._lines.feed(frames))
        return lines

    def flush(self) -> list[L]:
        """The lines that the end of the stream left without a line feed."""
        return self.values_of(self._lines.flush())

    def end(self) -> None:
        """To be called at the end of the stream. Raises as `FrameDecoder.end`."""
        self._frames.end()


class LogDecoder(LineDecoder[LogLine]):
    """A container's log as `LogLine`."""

    __slots__ = ()

    def values_of(self, lines: list[LogLine]) -> list[LogLine]:
        """The lines themselves."""
        return lines

    def take_whole(self, data: bytes, values: list[LogLine]) -> int:
        """As for any `LineDecoder`."""
        append, headers, position = values.append, HEADERS, 0
        pieces = data.split(b"\n")
        del pieces[-1]
        for piece in pieces:
            size = len(piece)
            if size >= SHORT_LINE + 8:
                break
            out, err = headers[size]
            if piece.startswith(out):
                append(LogLine(STDOUT, piece[8:]))
            elif piece.startswith(err):
                append(LogLine(STDERR, piece[8:]))
            else:
                break
            position += size + 1
        return position


def _headers_by_size() -> list[tuple[bytes, bytes]]:
    # (of stdout, of stderr). Index: bytes of a header and its line, the line feed apart. A piece of less
    # than a header's 8 bytes can't begin with one, so the first entries never match.
    return [
        (_HEADER.pack(STDOUT << 24, max(0, size - 7)), _HEADER.pack(STDERR << 24, max(0, size - 7)))
        for size in range(SHORT_LINE + 8)
    ]


SHORT_LINE: Final = 1024  # a frame with one line of less than so many bytes is the rule
HEADERS: Final = _headers_by_size()


def _length_of_timestamp(payload: bytes) -> int:
    """Bytes of the RFC 3339 time and the space at the start of a piece; 0 when there is none."""
    space = payload.find(b" ", 0, _LONGEST_TIMESTAMP)
    shaped = payload[4:5] == payload[7:8] == b"-" and payload[10:11] == b"T" and payload[:4].isdigit()
    return space + 1 if space > 0 and shaped else 0
