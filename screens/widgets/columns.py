"""A table's values, and how its columns share the width."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, NamedTuple, Protocol

import msgspec
from textual.cache import LRUCache

from lettaops.model.cells import ELLIPSIS, cut, pad
from lettaops.model.signs import Tone
from lettaops.model.text import Safe

from .base import Piece
from .glyphs import EMPTY

GUTTER: Final = 1  # the cell for the cursor and the mark, left of the first column
GAP: Final = 2  # cells between columns


class Comparable(Protocol):
    """What rows can be sorted by."""

    def __lt__(self, other: Any, /) -> bool: ...


class Cell(msgspec.Struct, frozen=True):
    """A text and how it is meant."""

    text: Safe
    tone: Tone = Tone.NORMAL


class Row(msgspec.Struct, frozen=True):
    """A row of a table: a key that stays the same, and one cell for each column.

    `spans`: a heading or a fold; its first cell covers all columns, the cursor passes over it.
    `search`: the texts that a filter looks at, where they aren't the cells'.
    """

    key: str
    cells: tuple[Cell | Safe, ...]
    spans: bool = False
    search: tuple[Safe, ...] = ()

    def text(self, column: int) -> Safe:
        """The text in a column; empty when the row has fewer."""
        if column >= len(self.cells):
            return EMPTY
        cell = self.cells[column]
        return cell.text if isinstance(cell, Cell) else cell


class Column(msgspec.Struct, frozen=True):
    """A column. `width` is its cells, and its minimum when `flex`, its share of the rest, isn't 0.

    `priority`: 0 is always shown; in a narrow table the highest goes first. `sort_key` gives
    what a row is sorted by, None for unknown, which comes last either way. `descending`: the
    direction that is of interest first.
    """

    key: str
    title: Safe
    width: int
    flex: int = 0
    align: Literal["left", "right"] = "left"
    priority: int = 0
    sort_key: Callable[[Row], Comparable | None] | None = None
    descending: bool = False


class Slot(NamedTuple):
    """A shown column: its place in the table's columns, its first cell, and its cells."""

    column: int
    start: int
    width: int


def share(columns: Sequence[Column], width: int) -> tuple[Slot, ...]:
    """The columns that are shown in a width, and where; the last one may be cut at the edge."""
    shown = list(range(len(columns)))

    def needed() -> int:
        return GUTTER + sum(columns[at].width for at in shown) + GAP * max(0, len(shown) - 1)

    while needed() > width:
        droppable = [at for at in shown if columns[at].priority > 0]
        if not droppable:
            break
        shown.remove(max(droppable, key=lambda at: (columns[at].priority, at)))
    rest = max(0, width - needed())
    weight = sum(columns[at].flex for at in shown)
    slots: list[Slot] = []
    start = GUTTER
    for at in shown:
        flex = columns[at].flex
        extra = rest * flex // weight if flex else 0
        rest, weight = rest - extra, weight - flex
        cells = min(columns[at].width + extra, width - start)
        if cells <= 0:
            break
        slots.append(Slot(at, start, cells))
        start += cells + GAP
    return tuple(slots)


class Grid:
    """Columns in a width: how rows and the header read there. `glyphs` turns text into what can be drawn."""

    def __init__(self, columns: Sequence[Column], glyphs: Callable[[str], str]) -> None:
        self.columns = tuple(columns)
        self._glyphs = glyphs
        self._width = -1
        self._slots: tuple[Slot, ...] = ()
        self._pieces: LRUCache[Row, tuple[Piece, ...]] = LRUCache(256)

    def forget(self) -> None:
        """Glyphs are others than before."""
        self._width = -1

    def fit(self, width: int) -> None:
        """Shares out another width; nothing to do when it is the same."""
        if width != self._width:
            self._width = width
            self._slots = share(self.columns, width)
            self._pieces.clear()

    def column_at(self, x: int) -> Column | None:
        """The column at a cell, or left of it."""
        found = [slot for slot in self._slots if slot.start <= x + 1]
        return self.columns[found[-1].column] if found else None

    def pieces(self, row: Row) -> tuple[Piece, ...]:
        """A row, cut, aligned and separated, behind an empty gutter."""
        found = self._pieces.get(row)
        if found is None:
            found = self._pieces[row] = self._span(row) if row.spans else self._cells(row)
        return found

    def header(self, sorted_by: str | None, descending: bool) -> tuple[Piece, ...]:
        """The titles, with an arrow at the one that is sorted by."""
        text = " " * GUTTER
        for slot in self._slots:
            column = self.columns[slot.column]
            title: str = column.title
            if column.key == sorted_by:
                # The arrow must be seen however narrow the column is.
                title = cut(title, max(0, slot.width - 1)) + ("↓" if descending else "↑")
            text += self._fitted(title, slot) + " " * GAP
        return (Piece(text, "header"),)

    def _cells(self, row: Row) -> tuple[Piece, ...]:
        pieces: list[Piece] = []
        before = " " * GUTTER
        for slot in self._slots:
            cell = row.cells[slot.column] if slot.column < len(row.cells) else EMPTY
            tone = cell.tone if isinstance(cell, Cell) else Tone.NORMAL
            _append(pieces, before + self._fitted(row.text(slot.column), slot), tone.value)
            before = " " * GAP
        return tuple(pieces) or (Piece(before),)

    def _span(self, row: Row) -> tuple[Piece, ...]:
        cell = row.cells[0] if row.cells else EMPTY
        tone = cell.tone if isinstance(cell, Cell) else Tone.MUTED
        text = cut(self._glyphs(row.text(0)), self._width - GUTTER, ellipsis=self._glyphs(ELLIPSIS))
        return (Piece(" " * GUTTER + text, tone.value),)

    def _fitted(self, text: str, slot: Slot) -> str:
        drawn = cut(self._glyphs(text), slot.width, ellipsis=self._glyphs(ELLIPSIS))
        return pad(drawn, slot.width, right=self.columns[slot.column].align == "right")


def _append(pieces: list[Piece], text: str, look: str) -> None:
    """Cells of one look in a row become one piece: fewer bytes."""
    if pieces and pieces[-1].look == look:
        text = pieces.pop().text + text
    pieces.append(Piece(text, look))
