"""What can be drawn: the app-wide ASCII mode, and measuring and cutting text by terminal cells.

Widths are Rich's, because Textual composes with them. `Safe` text holds neither joiners nor
variation selectors, so a text is as wide as its characters are together.
"""

from enum import StrEnum
from itertools import accumulate
from typing import Final, Protocol, runtime_checkable

from rich.cells import cell_len, get_character_cell_size

from lettaops.model.cells import ELLIPSIS
from lettaops.model.text import Safe

EMPTY: Final = Safe("")


class Tone(StrEnum):
    """How a text is meant. Colour only repeats what the text or its symbol says."""

    NORMAL = "normal"
    MUTED = "muted"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    ACCENT = "accent"


@runtime_checkable
class HasAscii(Protocol):
    """An app that can be told to draw with ASCII characters only."""

    @property
    def ascii(self) -> bool: ...


def is_ascii(app: object) -> bool:
    """Whether this app draws with ASCII only; an app without the flag doesn't."""
    return isinstance(app, HasAscii) and app.ascii


def fitting(text: str, cells: int) -> int:
    """How many characters of the text fit into that many cells; combining marks stay with their base."""
    if text.isascii():
        return max(0, min(len(text), cells))
    used = 0
    for at, char in enumerate(text):
        used += get_character_cell_size(char)
        if used > cells:
            return at
    return len(text)


def cut(text: str, cells: int, *, ellipsis: str = ELLIPSIS) -> str:
    """The text in at most `cells` cells, with an ellipsis where it was cut."""
    if cell_len(text) <= cells:
        return text
    return text[: fitting(text, cells - 1)] + ellipsis if cells > 0 else ""


def pad(text: str, cells: int, *, right: bool = False) -> str:
    """The text with spaces up to `cells` cells, on its left when `right` aligns it."""
    space = " " * (cells - cell_len(text))
    return space + text if right else text + space


def chop(text: str, cells: int) -> list[int]:
    """Where each line starts when the text is broken every `cells` cells; at least one line."""
    if cells <= 0:
        return [0]
    if text.isascii():
        return list(range(0, len(text), cells)) or [0]
    starts = [0]
    used = 0
    for at, char in enumerate(text):
        size = get_character_cell_size(char)
        if used + size > cells and at > starts[-1]:
            starts.append(at)
            used = 0
        used += size
    return starts


def has_wide(text: str) -> bool:
    """Whether a character of the text takes other than one cell."""
    return not text.isascii() and any(get_character_cell_size(char) != 1 for char in text)


def skip(text: str, cells: int) -> tuple[int, int]:
    """The first character wholly at or behind a cell, and how many cells of a halved one precede it."""
    if cells <= 0:
        return 0, 0
    if text.isascii():
        return min(cells, len(text)), 0
    for at, end in enumerate(accumulate(map(get_character_cell_size, text))):
        if end > cells:
            before = end - get_character_cell_size(text[at])
            return (at, 0) if before >= cells else (at + 1, end - cells)
    return len(text), 0
