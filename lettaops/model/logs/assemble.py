"""Lines put together to records: a traceback, a Postgres message with its details, an indented rest.

What goes on a record is told by the line itself and by the record before it in the same stream of the same
container. A record is over when the next one starts there, or when nothing came for a while.
"""

import re
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from lettaops.model.logs.line import KEPT_BYTES, MARKER, LogLine

QUIET_SECONDS: Final = 0.2  # without a further line a record is over
LONGEST_SECONDS: Final = 2.0  # and after this in any case: records behind it wait
MOST_LINES: Final = 1000
MOST_BYTES: Final = 16 * KEPT_BYTES
_PAUSE_NS: Final = 1_000_000_000  # lines further apart than this, by the engine's clock, are two records
_BURST_NS: Final = 50_000_000  # the rest of an exception's message comes with it
_CLOSING: Final = frozenset({b"}", b"]", b")", b"},", b"];", b");", b"});", b"])"})

_TRACEBACK: Final = b"Traceback (most recent call last):"
# rich draws tracebacks in boxes.
_BOX_TOP: Final = "╭".encode()
_BOX: Final = ("│".encode(), "╰".encode(), "╭".encode(), "❱".encode())
_SGR = re.compile(rb"(?:\x1b\[[0-9;:]*m)+")
# A line that starts a record although a traceback may still go on: each of Letta's formats and the others.
_START = re.compile(
    rb"[A-Za-z_][\w.-]{0,200} - (?:TRACE|DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL) - "
    rb"|(?:TRACE|DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL): {1,8}\S"
    rb"|(?:DEBUG|INFO|WARNI|ERROR|CRITI) {1,2}\[[\w.]+\] "
    rb"|\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d"
    rb'|[0-9a-f.:]{2,45} \S{1,100} \S{1,200} \[\d\d/[A-Z][a-z]{2}/\d{4}:|\{"'
    rb"|\d{1,10}:[XCSM] \d\d [A-Z]|\[\[ |\[\d{4}-\d\d-\d\d|[^\s:][^:]{0,300}:\d{1,7}: \w{0,60}Warning: "
    + "|▶ ".encode()
)
# Levels behind which a traceback, or the rest of a message, belongs to the record.
_GRAVE = re.compile(rb".{0,260}?(?:WARN|ERROR|CRITI|FATAL|Exception|Error|error|failed|exception)")
# What SQLAlchemy, psycopg and asyncpg put on lines of their own within one message.
_DATABASE_REST: Final = (
    b"[SQL: ", b"[parameters: ", b"(Background on this error", b"LINE ", b"DETAIL: ", b"HINT: ", b"CONTEXT: ",
)  # fmt: skip
# A line that begins with none of these is a record of its own, unless the one before is special.
_SUSPECT: Final = frozenset(b" \t\x1b0123456789[]})(\xe2")
_SUSPECT_PAIRS: Final = frozenset({b"Tr", b"LI", b"DE", b"HI", b"CO"})
_POSTGRES = re.compile(
    rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})? \S{1,40} \[(?P<pid>\d{1,10})\] ?(?:\S{1,120} )??"
    rb"(?:(?P<part>DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION)|[A-Z]{3,7}\d?):  ?"
)
# nltk, for one, repeats its name before the rest of a sentence, which is indented.
_TAGGED = re.compile(rb"\[\w{1,40}\] {4}")


class _Stream:
    """One output of one container, and the record that may go on there."""

    __slots__ = (
        "first",
        "last",
        "last_ns",
        "more",
        "number",
        "rest",
        "since",
        "size",
        "special",
        "traceback",
    )

    def __init__(self) -> None:
        self.first: LogLine | None = None
        self.number = 0
        self.rest: list[bytes] = []
        self.since = self.last = 0.0
        self.last_ns = self.size = self.more = 0
        self.traceback = False  # within or behind one, where any line but a start goes on
        self.special = False  # whether what the next line begins with doesn't decide

    def begin(self, line: LogLine, number: int, now: float) -> None:
        """A record begins, the one of that number."""
        self.first = line
        self.number = number
        if self.rest:
            self.rest = []
        self.since = self.last = now
        self.last_ns = line.timestamp_ns
        self.more = line.more
        self.size = 0
        self.traceback = line.raw.startswith(_TRACEBACK)
        self.special = self.traceback or self.more > 0

    def add(self, line: LogLine, now: float) -> None:
        """The record goes on."""
        self.rest.append(line.raw)
        self.last = now
        self.last_ns = line.timestamp_ns
        self.more = line.more
        self.size += len(line.raw)
        self.special = True

    def made(self) -> LogLine | None:
        """The record so far."""
        if self.first is None or not self.rest:
            return self.first
        return msgspec.structs.replace(
            self.first, raw=b"\n".join((self.first.raw, *self.rest)), more=self.more
        )


