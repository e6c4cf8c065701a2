"""The frame of the Logs screen: its records as they are read, counted and told of."""

import time
from collections.abc import Iterable, Iterator
from typing import ClassVar, Final

from textual.containers import VerticalScroll
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from lettaops.model.logs.buffer import LogBuffer
from lettaops.model.logs.histogram import Histogram, bucket_width
from lettaops.model.logs.pattern import Match, TooSlow
from lettaops.model.logs.query import Include, Part, Query
from lettaops.model.logs.select import Selection
from lettaops.monitor.logs.limit import search_limit
from lettaops.monitor.snapshot import Snapshot
from lettaops.views import Scope

from . import logs_view as view
from .activity import Lasting
from .base import OpsScreen
from .filter import FilterLine
from .logs_reading import LogReading
from .logs_source import LogRecords
from .widgets.prefix import Prefix
from .widgets.records import RecordView
from .widgets.slices import Slices

FLUSH_SECONDS: Final = (0.1, 0.25)  # between two repaints: on this machine; over SSH, or in a flood
HEAD_SECONDS: Final = 0.5  # between two counts of everything
PADDING: Final = 2
_NAME_CELLS: Final = (6, 16)  # of a service's name, at least and at most
_NAME_NARROW: Final = 12
_HIDDEN, _FROZEN = "hidden", "frozen"


