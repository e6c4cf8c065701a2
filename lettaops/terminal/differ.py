"""The frame differ: the cells that should stand on the terminal, those that do, and the bytes between.

Textual sends a changed widget from its left edge on; over SSH that is most of the traffic. Here
only runs of cells that changed are sent, with the shortest moves and changes of pen. Equal frames
give no bytes, and the same history gives the same bytes.
"""

from collections.abc import Iterable
from typing import Final

from lettaops.terminal.cellrow import BLANK, Cell, Row, put
from lettaops.terminal.pens import change, on_blank

_ERASE: Final = "\x1b[K"
_SHORT_GAP: Final = 4  # unchanged cells that cost no more to send again than to jump over (`ESC [ n C`)
_Line = list[Cell | None]


class Grid:
    """What should be on the screen and what was sent. Coordinates count from 0.

    None in a row means unknown: a cell that no frame filled yet is left alone, a cell of which
    isn't known what the terminal shows is sent.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self._wanted: list[_Line] = [[None] * width for _ in range(height)]
        self._sent: list[_Line] = [[None] * width for _ in range(height)]
        self._dirty: set[int] = set()
        self._pen: str | None = None
        self._at: tuple[int, int] | None = None

    def put(self, y: int, x: int, cells: Row, first: int = 0, end: int | None = None) -> None:
        """Cells `first` to `end` of `cells` belong at (x, y) on; what is outside the screen is cut off."""
        end = len(cells) if end is None else min(end, len(cells))
        if x < 0:
            first, x = first - x, 0
        end = min(end, first + self.width - x)
        if 0 <= y < self.height and first < end:
            put(self._wanted[y], x, cells, first, end)
            self._dirty.add(y)

    def forget(self) -> None:
        """Nothing is known of the terminal any more: the next flush sends every cell."""
        self._sent = [[None] * self.width for _ in range(self.height)]
        self._dirty = set(range(self.height))
        self._pen = self._at = None

    def assume(self, y: int, cells: Row) -> None:
        """The terminal shows these cells in row `y` already, and nothing behind them."""
        if 0 <= y < self.height and len(cells) <= self.width:
            self._sent[y] = [*cells, *[BLANK] * (self.width - len(cells))]
            self._dirty.add(y)

    def flush(self, cursor: tuple[int, int] | None = None) -> str:
        """The bytes that make the terminal show what was put. `cursor`: where its cursor must end, (x, y)."""
        parts: list[str] = []
        for y in sorted(self._dirty):
            if self._wanted[y] != self._sent[y]:
                self._flush_row(y, parts)
        self._dirty.clear()
        if cursor is not None and cursor != self._at:
            x, y = (max(0, min(value, size - 1)) for value, size in zip(cursor, self._size, strict=True))
            if (x, y) != self._at:
                self._move(x, y, parts)
        return "".join(parts)

    @property
    def _size(self) -> tuple[int, int]:
        return self.width, self.height

    def _flush_row(self, y: int, parts: list[str]) -> None:
        wanted, sent = self._wanted[y], self._sent[y]
        changed = [
            x
            for x, (new, old) in enumerate(zip(wanted, sent, strict=True))
            if new is not old and new is not None and new != old
        ]
        blank_from = self._blank_tail(wanted)
        tail = [x for x in changed if x >= blank_from]
        erase = len(tail) > len(_ERASE)
        for start, stop in _runs(changed[: -len(tail)] if erase else changed, wanted):
            self._draw(y, start, stop, parts)
        if erase:
            self._erase(y, tail[0], parts)
        for x in changed:
            sent[x] = wanted[x]

    def _draw(self, y: int, start: int, stop: int, parts: list[str]) -> None:
        """Send the cells from `start` to before `stop`."""
        row = self._wanted[y]
        gap = start - self._at[0] if self._at is not None and self._at[1] == y else -1
        if 0 < gap <= _SHORT_GAP and self._fits_pen(row[start - gap : start]):
            start -= gap
        elif gap:
            self._move(start, y, parts)
        x = start
        while x < stop and (cell := row[x]) is not None:
            glyph, pen = cell
            self._take(glyph, pen, parts)
            parts.append(glyph)
            x += 1
            wide = x < self.width and row[x] == ("", pen)
            x += wide
            if wide or len(glyph) > 1 or x == self.width:
                # Terminals differ about the width of such glyphs, and about the place after the last column.
                self._at = None
                if x < stop:
                    self._move(x, y, parts)
            else:
                self._at = (x, y)

    def _take(self, glyph: str, pen: str, parts: list[str]) -> None:
        """Change the pen, unless the glyph looks the same with the one in hand."""
        if self._pen is None or (pen != on_blank(self._pen) if glyph == " " else pen != self._pen):
            parts.append(change(self._pen, pen))
            self._pen = pen

    def _fits_pen(self, cells: _Line) -> bool:
        """Whether cells can be sent again without a change of pen and without doubt about their width."""
        if self._pen is None:
            return False
        shown = on_blank(self._pen)
        return all(
            cell is not None
            and (cell[1] == shown if cell[0] == " " else len(cell[0]) == 1 and cell[1] == self._pen)
            for cell in cells
        )

    def _erase(self, y: int, x: int, parts: list[str]) -> None:
        """Blank the row from `x` on. Only for the plain pen: not all terminals erase in colour."""
        if self._at != (x, y):
            self._move(x, y, parts)
        self._take(" ", "", parts)
        parts.append(_ERASE)

    def _move(self, x: int, y: int, parts: list[str]) -> None:
        steps = x - self._at[0] if self._at is not None and self._at[1] == y else 0
        if steps > 0:
            parts.append(f"\x1b[{steps}C" if steps > 1 else "\x1b[C")
        elif x:
            parts.append(f"\x1b[{y + 1};{x + 1}H")
        else:
            parts.append(f"\x1b[{y + 1}H" if y else "\x1b[H")
        self._at = (x, y)

    def _blank_tail(self, row: _Line) -> int:
        """Where the plain blanks at the end of a row begin."""
        x = self.width
        while x and row[x - 1] == BLANK:
            x -= 1
        return x


def _runs(changed: list[int], row: _Line) -> Iterable[tuple[int, int]]:
    """Neighbouring changed cells as (start, stop), wide glyphs whole."""
    start = stop = -1
    for x in changed:
        if x != stop:
            if stop > start:
                yield start, stop
            start = x - 1 if x and (cell := row[x]) is not None and not cell[0] else x
        stop = x + 1
    if stop > start:
        yield start, stop
