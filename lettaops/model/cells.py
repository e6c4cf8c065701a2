"""Text in terminal cells: how wide it is, cut, wrapped and padded, and what stands for it in ASCII.

For text that passed `model.text.clean`, which holds neither joiners nor variation selectors: it is as wide
as its characters are together. Terminals differ about marks, emoji and what their Unicode doesn't know yet;
`terminal.differ` places the cursor anew behind such glyphs, so that a row never shifts.
"""

import unicodedata
from bisect import bisect_right
from itertools import accumulate
from typing import Final

from lettaops.model.cell_table import NO_CELL, TWO_CELLS

ELLIPSIS: Final = "…"
_MOST_KEPT: Final = 20_000  # characters whose width or stand-in is remembered
# One character for one, so that nothing moves. Box drawing and blocks are those that Textual's widgets use.
_ASCII: Final = (
    dict(zip("●▲✕○◐–…×·•✓→←↑↓↻▼▶◀▸\u203a—↪\u2032≥≤µ■", "*!xo~-.x..+><^v@v><>>->'><u#", strict=True))
    | dict.fromkeys("\u2018\u2019", "'")
    | dict.fromkeys("“”", '"')
    | dict.fromkeys("─━┄┈╌╴╶╸╺", "-")
    | dict.fromkeys("│┃┆┊╎║╵╷╹╻", "|")
    | dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛╔╗╚╝╠╣╦╩╬", "+")
    | dict(zip("═▁▂▃▄▅▆▇█▀▔▕░▒▓", "=_.-:=+*##-|.:#", strict=True))
    | dict.fromkeys("▌▐▍▎▏▊▋▉", "|")
)


class _Ascii(dict[int, str]):
    """One ASCII character for each character; a letter's base where it has one, else `?`."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        base = unicodedata.normalize("NFKD", char)[:1]
        value = char if code < 0x80 else base if base.isascii() and base.isprintable() and base else "?"
        if len(self) < _MOST_KEPT:
            self[code] = value
        return value


class _Widths(dict[str, int]):
    """The cells of each character, filled as characters are met."""

    def __init__(self) -> None:
        super().__init__()
        ranges = [(*_bounds(each), 0) for each in NO_CELL.split()]
        ranges += [(*_bounds(each), 2) for each in TWO_CELLS.split()]
        self._ranges = sorted(ranges)

    def __missing__(self, char: str) -> int:
        code = ord(char)
        at = bisect_right(self._ranges, (code, 0x110000, 0)) - 1
        _, last, cells = self._ranges[at] if at >= 0 else (0, -1, 1)
        value = cells if code <= last else 1
        if len(self) >= _MOST_KEPT:
            self.clear()
        self[char] = value
        return value


def _bounds(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    return int(first, 16), int(last or first, 16)


_TO_ASCII: Final = _Ascii({ord(char): plain for char, plain in _ASCII.items()})
_WIDTHS: Final = _Widths()
_cells_of: Final = _WIDTHS.__getitem__


def to_ascii(text: str) -> str:
    """The text in ASCII, one character for each of its characters; `?` for what has no stand-in."""
    return text if text.isascii() else text.translate(_TO_ASCII)


def width(text: str) -> int:
    """Cells a text takes on a terminal."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


def has_odd_cells(text: str) -> bool:
    """Whether a character of the text takes other than one cell."""
    return not text.isascii() and any(_cells_of(char) != 1 for char in text)


def fitting(text: str, cells: int) -> int:
    """How many characters of the text fit into that many cells; marks stay with their base."""
    if text.isascii():
        return max(0, min(len(text), cells))
    for at, used in enumerate(accumulate(map(_cells_of, text))):
        if used > cells:
            return at
    return len(text)


def cut(text: str, cells: int, *, ellipsis: str = ELLIPSIS) -> str:
    """The text in at most `cells` cells, with an ellipsis where it was cut."""
    if width(text) <= cells:
        return text
    return text[: fitting(text, cells - 1)] + ellipsis if cells > 0 else ""


def chop(text: str, cells: int) -> list[int]:
    """Where each line starts when the text is broken every `cells` cells; at least one line."""
    if cells <= 0:
        return [0]
    if text.isascii():
        return list(range(0, len(text), cells)) or [0]
    starts = [0]
    used = 0
    for at, size in enumerate(map(_cells_of, text)):
        if used + size > cells and at > starts[-1]:
            starts.append(at)
            used = 0
        used += size
    return starts


def skip(text: str, cells: int) -> tuple[int, int]:
    """The first character wholly at or behind a cell, and how many cells of a halved one precede it."""
    if cells <= 0:
        return 0, 0
    if text.isascii():
        return min(cells, len(text)), 0
    for at, end in enumerate(accumulate(map(_cells_of, text))):
        if end > cells:
            before = end - _cells_of(text[at])
            return (at, 0) if before >= cells else (at + 1, end - cells)
    return len(text), 0


def wrap(text: str, cells: int, indent: str = "") -> list[str]:
    """The text in lines of at most `cells` cells, all but the first behind `indent`; at least one line.

    Broken at spaces, and within a word that is longer than a line.
    """
    indent = indent if width(indent) < cells else ""
    lines: list[str] = []
    line, room = "", cells
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if line and width(joined) > room:
            lines.append(line)
            joined, room = word, cells - width(indent)
        while width(joined) > room and len(joined) > 1:
            at = max(1, fitting(joined, room))  # a wide character may be wider than all the room
            lines.append(joined[:at])
            joined, room = joined[at:], cells - width(indent)
        line = joined
    lines.append(line)
    return [lines[0], *(indent + each for each in lines[1:])]


def pad(text: str, cells: int, *, right: bool = False) -> str:
    """The text in at least `cells` cells; `right`: against the right edge."""
    space = " " * (cells - width(text))
    return space + text if right else text + space
