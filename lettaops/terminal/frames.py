"""Frames of Textual 8.2.8's compositor, put into the grid of the differ.

Knows `ChopsUpdate` (attributes `chops`, `spans`, `chop_ends`) and `LayoutUpdate` (`strips`,
`region`) of `textual._compositor`, and `Strip.render_ansi`.
"""

from collections.abc import Iterable
from functools import lru_cache

from rich.color import ColorSystem
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.strip import Strip

from lettaops.terminal.cellrow import Row, cells_of
from lettaops.terminal.differ import Grid
from lettaops.terminal.pens import canonical

Update = ChopsUpdate | LayoutUpdate


def put_update(grid: Grid, update: Update, colors: ColorSystem, *, ascii: bool = False) -> None:
    """Put what an update draws into the grid; nothing is sent."""
    if isinstance(update, LayoutUpdate):
        x, y = update.region.x, update.region.y
        for row, strips in enumerate(update.strips, y):
            grid.put(row, x, _row(strips, colors, ascii))
        return
    for y, left, right in update.spans:
        if not 0 <= y < len(update.chops):
            continue
        for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is None or x >= right or end <= left:
                continue
            # Beyond the span a chop may hold a widget that another one, not drawn now, lies over.
            first, last = max(left - x, 0), min(right, end) - x
            grid.put(y, x + first, _row((strip,), colors, ascii), first, last)


def _row(strips: Iterable[Strip], colors: ColorSystem, ascii: bool) -> Row:
    row: Row = []
    for strip in strips:
        for text, style, control in strip:
            if not control:
                row += cells_of(text, _pen(style, colors) if style is not None else "", ascii=ascii)
    return row


@lru_cache(maxsize=8192)
def _pen(style: Style, colors: ColorSystem) -> str:
    return canonical(Strip.render_ansi(style, colors))
