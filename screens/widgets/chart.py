"""A chart of the last values, one column each, in block, braille or ASCII glyphs and one colour."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

from lettaops.model.cells import cut, pad, width
from lettaops.model.signs import Tone
from lettaops.model.text import Safe
from lettaops.model.units import UNKNOWN

from .base import Line, LineView, Piece
from .glyphs import EMPTY

BLOCKS: Final = " ▁▂▃▄▅▆▇█"
GAP: Final = "·"
ASCII_GAP: Final = "?"
_BRAILLE: Final = 0x2800
_LEFT_DOTS: Final = (0x00, 0x40, 0x44, 0x46, 0x47)  # filled from the bottom, 0 to 4
_RIGHT_DOTS: Final = (0x00, 0x80, 0xA0, 0xB0, 0xB8)
CAPACITY: Final = 1024


def plain(value: float | None) -> Safe:
    """A number in three digits or so; `–` when unknown."""
    return UNKNOWN if value is None else Safe(f"{value:.3g}")


def nice_ceiling(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50, … that is not below the value; 1 for nothing."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    for step in (1, 2, 5):
        if value <= step * power * (1 + 1e-9):
            return step * power
    return 10 * power


def block_rows(
    values: Sequence[float | None], ceiling: float, height: int, glyphs: str, gap: str
) -> list[str]:
    """One character a value and row, from the top. A known value is at least the lowest glyph."""
    steps = len(glyphs) - 1
    levels = [None if value is None else _level(value, ceiling, height * steps) for value in values]
    rows: list[str] = []
    for row in range(height - 1, -1, -1):
        rows.append(
            "".join(
                (gap if row == 0 else " ")
                if level is None
                else glyphs[min(max(level - row * steps, 0), steps)]
                for level in levels
            )
        )
    return rows


def braille_rows(
    pairs: Sequence[tuple[float | None, float | None]], ceiling: float, height: int
) -> list[str]:
    """One character for two values. Where both are unknown it is a gap; half a gap has no dots."""
    rows: list[str] = []
    for row in range(height - 1, -1, -1):
        text = ""
        for pair in pairs:
            if pair == (None, None):
                text += GAP if row == 0 else " "
                continue
            left, right = (
                0 if value is None else min(max(_level(value, ceiling, height * 4) - row * 4, 0), 4)
                for value in pair
            )
            dots = _LEFT_DOTS[left] | _RIGHT_DOTS[right]
            text += chr(_BRAILLE + dots) if dots else " "
        rows.append(text)
    return rows


def _level(value: float, ceiling: float, steps: int) -> int:
    return max(1, min(steps, math.ceil(value / ceiling * steps - 1e-9)))


class StripChart(LineView):
    """A history that moves one column to the left with each value (with braille, every second one).

    Unknown values are gaps. With `ceiling` the scale is fixed, otherwise it is a round number
    not below the largest value in sight and `least`, so that what is small doesn't look large.
    `show_last` and `show_ceiling` print the last value and the top of the scale at the right;
    a chart of several rows has them below each other.

    `paged`: instead, values stand still and fill the width from the left; when it is full, its older half
    goes. So a value costs one column, and everything only once in half a width.
    """

    def __init__(
        self,
        *,
        title: Safe = EMPTY,
        ceiling: float | None = None,
        least: float = 0.0,
        style: Literal["block", "braille"] = "block",
        tone: Tone = Tone.NORMAL,
        unit: Callable[[float | None], Safe] = plain,
        show_last: bool = True,
        show_ceiling: bool = False,
        label_width: int = 0,
        paged: bool = False,
        name: str | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._title = title
        self._ceiling = ceiling
        self._least = least
        self._kind = style
        self._tone = tone
        self._unit = unit
        self._show_last = show_last
        self._show_ceiling = show_ceiling
        self._label_width = label_width
        self._paged = paged
        self._values: deque[float | None] = deque(maxlen=CAPACITY)
        self._pushed = 0
        self._stale = False
        self._drawn: list[tuple[Piece, ...]] | None = None

    @property
    def values(self) -> tuple[float | None, ...]:
        """The history, oldest first."""
        return tuple(self._values)

    @property
    def ceiling(self) -> float:
        """The top of the scale as it is drawn."""
        if self._ceiling is not None:
            return self._ceiling
        return nice_ceiling(max(self._least, *(value for value in self._seen() if value is not None), 0.0))

    def push(self, value: float | None) -> None:
        """The next value; None when it isn't known. What isn't a number isn't known; below 0 is 0."""
        self._add(value)
        self._redraw()

    def set_values(self, values: Iterable[float | None]) -> None:
        """A whole history, oldest first."""
        self._values.clear()
        self._pushed = 0
        for value in values:
            self._add(value)
        self._redraw()

    def set_stale(self, stale: bool) -> None:
        """Greys everything: the values are old."""
        self._stale = stale
        self.repaint_changed()

    def line(self, y: int) -> Line:
        """A row of the chart with its words."""
        if self._drawn is None:
            self._drawn = self._draw_rows()
        look = "stale" if self._stale else ""
        return Line(self._drawn[y], look, y=y) if 0 <= y < len(self._drawn) else Line((), look, y=y)

    def texts(self, first: int, last: int) -> Iterable[tuple[int, str]]:
        """The rows as they are drawn."""
        for y in range(max(0, first), min(last + 1, self.size.height)):
            yield y, self.line(y).text.rstrip()

    def visible_texts(self) -> tuple[int, int]:
        """All rows."""
        return 0, self.size.height - 1

    def item_text(self) -> Safe:
        """Title and last value."""
        return Safe(f"{self._title} {self._unit(self._values[-1] if self._values else None)}".strip())

    def on_resize(self) -> None:
        """Another width shows more or fewer values."""
        self._drawn = None
        super().on_resize()

    def notify_style_update(self) -> None:
        """Glyphs may have changed too."""
        super().notify_style_update()
        self._drawn = None

    def _add(self, value: float | None) -> None:
        self._pushed += 1
        self._values.append(None if value is None or not math.isfinite(value) else max(0.0, value))

    def _redraw(self) -> None:
        self._drawn = None
        self.repaint_changed()

    def _chart_width(self) -> int:
        title = width(self._title) + 1 if self._title else 0
        label = self._label_width + 1 if self._label_width else 0
        return max(0, self.room - title - label)

    def _per_cell(self) -> int:
        return 2 if self._kind == "braille" and not self.ascii else 1

    def _seen(self) -> list[float | None]:
        """The values in sight; with braille the newest may be alone in its cell."""
        per = self._per_cell()
        count = self._chart_width() * per - (self._pushed % 2 if per == 2 else 0)
        if self._paged:
            count = self._on_page(self._chart_width(), per)
        return list(self._values)[-count:] if count > 0 else []

    def _on_page(self, cells: int, per_cell: int) -> int:
        """How many of the newest values stand on the page; full pages begin at each half."""
        room, half = cells * per_cell, max(1, cells // 2) * per_cell
        beyond = self._pushed - room
        return self._pushed if beyond <= 0 else room - half + (beyond - 1) % half + 1

    def _labels(self, height: int) -> list[str]:
        top = self.glyphs(f"{self._unit(self.ceiling)}") if self._show_ceiling else ""
        last = self.glyphs(self._unit(self._values[-1] if self._values else None)) if self._show_last else ""
        if height == 1:
            return [" / ".join(part for part in (last, top) if part)]
        return [top, *[""] * (height - 2), last]

    def _draw_rows(self) -> list[tuple[Piece, ...]]:
        height = self.size.height
        if not height:
            return []
        labels = self._labels(height)
        # The words grow but never shrink, so that the chart stays where it is.
        self._label_width = max(self._label_width, *map(width, labels))
        columns = self._chart_width()
        labels = self._labels(height)
        title = cut(self.glyphs(self._title), self.room, ellipsis=self.glyphs("…"))
        lead = width(title) + 1 if title else 0
        rows: list[tuple[Piece, ...]] = []
        for number, values in enumerate(self._bars(columns, height)):
            pieces = [Piece(pad(title if number == 0 else "", lead), "title")] if lead else []
            bars = values.ljust(columns) if self._paged else values.rjust(columns)
            pieces.append(Piece(bars, self._tone.value))
            if self._label_width:
                label = cut(labels[number], self._label_width, ellipsis=self.glyphs("…"))
                pieces.append(Piece(f" {pad(label, self._label_width, right=True)}", "title"))
            rows.append(tuple(pieces))
        return rows

    def _bars(self, width: int, height: int) -> list[str]:
        if not width:
            return [""] * height
        seen = self._seen()
        if self.ascii or self._kind == "block":
            gap = ASCII_GAP if self.ascii else GAP
            return block_rows(seen, self.ceiling, height, self.glyphs(BLOCKS), gap)
        # Pairs are counted from the first value ever, so a value stays on its side of the cell.
        start = self._pushed - len(seen)
        if start % 2:
            seen, start = [None, *seen], start - 1
        if len(seen) % 2:
            seen.append(None)
        return braille_rows(list(zip(seen[::2], seen[1::2], strict=True)), self.ceiling, height)
