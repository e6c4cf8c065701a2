"""A container's stream with the engine's timestamps, straight to lines."""

from typing import Final

from lettaops.model.frames import HEADERS, KEPT_BYTES, SHORT_LINE, STDERR, STDOUT, LineDecoder
from lettaops.model.frames import LogLine as BareLine
from lettaops.model.logs.line import LogLine, split_timestamp
from lettaops.model.text import Safe

_STAMP: Final = 31  # bytes of a timestamp as Docker writes it, with the space behind it
_SECOND: Final = 20  # of these up to the point


class TimedDecoder(LineDecoder[LogLine]):
    """The log of one container of a service, whose lines begin with the engine's timestamps."""

    __slots__ = ("_base", "_container", "_second", "_service")

    def __init__(self, service: Safe, container: Safe, *, terminal: bool, limit: int = KEPT_BYTES) -> None:
        super().__init__(terminal=terminal, timestamps=True, limit=limit)
        self._service = service
        self._container = container
        self._second = b""  # the one that lines had last, `2026-11-22T04:02:24.`, and when it began
        self._base = 0

    def values_of(self, lines: list[BareLine]) -> list[LogLine]:
        """The lines with their times."""
        found: list[LogLine] = []
        for line in lines:
            time_ns, raw = split_timestamp(line.data)
            found.append(LogLine(self._service, self._container, line.stream, time_ns, raw, line.dropped))
        return found

    def take_whole(self, data: bytes, values: list[LogLine]) -> int:
        """As for any `LineDecoder`. In line, because it is what reading a log costs."""
        append, headers, make, position = values.append, HEADERS, LogLine, 0
        service, container, second, base = self._service, self._container, self._second, self._base
        pieces = data.split(b"\n")
        del pieces[-1]
        for piece in pieces:
            size = len(piece)
            if size >= SHORT_LINE + 8:
                break
            out, err = headers[size]
            if piece.startswith(out):
                stream = STDOUT
            elif piece.startswith(err):
                stream = STDERR
            else:
                break
            fraction = piece[28:37]
            if piece[8:28] == second and piece[37:39] == b"Z " and fraction.isdigit():
                append(make(service, container, stream, base + int(fraction), piece[39:]))
            else:
                time_ns, raw = split_timestamp(piece[8:])
                append(make(service, container, stream, time_ns, raw))
                if len(piece) - len(raw) == 8 + _STAMP and fraction.isdigit():
                    second, base = piece[8 : 8 + _SECOND], time_ns - int(fraction)
            position += size + 1
        self._second, self._base = second, base
        return position
