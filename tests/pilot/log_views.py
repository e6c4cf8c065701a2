"""A view of records on a log buffer of its own, for tests of the view."""

from collections.abc import Sequence
from contextlib import nullcontext

from lettaops.model.logs.buffer import LogBuffer
from lettaops.model.logs.line import NO_TIME, STDOUT, LogLine
from lettaops.model.logs.pattern import Match
from lettaops.model.logs.query import Part, Query
from lettaops.model.text import Safe
from lettaops.screens.logs_source import LogRecords
from lettaops.screens.widgets.prefix import Prefix
from lettaops.screens.widgets.records import RecordView

MIB = 1024 * 1024
BARE = Prefix(clock=None)


def record(text: str, source: str = "server", time: float | None = 1.0) -> LogLine:
    moment = NO_TIME if time is None else round(time * 1e9)
    return LogLine(Safe(source), Safe("5e7fe70123ab"), STDOUT, moment, text.encode("utf-8", "replace"))


def numbered(count: int, start: int = 0) -> list[LogLine]:
    return [record(f"line {number}") for number in range(start, start + count)]


class LogView(RecordView):
    """Lines are drawn as they came."""

    def __init__(self, *, prefix: Prefix = BARE, wrap: bool = False, limit: int = 32 * MIB) -> None:
        self.buffer = LogBuffer(limit)
        self.records = LogRecords(self.buffer, nullcontext, lambda: None)
        self.records.raw = True
        super().__init__(self.records, prefix=prefix, wrap=wrap, empty=Safe("no records"))

    @property
    def current_text(self) -> str | None:
        """What the current record says."""
        return self.records.get(self.current).text if self.current is not None else None

    @property
    def dropped(self) -> int:
        return self.buffer.first

    def append(self, lines: Sequence[LogLine]) -> None:
        """As whoever reads logs does."""
        self.buffer.extend(lines)
        self.grow()

    def set_filter(self, *parts: Part) -> None:
        self.records.set_query(Query(parts))
        self.refilter()

    def set_search(self, match: Match | None) -> None:
        self.records.set_search(match)
        self.redraw()

    def find(self, direction: int) -> None:
        """The next hit, or the one before."""
        if (match := self.records.match) is not None:
            self.seek(direction, self.records.hits_from(match, direction))
