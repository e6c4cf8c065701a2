"""Colours in log lines (ECMA-48 SGR) as styles of ours; every other sequence is dropped by `clean`.

Colours are numbers of the palette of 256; red, green and blue take the nearest. What would make text
unreadable is left out: a foreground like the background, and concealed text.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from lettaops.model.text import Safe, clean

TAB_WIDTH: Final = 8
_SGR = re.compile(r"(?:\x1b\[|\x9b)([0-9;:]{0,256})m")
_SGR_BYTES = re.compile(rb"\x1b\[[0-9;:]{0,256}m")
_MOST_PARAMETERS: Final = 64
_CUBE: Final = (0, 95, 135, 175, 215, 255)
# The nominal values of xterm; a theme may have others.
_BASIC: Final = (
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0),
    (0, 0, 238), (205, 0, 205), (0, 205, 205), (229, 229, 229),
    (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0),
    (92, 92, 255), (255, 0, 255), (0, 255, 255), (255, 255, 255),
)  # fmt: skip
_ALIKE: Final = 48  # two colours are alike below this sum of differences
_DARK: Final = 60  # sum of red, green and blue


class Style(NamedTuple):
    """How a piece of text looks. Colours: 0 to 255, None for the terminal's own."""

    foreground: int | None = None
    background: int | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underline: bool = False
    reverse: bool = False
    strike: bool = False


class Span(NamedTuple):
    """Characters from `start` to before `end` in a style."""

    start: int
    end: int
    style: Style


class Styled(NamedTuple):
    """A clean line and the pieces of it that don't have the plain style, in order."""

    text: Safe
    spans: tuple[Span, ...] = ()


PLAIN: Final = Style()
_ON: Final[dict[int, Callable[[Style], Style]]] = {
    1: lambda style: style._replace(bold=True),
    2: lambda style: style._replace(dim=True),
    3: lambda style: style._replace(italic=True),
    4: lambda style: style._replace(underline=True),
    7: lambda style: style._replace(reverse=True),
    9: lambda style: style._replace(strike=True),
    21: lambda style: style._replace(underline=True),
    22: lambda style: style._replace(bold=False, dim=False),
    23: lambda style: style._replace(italic=False),
    24: lambda style: style._replace(underline=False),
    27: lambda style: style._replace(reverse=False),
    29: lambda style: style._replace(strike=False),
    39: lambda style: style._replace(foreground=None),
    49: lambda style: style._replace(background=None),
}


def strip(data: bytes) -> bytes:
    """Bytes of text without their SGR sequences in 7 bits; everything else stays."""
    return _SGR_BYTES.sub(b"", data)


def styled(text: str) -> Styled:
    """One line as it came, cleaned, with its colours.

    Where cleaning the pieces between two colours gives another text than cleaning the whole line, as
    sequences broken on purpose do, the line has no colours.
    """
    whole = clean(text)
    if "\x1b" not in text and "\x9b" not in text:
        return Styled(whole)
    spans: list[Span] = []
    parts: list[str] = []
    at = 0
    for style, piece in _pieces(text):
        shown = _clean_at(piece, at)
        end = at + len(shown)
        look = readable(style)
        if look != PLAIN and shown:
            if spans and spans[-1].end == at and spans[-1].style == look:
                spans[-1] = spans[-1]._replace(end=end)
            else:
                spans.append(Span(at, end, look))
        parts.append(shown)
        at = end
    return Styled(whole, tuple(spans) if "".join(parts) == whole else ())


def readable(style: Style) -> Style:
    """The style without colours that would hide the text."""
    front, back = style.foreground, style.background
    if front is not None and back is not None:
        alike = _apart(rgb(front), rgb(back)) < _ALIKE
        return style._replace(foreground=None, background=None) if alike else style
    if front is not None and sum(rgb(front)) < _DARK:  # black on what is probably black
        return style._replace(foreground=None)
    if back is not None:  # the terminal's own foreground may be the same
        return style._replace(foreground=0 if sum(rgb(back)) > 382 else 15)
    return style


@lru_cache(maxsize=512)
def basic(colour: int) -> int:
    """The nearest of the 16 colours."""
    return colour if colour < 16 else min(range(16), key=lambda number: _apart(rgb(number), rgb(colour)))


def rgb(colour: int) -> tuple[int, int, int]:
    """Nominal red, green and blue of a colour of the palette."""
    if colour < 16:
        return _BASIC[colour]
    if colour >= 232:
        grey = 8 + 10 * (colour - 232)
        return (grey, grey, grey)
    red, rest = divmod(colour - 16, 36)
    return (_CUBE[red], _CUBE[rest // 6], _CUBE[rest % 6])


def _apart(one: tuple[int, int, int], other: tuple[int, int, int]) -> int:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True))


def _pieces(text: str) -> Iterator[tuple[Style, str]]:
    style = PLAIN
    pieces = _SGR.split(text)
    yield style, pieces[0]
    for parameters, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        style = _changed(style, parameters)
        yield style, piece


def _clean_at(piece: str, column: int) -> str:
    """A piece, cleaned; its tabs go to the stops of the line it is part of."""
    lead = column % TAB_WIDTH if "\t" in piece else 0
    return clean(" " * lead + piece)[lead:]


@lru_cache(maxsize=1024)
def _changed(style: Style, parameters: str) -> Style:
    values = iter(parameters.split(";")[:_MOST_PARAMETERS])
    for value in values:
        parts = value.split(":")
        code = _number(parts[0])
        if code == 0:
            style = PLAIN
        elif code in (38, 48):
            colour = _extended(parts[1:] if len(parts) > 1 else _following(values))
            if colour is not None:
                style = _with_colour(style, colour, front=code == 38)
        elif parts == ["4", "0"]:
            style = style._replace(underline=False)
        else:
            style = _simple(style, code)
    return style


def _simple(style: Style, code: int) -> Style:
    if code in _ON:
        return _ON[code](style)
    for first, offset, front in ((30, 0, True), (40, 0, False), (90, 8, True), (100, 8, False)):
        if first <= code < first + 8:
            return _with_colour(style, code - first + offset, front=front)
    return style


def _with_colour(style: Style, colour: int, *, front: bool) -> Style:
    return style._replace(foreground=colour) if front else style._replace(background=colour)


def _following(values: Iterator[str]) -> list[str]:
    """The parameters of `38;5;n` or `38;2;r;g;b` behind the first."""
    kind = next(values, "")
    return [kind, *(next(values, "") for _ in range({"5": 1, "2": 3}.get(kind, 0)))]


def _extended(parts: Sequence[str]) -> int | None:
    """The colour of `5:n` or `2:r:g:b`, or of `2:space:r:g:b`."""
    if len(parts) == 2 and parts[0] == "5":
        number = _number(parts[1])
        return number if number < 256 else None
    if len(parts) >= 4 and parts[0] == "2":
        red, green, blue = (min(255, _number(part)) for part in parts[-3:])
        return _nearest(red, green, blue)
    return None


@lru_cache(maxsize=1024)
def _nearest(red: int, green: int, blue: int) -> int:
    """The nearest colour of the cube or the greys: the first 16 differ from theme to theme."""
    cube = 16 + 36 * _step(red) + 6 * _step(green) + _step(blue)
    grey = 232 + min(23, max(0, ((red + green + blue) // 3 - 3) // 10))
    wanted = (red, green, blue)
    return cube if _apart(rgb(cube), wanted) <= _apart(rgb(grey), wanted) else grey


def _step(part: int) -> int:
    return min(range(6), key=lambda step: abs(_CUBE[step] - part))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 4 else 0 if not text else 999