class LogsFrame(OpsScreen):
    """Reads while it is shown, and tells what is there."""

    SCOPE: ClassVar[Scope] = Scope.LOGS

    def __init__(self) -> None:
        super().__init__(id="logs")
        self.buffer = LogBuffer()
        self.records = LogRecords(self.buffer, search_limit, self._refused)
        self._snapshot: Snapshot | None = None
        self._reading: LogReading | None = None
        self._base = Query()  # the filter without what is being typed
        self._hits: Selection | None = None
        self._counts: Histogram | None = None
        self._times = view.Times.LOCAL
        self._wrap = False
        self._flushed_at = self._head_due = 0.0
        self._seen_end: int | None = None
        self._flood = False  # whether more came than fits on the screen
        self._head_timer: Timer | None = None
        self._flush_timer: Timer | None = None
        self._slices = Slices(self, self._counted)

    def body(self) -> Iterable[Widget]:
        yield Static(id="histogram")
        yield RecordView(
            self.records, empty=view.NO_LINES, prefix=Prefix(source_width=_NAME_NARROW), id="records"
        )
        yield VerticalScroll(Static(id="record-text"), id="record-detail")
        yield FilterLine(id="filter-line")

    @property
    def pane(self) -> RecordView:
        """The records on the screen."""
        return self.query_one(RecordView)

    # -- reading ---------------------------------------------------------------------------

    def on_mount(self) -> None:
        self.set_focus(self.pane)
        self._reading = LogReading(
            self.owner.dashboard.log_feed,
            self.buffer,
            self._arrived,
            interval=FLUSH_SECONDS[self.owner.capabilities.slow],
        )
        self.run_worker(self._reading.run(), group="logs", exit_on_error=False, description="logs")
        self._recount()

    def on_screen_suspend(self) -> None:
        if self._reading is not None:
            self._reading.pause(_HIDDEN)

    def on_screen_resume(self) -> None:
        if self._reading is not None:
            self._reading.resume(_HIDDEN)
        if (last := self.owner.dashboard.last) is not None:
            self.apply(last)

    def apply(self, snapshot: Snapshot) -> None:
        """Show a snapshot: the logs come by a way of their own."""
        self._snapshot = snapshot
        self.show_size(snapshot)
        self.show_title(snapshot)
        self._set_prefix()
        self._show_head()

    def on_resize(self) -> None:
        self.show_size(self._snapshot)
        if self._snapshot is not None:
            self.show_title(self._snapshot)
        self._set_prefix()
        self._recount()

    def _arrived(self) -> None:
        """Records were added: they are shown now, or soon if the last ones were a moment ago."""
        if self._flush_timer is None:
            every = FLUSH_SECONDS[self.owner.capabilities.slow or self._flood]
            due = self._flushed_at + every - time.monotonic()
            self._flush_timer = self.set_timer(max(0.001, due), self._flush)

    def _flush(self) -> None:
        self._flush_timer = None
        self._flushed_at = time.monotonic()
        before = self.buffer.end if self._seen_end is None else self._seen_end
        self._seen_end = self.buffer.end
        self._flood = self._seen_end - before > self.pane.size.height
        self.pane.grow()
        if self._hits is not None and "hits" not in self._slices:
            self._hits.extend()
        if self._times is view.Times.RELATIVE:
            self._set_prefix()
        if self._flushed_at >= self._head_due:
            self._head_due = self._flushed_at + HEAD_SECONDS
            self._keep_counts()
            self._show_head()
        elif self._head_timer is None:
            self._head_timer = self.set_timer(HEAD_SECONDS, self._head_later)

    def _head_later(self) -> None:
        self._head_timer = None
        self._keep_counts()
        self._show_head()

    # -- what is shown ---------------------------------------------------------------------

    @property
    def state(self) -> view.State:
        """What the line above the records tells."""
        records = self.pane
        return view.State(
            query=self.records.query,
            shown=records.shown,
            held=len(self.buffer),
            dropped=sum(each.records for each in self.buffer.dropped.values()),
            following=records.following,
            unseen=records.unseen,
            working=records.working,
            paused=self.frozen,
            hits=self._hit_place(),
        )

    def _hit_place(self) -> tuple[int, int] | None:
        if self._hits is None:
            return None
        current = self.pane.current if self.pane.has_cursor else None
        place = self._hits.place(current) if current is not None else 0
        at_hit = current is not None and self._hits.at(place) == current
        return (place + 1 if at_hit else 0), len(self._hits)

    def _show_head(self) -> None:
        if not self.is_mounted:
            return
        state, room = self.state, self.size.width - PADDING
        self.put(".sentence", self.styled(view.sentence(state, room)))
        buckets = self._counts.buckets(view.histogram_room(room)) if self._counts is not None else []
        self.put("#histogram", self.styled(view.histogram(buckets, room)))
        self.pane.set_empty(view.nothing(self._snapshot, state))

    def _set_prefix(self) -> None:
        most = _NAME_NARROW if self.has_class("-narrow") else _NAME_CELLS[1]
        names = view.service_names(self._snapshot) if self._snapshot is not None else []
        across = min(most, max([_NAME_CELLS[0], *map(len, names)])) if names else _NAME_NARROW
        clock = view.clock_of(self._times, self._reference_ns())
        self.pane.set_prefix(Prefix(clock=clock, source_width=across))

    def _reference_ns(self) -> int:
        """The moment that relative times count from."""
        current = self.pane.current
        return self.buffer.record(current).timestamp_ns if current is not None else 0

    def _recount(self) -> None:
        """Count the records over time anew: for another filter, another width, or more time."""
        span = self.buffer.span_ns() or (0, 0)
        width = bucket_width(span[1] - span[0], view.histogram_room(self.size.width - PADDING))
        self._counts = Histogram(self.buffer, self.records.evaluator, width)
        self._slices.start("counts", self._run(self._counts.run()))

    def _keep_counts(self) -> None:
        span, counts = self.buffer.span_ns(), self._counts
        if span is None or counts is None:
            return
        if bucket_width(span[1] - span[0], view.histogram_room(self.size.width - PADDING)) != counts.width_ns:
            self._recount()
        elif "counts" not in self._slices:
            self._slices.start("counts", self._run(counts.run()))

    def _counted(self) -> None:
        """Called after each slice: told at the end, and now and then before."""
        if not self._slices.working or time.monotonic() >= self._head_due:
            self._head_due = time.monotonic() + HEAD_SECONDS
            self._show_head()

    def _run(self, steps: Iterator[None]) -> Iterator[None]:
        try:
            yield from steps
        except TooSlow:
            self.records.refuse()

    def _refused(self) -> None:
        self.say(self.records.refusal, Lasting.TROUBLE)

    # -- what is asked for -----------------------------------------------------------------

    def set_query(self, query: Query, typed: Part | None = None) -> None:
        """Show what passes a query, and a part that is still being typed."""
        self._base = query
        query = query.having(typed) if typed is not None else query
        if query == self.records.query and not self.records.refusal:
            return
        self.records.set_query(query)
        self.pane.refilter()
        self._recount()
        self._search(self.records.match)
        self._show_head()

    def _search(self, match: Match | None) -> None:
        """Mark what is looked for, and count it."""
        self.records.set_search(match)
        self._hits = None
        self._slices.stop("hits")
        if match is not None:
            self._hits = Selection(self.buffer, self.records.narrowed(Include(match)))
            self._slices.start("hits", self._hits.run())
        self.pane.redraw()
        self._show_head()

    def action_freeze(self) -> None:
        """Read no further; again to catch up."""
        self.frozen = not self.frozen
        if self._reading is not None:
            (self._reading.pause if self.frozen else self._reading.resume)(_FROZEN)
        if self._snapshot is not None:
            self.show_title(self._snapshot)
        self._show_head()
