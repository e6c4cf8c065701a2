"""The engine's framed streams (logs, attach, exec), and lines out of them. Bytes in, values out.

Without a terminal the engine multiplexes stdout and stderr in frames of an 8-byte header
(stream, three zero bytes, length as big-endian 32-bit) and a payload. With a terminal the
stream is the bare output.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Final

import msgspec

from lettaops.model.errors import ProtocolError, Unreachable

STDIN: Final = 0
STDOUT: Final = 1
STDERR: Final = 2
ENGINE_ERROR: Final = 3  # the engine's own message about the stream; it ends after it

KEPT_BYTES: Final = 16 * 1024
MAX_FRAME_BYTES: Final = 16 * 1024 * 1024

Frame = tuple[int, bytes]

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

    __slots__ = ("_carriage_returns", "_kept", "_limit", "_lost", "_timestamps")

    def __init__(self, *, limit: int = KEPT_BYTES, timestamps: bool = False, terminal: bool = False) -> None:
        self._limit = limit
        # The bare output of a terminal doesn't show where a piece begins.
        self._timestamps = timestamps and not terminal
        self._carriage_returns = terminal
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
                append(
                    LogLine(stream, payload[:first] if not self._carriage_returns else self._bare(payload))
                )
            else:
                self._take(stream, payload, first, lines)
        return lines

    def flush(self) -> list[LogLine]:
        """The lines that the end of the stream left without a line feed."""
        lines = [self._finish(stream) for stream in sorted(self._kept)]
        return [line for line in lines if line.data or line.dropped]

    @staticmethod
    def _bare(payload: bytes) -> bytes:
        return payload[:-1].removesuffix(b"\r")

    def _take(self, stream: int, payload: bytes, line_feed: int, lines: list[LogLine]) -> None:
        position = 0
        if stream in self._kept and self._timestamps:
            position = _length_of_timestamp(payload)
            line_feed = payload.find(b"\n", position)
        while line_feed >= 0:
            self._add(stream, payload, position, line_feed)
            lines.append(self._finish(stream))
            position = line_feed + 1
            line_feed = payload.find(b"\n", position)
        if position < len(payload):
            self._add(stream, payload, position, len(payload))

    def _add(self, stream: int, payload: bytes, start: int, end: int) -> None:
        kept = self._kept.setdefault(stream, bytearray())
        room = min(end, start + self._limit - len(kept))
        kept += payload[start:room]
        if room < end:
            self._lost[stream] = self._lost.get(stream, 0) + end - room

    def _finish(self, stream: int) -> LogLine:
        kept, lost = bytes(self._kept.pop(stream)), self._lost.pop(stream, 0)
        if self._carriage_returns and not lost:
            kept = kept.removesuffix(b"\r")
        return LogLine(stream, kept, lost)


def _length_of_timestamp(payload: bytes) -> int:
    """Bytes of the RFC 3339 time and the space at the start of a piece; 0 when there is none."""
    space = payload.find(b" ", 0, _LONGEST_TIMESTAMP)
    shaped = payload[4:5] == payload[7:8] == b"-" and payload[10:11] == b"T" and payload[:4].isdigit()
    return space + 1 if space > 0 and shaped else 0