class Assembler:
    """Lines in, records out, in the order of their first lines.

    A record is a `LogLine` whose bytes may hold several lines, with line feeds between them; a line that
    was cut is the last of its record. No clock: `now` is the caller's, in seconds.
    """

    def __init__(self, quiet: float = QUIET_SECONDS) -> None:
        self._quiet = quiet
        self._streams: dict[tuple[str, int], _Stream] = {}
        self._waiting: deque[LogLine] = deque()  # the first lines of records, in their order
        self._begun = 0  # records are numbered as they begin
        self._longer: dict[int, LogLine] = {}  # by number: complete records of several lines

    @property
    def waiting(self) -> int:
        """Records that were begun and not given yet."""
        return len(self._waiting)

    def feed(self, lines: Iterable[LogLine], now: float) -> list[LogLine]:
        """Take lines, in their order; the records that are complete."""
        streams, wait = self._streams, self._waiting.append
        container, number = "", -1
        stream = _Stream()
        for line in lines:
            if line.container is not container or line.stream != number:
                container, number = line.container, line.stream
                found = streams.get((container, number))
                if found is None:
                    found = streams[container, number] = _Stream()
                stream = found
            raw = line.raw
            if (
                stream.first is not None
                and (stream.special or not raw or raw[0] in _SUSPECT or raw[:2] in _SUSPECT_PAIRS)
                and _goes_on(stream, line)
            ):
                stream.add(line, now)
                continue
            if stream.rest:
                self._complete(stream)
            stream.begin(line, self._begun, now)
            self._begun += 1
            wait(line)
            if number == MARKER:
                self._end(container)
        return self.flush(now)

    def flush(self, now: float) -> list[LogLine]:
        """The records that are complete by now: to be called when nothing came, too."""
        for key, stream in list(self._streams.items()):
            if now - stream.last >= self._quiet or now - stream.since >= LONGEST_SECONDS:
                self._complete(stream)
                del self._streams[key]
        return self._given()

    def end(self) -> list[LogLine]:
        """All records that were begun."""
        for stream in self._streams.values():
            self._complete(stream)
        self._streams.clear()
        return self._given()

    def _given(self) -> list[LogLine]:
        """The records before the first that may go on."""
        waiting, longer = self._waiting, self._longer
        number = self._begun - len(waiting)
        open_from = min(
            (stream.number for stream in self._streams.values() if stream.first is not None),
            default=self._begun,
        )
        found = [waiting.popleft() for _ in range(open_from - number)]
        for complete in [each for each in longer if each < open_from]:
            found[complete - number] = longer.pop(complete)
        return found

    def _complete(self, stream: _Stream) -> None:
        made = stream.made()
        if made is not None and made is not stream.first:
            self._longer[stream.number] = made
        stream.first, stream.rest = None, []

    def _end(self, container: str) -> None:
        """Nothing goes on over a marker."""
        for key in [key for key in self._streams if key[0] == container]:
            self._complete(self._streams[key])


def _goes_on(stream: _Stream, line: LogLine) -> bool:
    """Whether a line belongs to the record before it. Sets what the record is from then on."""
    if stream.first is None or stream.more or stream.size > MOST_BYTES or len(stream.rest) >= MOST_LINES:
        return False
    pause = line.timestamp_ns - stream.last_ns
    if pause > _PAUSE_NS:
        return False
    raw, head = line.raw, stream.first.raw
    if raw.startswith(b"\x1b") and (colour := _SGR.match(raw)):
        raw = _SGR.sub(b"", raw[:512]) if stream.traceback else raw[colour.end() :]
    if raw.startswith((b" ", b"\t")):
        stream.traceback = stream.traceback or _TRACEBACK in raw[:80]
        return True
    if raw.startswith(_TRACEBACK):
        stream.traceback = stream.traceback or bool(_GRAVE.match(head))
        return stream.traceback
    if raw.startswith(_BOX):
        stream.traceback = stream.traceback or not raw.startswith(_BOX_TOP) or bool(_GRAVE.match(head))
        return stream.traceback
    if stream.traceback:
        stream.traceback = pause <= _BURST_NS and not _START.match(raw)
        return stream.traceback or _continues(head, raw, stream.rest)
    return _continues(head, raw, stream.rest)


def _continues(head: bytes, raw: bytes, rest: Sequence[bytes]) -> bool:
    """Whether an unindented line, outside of tracebacks, is the rest of the message that `head` begins."""
    first = raw[:1]
    if first.isdigit():
        return raw[4:5] == b"-" and _is_part(head, raw)
    if first == b"[" and _TAGGED.match(raw):
        return head.startswith(raw[: raw.find(b"]") + 1])
    if raw in _CLOSING:
        return bool(rest)
    return raw.startswith(_DATABASE_REST) and bool(_GRAVE.match(head))


def _is_part(head: bytes, raw: bytes) -> bool:
    """Whether a line is a detail of the Postgres message before it, of the same process."""
    part = _POSTGRES.match(raw)
    if part is None or part["part"] is None:
        return False
    message = _POSTGRES.match(head)
    return message is not None and message["pid"] == part["pid"]
