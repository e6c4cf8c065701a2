"""Many records, few of them drawn: which of them are in the window, and what the rows say."""

from collections.abc import Callable, Iterable, Iterator

from lettaops.model.logs.select import Found
from lettaops.model.text import Safe

from .base import FromView, Line, Piece
from .glyphs import EMPTY
from .motion import LineList
from .prefix import DEFAULT_PREFIX, Prefix
from .record_lines import RecordLines
from .slices import Slices
from .store import Record, RecordSource


class RecordWindow(LineList):
    """The records of a source in their order, the newest last. Whoever fills the source calls `grow`.

    While it follows, the end stays in view. It stops with any upward scroll, a cursor or a
    selection, and starts again with End or G; `unseen` counts what came meanwhile. Records of
    several lines are folded: the first is shown, and how many more there are.
    """

    class FollowChanged(FromView):
        """It follows now, or no longer does."""

        def __init__(self, view: "RecordWindow", following: bool) -> None:
            super().__init__(view)
            self.following = following

    class Filtered(FromView):
        """All records went through the filter (or were wrapped)."""

    class CursorMoved(FromView):
        """The current record is another."""

    class Sought(FromView):
        """A search ended; `found` tells whether there was a hit, `wrapped` whether past the end."""

        def __init__(self, view: "RecordWindow", found: bool, wrapped: bool) -> None:
            super().__init__(view)
            self.found, self.wrapped = found, wrapped

    class Activated(FromView):
        """A record was opened with enter or a double click."""

        def __init__(self, view: "RecordWindow", seq: int, record: Record) -> None:
            super().__init__(view)
            self.seq, self.record = seq, record

    def __init__(
        self,
        source: RecordSource,
        *,
        prefix: Prefix = DEFAULT_PREFIX,
        wrap: bool = False,
        empty: Safe = EMPTY,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._held = RecordLines(source, prefix, wrap=wrap, ascii=lambda: self.ascii)
        self._slices = Slices(self, self._settle)
        self._empty = empty
        self._side = 0
        self._cursor: int | None = None
        self._following = True
        self._unseen = 0
        self._shift = 0  # lines that came or went above the window and are not made up for yet
        self._anchor: tuple[int, int] | None = None  # record to bring back to a screen row after re-indexing
        self._settling = False

    # What others see

    @property
    def following(self) -> bool:
        """Whether the end stays in view."""
        return self._following

    @property
    def seen_end(self) -> int:
        """The number behind the newest record that was taken in."""
        return self._held.index.end

    @property
    def unseen(self) -> int:
        """Shown records that came since it stopped following."""
        return self._unseen

    @property
    def shown(self) -> int:
        """Records that passed the filter; of those looked at, while it works."""
        return self._held.index.records

    @property
    def working(self) -> bool:
        """Whether a filter or wrapping still goes through the records."""
        return "index" in self._slices

    @property
    def current(self) -> int | None:
        """The record at the cursor, or else the last one shown."""
        return self._cursor if self._cursor is not None else self._held.last

    @property
    def has_cursor(self) -> bool:
        """Whether a record was chosen."""
        return self._cursor is not None

    # What others set

    def grow(self) -> None:
        """Takes in what came into the source. Costs the records, and the rows that change if any is seen."""
        shown = self._held.grow()
        if not self._following:
            self._unseen += shown
        self._forget_dropped()
        self._settle()

    def follow(self) -> None:
        """Goes to the end and stays there."""
        self._cursor = None
        self._unseen = 0
        self._set_following(True)
        self._settle()

    def set_empty(self, words: Safe) -> None:
        """What stands there instead of records."""
        if words != self._empty:
            self._empty = words
            if not self._held.index.lines:
                self.repaint_changed()

    def refilter(self) -> None:
        """The source shows other records. Works in slices, from the newest; see `Filtered`."""
        self._reindex()

    def redraw(self) -> None:
        """The source draws the same records in another way, or marks something else in them."""
        self._held.forget_drawn()
        if self._held.wrap:
            self._reindex()
        self.repaint_changed()

    def set_wrap(self, wrap: bool) -> None:
        """Long records take several lines, instead of going on at the right."""
        if wrap != self._held.wrap:
            self._held.wrap = wrap
            self._reindex()

    def set_prefix(self, prefix: Prefix) -> None:
        """Other columns before the text."""
        if prefix == self._held.prefix:
            return
        self._held.prefix = prefix
        if self._held.wrap:
            self._reindex()
        self.repaint_changed()

    def seek(self, direction: int, search: Callable[[int], Iterator[Found | None]]) -> None:
        """Puts the cursor on what a search finds from the place looked at; `Sought` tells the outcome.

        A search gets the record it begins behind (1) or before (-1), and works in slices.
        """
        first, last = self.visible_texts()
        if self._cursor is not None and first <= self._cursor <= last:
            start = self._cursor
        elif direction > 0:
            start = last if self._following else first - 1
        else:
            start = last + 1 if self._following else first
        self._slices.start("seek", self._seek_slices(search(start)))

    def show_record(self, seq: int) -> None:
        """Puts the cursor on a record, or the next one that is shown."""
        index = self._held.index
        found = index.at(min(index.place(seq), index.records - 1))
        if found is not None:
            self._put_cursor(found)

    def show_characters(self, start: int, end: int) -> None:
        """Scrolls sideways, no further than it must, until these characters of a first line are seen."""
        lead = self._held.prefix.cells
        if self._held.wrap:
            return
        side = max(self._side, min(lead + start, lead + end - self.room))
        side = min(side, lead + start) if lead + start < side else side
        if lead + end <= self.room:
            side = 0
        if side != self._side:
            self._side = side
            self.repaint_changed()

    def is_unfolded(self, seq: int) -> bool:
        """Whether all lines of a record are shown."""
        return self._held.is_unfolded(seq)

    def fold(self, seq: int, unfolded: bool) -> None:
        """Show all lines of a record, or the first only."""
        self._held.fold(seq, unfolded)
        self._settle()

    # Lines

    def line(self, y: int) -> Line:
        """A screen row: a record, or one of its lines when wrapped."""
        found = self._held.index.locate(self.scroll_offset.y + y)
        if found is None:
            text = self.glyphs(self._empty) if y == 0 and not self._held.index.lines else ""
            return Line((Piece(text, "muted"),) if text else (), y=self._held.source.end)
        seq, part = found
        pieces, start = self._held.draw(seq, part, self._side)
        cursor = seq == self._cursor
        look = "cursor" if cursor and self.has_focus else "cursor-blurred" if cursor else ""
        return Line(pieces, look, start, seq)

    def texts(self, first: int, last: int) -> Iterable[tuple[int, str]]:
        """The shown records between two, numbered by their `seq`."""
        return self._held.texts(first, last)

    def visible_texts(self) -> tuple[int, int]:
        """The records in the window."""
        top = self.scroll_offset.y
        index = self._held.index
        first = index.locate(top)
        last = index.locate(min(top + self.size.height, index.lines) - 1)
        return (first[0], last[0]) if first and last else (0, -1)

    def item_text(self) -> Safe:
        """The current record, as it is drawn."""
        seq = self.current
        return Safe(self._held.text(seq)) if seq is not None else EMPTY

    def scrolled(self, lines: int) -> None:
        """Any upward scroll ends following; being pushed up against the end is none."""
        if lines < 0 and not self._settling and self.scroll_offset.y < self.max_scroll_y:
            self._set_following(False)

    def repaint_changed(self) -> None:
        """Once, after the window has settled."""
        if not self._settling:
            super().repaint_changed()

    def on_resize(self) -> None:
        """Another width breaks lines elsewhere."""
        super().on_resize()
        changed, self._held.width = self.room != self._held.width, self.room
        if changed and self._held.wrap:
            self._reindex()
        else:
            self._settle()

    # Inside

    def _set_following(self, following: bool) -> None:
        if following != self._following:
            self._following = following
            self.post_message(self.FollowChanged(self, following))

    def _put_cursor(self, seq: int) -> None:
        self._cursor = seq
        self._set_following(False)
        self._reveal(seq)
        self.repaint_changed()
        self.post_message(self.CursorMoved(self))

    def _reveal(self, seq: int) -> None:
        line = self._held.index.line_of(seq)
        top, height = self.scroll_offset.y, max(1, self.size.height)
        behind = self._held.index.line_of(seq + 1)
        if line < top:
            self.scroll_to_line(line)
        elif behind > top + height:
            self.scroll_to_line(min(line, behind - height))

    def _forget_dropped(self) -> None:
        self._shift -= self._held.forget_dropped()
        if self._cursor is not None and self._cursor < self._held.source.first:
            self._cursor = self._held.index.at(0)

    def _settle(self) -> None:
        """The window follows, or keeps showing what it showed, whatever came or went above."""
        self._settling = True
        index = self._held.index
        top = self.scroll_offset.y + self._shift
        self._shift = 0
        self.resize_content(index.lines)
        if self._following:
            self.scroll_to_line(index.lines)
        elif self._anchor and (not self.working or index.place(self._anchor[0]) > 0):
            seq, row = self._anchor
            self.scroll_to_line(index.line_of(seq) - row)
            if not self.working:
                self._anchor = None
        else:
            self.scroll_to_line(top)
        self._settling = False
        self.repaint_changed()

    def _reindex(self) -> None:
        if not self._following and self._anchor is None:
            first, last = self.visible_texts()
            seq = self._cursor if self._cursor is not None and first <= self._cursor <= last else first
            self._anchor = (seq, self._held.index.line_of(seq) - self.scroll_offset.y)
        self._shift = 0
        if self._held.restart():
            self._slices.start("index", self._index_slices())
        else:
            self._slices.stop("index")
            self._indexed()
            self._settle()

    def _index_slices(self) -> Iterator[None]:
        yield from self._held.slices(self._add_shift)
        self._indexed()

    def _add_shift(self, lines: int) -> None:
        self._shift += lines

    def _indexed(self) -> None:
        index = self._held.index
        if self._cursor is not None:
            self._cursor = index.at(min(index.place(self._cursor), index.records - 1))
        self.post_message(self.Filtered(self))

    def _seek_slices(self, search: Iterator[Found | None]) -> Iterator[None]:
        for found in search:
            if found is not None:
                self._put_cursor(found.seq)
                self.post_message(self.Sought(self, True, found.wrapped))
                return
            yield
        self.post_message(self.Sought(self, False, True))
