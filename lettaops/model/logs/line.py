"""What reading logs delivers: one raw line of one container, or a marker between lines."""

import re
from calendar import timegm
from enum import StrEnum
from typing import Final

import msgspec

from lettaops.model.document import parse_time
from lettaops.model.frames import KEPT_BYTES, STDERR, STDOUT
from lettaops.model.text import Safe, clean, clean_bytes

__all__ = ["KEPT_BYTES", "MARKER", "NO_TIME", "STDERR", "STDOUT", "LogLine", "Marker", "marker", "marker_of"]

MARKER: Final = 3  # a stream of our own: what reading has to say between lines
NO_TIME: Final = 0
SHORT_ID: Final = 12

_ZULU_BYTES: Final = 30  # of `2026-11-22T04:02:24.232000000Z`, which Docker pads to nine digits
_LONGEST_TIMESTAMP: Final = 40
_RFC3339 = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:?\d\d)")


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """One line of a container's output without its line feed, or a marker.

    `container`: the first 12 digits of its id. `stream`: STDOUT, STDERR or MARKER. `timestamp_ns`: the
    engine's time, nanoseconds since 1970, NO_TIME when unknown. `raw`: the bytes as they came, without
    the engine's timestamp, at most KEPT_BYTES; `more`: bytes of the same line that were not kept.
    """

    service: Safe
    container: Safe
    stream: int
    timestamp_ns: int
    raw: bytes
    more: int = 0

    @property
    def is_marker(self) -> bool:
        """Whether reading says it, not the container."""
        return self.stream == MARKER


class Marker(StrEnum):
    """What a marker tells of: the word its bytes begin with."""

    STARTED = "started"  # a container of the service began to run, for the first time seen or again
    ENDED = "ended"
    GAP = "gap"  # lines may be missing here: the connection was lost
    DROPPED = "dropped"  # lines are missing here: they came faster than they could be taken
    NOTE = "note"  # anything else reading has to say: no log driver, reading refused


def marker(kind: Marker, service: Safe, container: Safe, timestamp_ns: int, words: Safe) -> LogLine:
    """A line that reading puts between those it read; `words` say what happened, without the service."""
    return LogLine(service, container, MARKER, timestamp_ns, f"{kind.value} {words}".encode())


def marker_of(raw: bytes) -> tuple[Marker, Safe]:
    """The kind and the words of a marker's bytes."""
    kind, _, words = raw.partition(b" ")
    try:
        return Marker(kind.decode()), clean_bytes(words)
    except ValueError:
        return Marker.NOTE, clean_bytes(raw)


class _Seconds(dict[bytes, int]):
    """Nanoseconds since 1970 of `2026-11-22T04:02:24` (UTC), for seconds met lately; -1 for what is none."""

    def __missing__(self, second: bytes) -> int:
        if len(self) >= 256:
            self.clear()
        value = self[second] = _nanoseconds(second)
        return value


_SECONDS: Final = _Seconds()


def split_timestamp(data: bytes) -> tuple[int, bytes]:
    """The engine's timestamp at the start of a line, in nanoseconds, and the line behind it.

    (NO_TIME, the data as they are) when there is none. Docker writes RFC 3339 in UTC with nine digits;
    podman writes offsets and fewer.
    """
    if len(data) > _ZULU_BYTES and data[30] == 0x20 and data[29] == 0x5A and data[19] == 0x2E:
        fraction = data[20:29]
        if (seconds := _SECONDS[data[:19]]) >= 0 and fraction.isdigit():
            return seconds + int(fraction), data[_ZULU_BYTES + 1 :]
    stamp, space, rest = data[: _LONGEST_TIMESTAMP + 1].partition(b" ")
    if not space and len(data) > len(stamp):
        return NO_TIME, data
    value = parse_timestamp(stamp)
    return (value, rest + data[_LONGEST_TIMESTAMP + 1 :]) if value != NO_TIME else (NO_TIME, data)


def parse_timestamp(stamp: bytes) -> int:
    """An RFC 3339 time in nanoseconds since 1970; NO_TIME when it is none."""
    match = _RFC3339.fullmatch(stamp)
    moment = parse_time((match[1] + match[3]).decode()) if match else None
    if match is None or moment is None or moment.timestamp() < 0:
        return NO_TIME
    return int(moment.timestamp()) * 1_000_000_000 + int((match[2] or b"").ljust(9, b"0"))


def _nanoseconds(second: bytes) -> int:
    """The second `2026-11-22T04:02:24` of UTC in nanoseconds since 1970; -1 when it is none."""
    moment = parse_time(f"{second.decode('ascii', 'replace')}Z")
    return timegm(moment.timetuple()) * 1_000_000_000 if moment is not None and len(second) == 19 else -1


def short_id(container_id: str) -> Safe:
    """The id of a container as lines carry it."""
    return clean(container_id[:SHORT_ID])
