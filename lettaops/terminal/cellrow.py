"""Rows of terminal cells from text, with nothing in them that could command a terminal.

A cell is a glyph and a pen; a glyph of two cells is followed by a cell with an empty glyph.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import repeat
from typing import Final

from rich.cells import cell_len, split_graphemes

from lettaops.model.cells import to_ascii
from lettaops.model.text import MAX_COMBINING, bare
from lettaops.terminal.pens import on_blank

Cell = tuple[str, str]
Row = list[Cell]
BLANK: Final[Cell] = (" ", "")
# Latin, dashes, quotes, arrows, mathematics, frames, bars and our own signs: each is one cell, whatever
# stands beside it.
_PLAIN: Final = re.compile(
    r"[ -~\xa1-\xac\xae-\u02ff\u2010-\u2015\u2018-\u2027\u2030-\u205e"
    r"\u2190-\u22ff\u2500-\u25fc\u2713-\u2718]*"
)


def cells_of(text: str, pen: str, *, ascii: bool = False) -> Row:
    """The cells of a text, as many as Rich counts for it.

    Control, format and other invisible characters are removed, never replaced: Rich counts most of
    them as no cell. Where it counts one (private use, fillers), a space takes the place. `ascii`:
    every glyph is one of ASCII.
    """
    blank = (" ", on_blank(pen))
    if text.isascii() and text.isprintable():
        if blank[1] == pen:
            return list(zip(text, repeat(pen), strict=False))
        return [blank if char == " " else (char, pen) for char in text]
    glyphs = _glyphs(text)
    if ascii:
        glyphs = tuple(to_ascii(each[:1]) or "?" for each in glyphs)
    return [blank if glyph == " " else (glyph, pen) for glyph in glyphs]


def put(row: list[Cell | None], start: int, cells: Sequence[Cell], first: int, end: int) -> None:
    """Write cells `first` to `end` (exclusive) of `cells` into a row at `start`.

    A wide glyph that a border of the piece cuts, in the piece or in the row, becomes blanks: half a
    glyph can't be drawn.
    """
    piece: list[Cell | None] = list(cells[first:end])
    if not piece:
        return
    _blank_halves(piece, cells, end)
    stop = start + len(piece)
    if start and _is_tail(row[start]):
        row[start - 1] = _blank_like(row[start - 1])
    if stop < len(row) and _is_tail(row[stop]):
        row[stop] = _blank_like(row[stop])
    row[start:stop] = piece


def _blank_halves(piece: list[Cell | None], cells: Sequence[Cell], end: int) -> None:
    if _is_tail(piece[0]):
        piece[0] = _blank_like(piece[0])
    if end < len(cells) and _is_tail(cells[end]):
        piece[-1] = _blank_like(piece[-1])


def _is_tail(cell: Cell | None) -> bool:
    return cell is not None and not cell[0]


def _blank_like(cell: Cell | None) -> Cell | None:
    return None if cell is None else (" ", on_blank(cell[1]))


@lru_cache(maxsize=8192)
def _glyphs(text: str) -> tuple[str, ...]:
    """One entry a cell: glyph with its marks, "" for the second cell of a wide one."""
    return tuple(text) if _PLAIN.fullmatch(text) else laid_out(text)


def laid_out(text: str) -> tuple[str, ...]:
    """The same for any text, however its characters combine."""
    glyphs: list[str] = []
    spans, _ = split_graphemes(text)
    for start, end, cells in spans:
        glyph = bare(text[start:end])
        if cells == 0:
            continue
        first = bare(text[start])
        if not first or first == " ":  # nothing to draw: a mark on a space would sit on the neighbour
            glyphs += [" "] * cells
            continue
        own, _ = split_graphemes(first)
        drawn = own[0][2]
        glyphs.append((first + _marks(glyph[1:]))[: 1 + MAX_COMBINING])
        glyphs += [""] * (drawn - 1)
        glyphs += [" "] * (cells - drawn)  # a variation selector would have widened it
    wanted = cell_len(text)  # Rich counts a text that begins with a joiner in two ways; this one lays out
    if wanted < len(glyphs):
        halved = bool(wanted) and not glyphs[wanted]
        glyphs[wanted - halved :] = [" "] * halved
    return (*glyphs, *[" "] * (wanted - len(glyphs)))


def _marks(rest: str) -> str:
    """What of the rest of a grapheme takes no cell: of glyphs joined into one only the first is kept."""
    return "".join(char for char in rest if all(cells == 0 for _, _, cells in split_graphemes(char)[0]))
