"""Pens: how a terminal is told to draw, and the shortest way from one pen to another.

A pen is written as the parameters of one SGR sequence in a fixed order, "" for the terminal's own
look, so that equal looks are equal texts. No I/O, and nothing of Textual.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

RESET: Final = "\x1b[0m"
# The parameter that turns an attribute off; several share one (ECMA-48 8.3.117).
_OFF: Final = {
    "1": "22", "2": "22", "3": "23", "4": "24", "21": "24", "5": "25", "6": "25", "7": "27",
    "8": "28", "9": "29", "51": "54", "52": "54", "53": "55",
}  # fmt: skip
# What is seen of a space: underlines, reverse, strike, frames and overline; the rest belongs to glyphs.
_SEEN_ON_BLANK: Final = frozenset({"4", "21", "7", "9", "51", "52", "53"})


class _Look(NamedTuple):
    """Attributes as SGR parameters, and colours as theirs, "" for the default."""

    attributes: tuple[str, ...]
    foreground: str
    background: str


@lru_cache(maxsize=4096)
def canonical(parameters: str) -> str:
    """The pen that SGR parameters mean from a reset terminal: `0;49;31;1` is `1;31`."""
    return _write(_read(parameters))


@lru_cache(maxsize=4096)
def on_blank(pen: str) -> str:
    """The pen as far as it shows on a space; two pens that are equal there need no change between."""
    look = _read(pen)
    seen = tuple(each for each in look.attributes if each in _SEEN_ON_BLANK)
    return _write(_Look(seen, look.foreground if seen else "", look.background))


@lru_cache(maxsize=4096)
def change(before: str | None, after: str) -> str:
    """The shortest sequence from one pen to another; `before` None: the terminal's pen isn't known."""
    if before == after:
        return ""
    whole = f"\x1b[0;{after}m" if after else "\x1b[m"
    if before is None:
        return whole
    old, new = _read(before), _read(after)
    steps: list[str] = []
    on = set(old.attributes)
    for off in sorted({_OFF[each] for each in old.attributes if each not in new.attributes}):
        steps.append(off)
        on -= {each for each in on if _OFF[each] == off}
    steps += [each for each in new.attributes if each not in on]
    if old.foreground != new.foreground:
        steps.append(new.foreground or "39")
    if old.background != new.background:
        steps.append(new.background or "49")
    partly = f"\x1b[{';'.join(steps)}m"
    return partly if len(partly) <= len(whole) else whole


@lru_cache(maxsize=4096)
def _read(parameters: str) -> _Look:
    attributes: set[str] = set()
    colours = {"3": "", "4": ""}
    parts = iter(parameters.split(";"))
    for part in parts:
        if part in ("38", "48"):
            colours[part[0]] = _extended(part, parts)
        elif part in ("39", "49"):
            colours[part[0]] = ""
        elif len(part) >= 2 and part.isdecimal() and part[:-1] in ("3", "4", "9", "10"):
            colours["3" if part[:-1] in ("3", "9") else "4"] = part
        elif part in _OFF:
            attributes.add(part)
        elif part in ("", "0"):
            attributes.clear()
            colours = {"3": "", "4": ""}
    return _Look(tuple(sorted(attributes, key=int)), colours["3"], colours["4"])


def _extended(part: str, parts: Iterator[str]) -> str:
    """A colour of the palette (`38;5;n`) or of red, green and blue (`38;2;r;g;b`)."""
    kind = next(parts, "")
    values = [next(parts, "0") for _ in range({"5": 1, "2": 3}.get(kind, 0))]
    return ";".join((part, kind, *values)) if values else ""


def _write(look: _Look) -> str:
    return ";".join(each for each in (*look.attributes, look.foreground, look.background) if each)
