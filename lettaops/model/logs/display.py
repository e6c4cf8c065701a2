"""A record as it is seen: what a terminal would have shown, cleaned, with secrets masked.

View, copy, search and export take one and the same text.
"""

import re
from collections.abc import Sequence
from typing import Final

from lettaops.model.cells import width
from lettaops.model.logs.mask import mask
from lettaops.model.logs.sgr import TAB_WIDTH, Styled, styled
from lettaops.model.text import LINE_LIMIT, Safe, clean
from lettaops.model.units import size

# What moves within a line: carriage return, backspace, tab; erasing to the end (0), the start (1) or all (2).
_MOVES = re.compile(r"(\r|\x08|\t|(?:\x1b\[|\x9b)[0-2]?K|(?:\x1b\[|\x9b)[0-9;:]{0,256}m)")
_LONGEST_WORD: Final = 4096
_LONGEST_PEN: Final = 512  # characters of sequences without a reset among them
_RESETS: Final = ("[m", "[0m", "\x9bm", "\x9b0m")
_ERASE: Final = {"0K": 0, "K": 0, "1K": 1, "2K": 2}


def lines_of(raw: bytes, more: int = 0) -> list[Safe]:
    """The lines of a record; `more`: bytes of the last one that were not kept, which it tells."""
    *lines, last = raw.decode("utf-8", "replace").split("\n")
    return [*(shown(line) for line in lines), shown(last, more)]


def styled_lines_of(raw: bytes, more: int = 0) -> list[Styled]:
    """The same texts with their colours."""
    *lines, last = raw.decode("utf-8", "replace").split("\n")
    return [*(_coloured(line, 0) for line in lines), _coloured(last, more)]


def shown(line: str, more: int = 0) -> Safe:
    """The text of one line as it came."""
    text = mask(visible(line)) if not more else _cut_short(line, more)
    return clean(text)


def visible(line: str) -> str:
    """One line as a terminal would show it in the end, cleaned, with its secrets."""
    if line.isascii() and line.isprintable():
        return line
    return clean(settled(line))


def settled(line: str) -> str:
    """One line as it came, with what was written over left out: the last state of a progress line.

    SGR sequences stay where they are; other sequences are dropped where anything was written over.
    """
    line = line.rstrip("\r")
    if "\r" not in line and "\x08" not in line:
        return line
    return _Row().written(line)


class _Row:
    """The cells of one line of a terminal, and where the cursor stands."""

    def __init__(self) -> None:
        self._cells: list[str] = []  # "" for the second half of a wide character
        self._pens: list[str] = []
        self._column = 0
        self._pen = ""

    def written(self, line: str) -> str:
        for number, piece in enumerate(_MOVES.split(line)):
            if not number % 2:
                self._write(piece)
            elif piece == "\r":
                self._column = 0
            elif piece == "\x08":
                self._column = max(0, self._column - 1)
            elif piece == "\t":
                self._column = min(LINE_LIMIT, self._column + TAB_WIDTH - self._column % TAB_WIDTH)
                self._grow(self._column)
            elif piece.endswith("m"):
                afresh = piece.endswith(_RESETS) or len(self._pen) > _LONGEST_PEN
                self._pen = piece if afresh else self._pen + piece
            else:
                self._erase(_ERASE[piece.lstrip("\x1b[\x9b")])
        return self._text()

    def _write(self, piece: str) -> None:
        text = clean(piece)
        if text.isascii():
            self._put(text)
            return
        for char in text:
            if cells := width(char):
                self._put((char, "")[:cells])
            elif 0 < self._column <= len(self._cells):
                self._cells[self._column - 1] += char

    def _put(self, cells: Sequence[str]) -> None:
        """Write cells from the cursor on."""
        if not cells:
            return
        begin, end = self._column, self._column + len(cells)
        self._grow(end)
        self._free(begin)
        self._free(end - 1)
        self._cells[begin:end] = cells
        self._pens[begin:end] = [self._pen] * len(cells)
        self._column = end

    def _grow(self, end: int) -> None:
        more = max(0, end - len(self._cells))
        self._cells += [" "] * more
        self._pens += [""] * more

    def _free(self, at: int) -> None:
        """Blank the other half of a wide character that is written over."""
        if not self._cells[at] and at:
            self._cells[at - 1] = self._cells[at] = " "
        elif at + 1 < len(self._cells) and not self._cells[at + 1]:
            self._cells[at] = self._cells[at + 1] = " "

    def _erase(self, how: int) -> None:
        if how == 0:
            del self._cells[self._column :], self._pens[self._column :]
            return
        end = len(self._cells) if how == 2 else min(self._column + 1, len(self._cells))
        self._cells[:end] = [" "] * end
        self._pens[:end] = [""] * end

    def _text(self) -> str:
        parts: list[str] = []
        pen = ""
        for char, look in zip(self._cells, self._pens, strict=True):
            if look != pen:
                parts.append(f"\x1b[m{look}")
                pen = look
            parts.append(char)
        return "".join(parts).rstrip(" ")


def _coloured(line: str, more: int) -> Styled:
    text = shown(line, more)
    if line.isascii() and line.isprintable():
        return Styled(text)
    found = styled(settled(line))
    # Where a secret was masked, places in the text have moved.
    return found if found.text == text else Styled(text)


def _cut_short(line: str, more: int) -> str:
    """The kept part of a line that was cut, and how much is missing.

    Without its last word: it may be half of a secret that is known only whole.
    """
    within = max(0, len(line) - _LONGEST_WORD)
    kept = line[: max(within, line.rfind(" ", within), line.rfind("\t", within))]
    missing = more + len(line[len(kept) :].encode("utf-8", "replace"))
    return f"{mask(visible(kept))}… {size(missing)} more"
