"""Text goldens: what a screen or widget draws, as plain lines, compared with a file.

A line of the golden is one row between bars, so that its width is seen. With tones, a row that
is not all plain is followed by a line with one letter a cell: k black/grey, r g y b m c w the
colour of the text (upper case on a background of its own), B bold, D dim, R reversed, `.` plain.
Tones are taken from an ANSI theme; use `ansi-dark`.

`UPDATE_GOLDENS=1` writes the files instead; look at the difference before committing it.
"""

import difflib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from rich.style import Style
from textual.app import App
from textual.strip import Strip
from textual.widget import Widget

DIRECTORY: Final = Path(__file__).parent / "files"
_COLOURS: Final = "krgybmcw"


def screen_lines(app: App[Any], *, tones: bool = False) -> list[str]:
    """The whole screen as it is drawn now."""
    return _lines(app.screen._compositor.render_strips(), tones=tones)


def widget_lines(widget: Widget, *, tones: bool = False) -> list[str]:
    """A widget's own rows as they are drawn now, without its border."""
    return _lines((widget.render_line(y) for y in range(widget.size.height)), tones=tones)


def check(name: str, lines: Iterable[str]) -> None:
    """Compares with the golden of that name; the difference is in the failure."""
    path = DIRECTORY / f"{name}.txt"
    text = "\n".join(lines) + "\n"
    if os.environ.get("UPDATE_GOLDENS") == "1":
        assert not os.environ.get("CI"), "goldens are looked at by a person before they are taken"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    golden = path.read_text(encoding="utf-8") if path.exists() else ""
    if text != golden:
        difference = difflib.unified_diff(
            golden.splitlines(), text.splitlines(), f"golden {name}", "drawn", lineterm=""
        )
        raise AssertionError("\n".join(["the screen differs from its golden", *difference]))


def _lines(strips: Iterable[Strip], *, tones: bool) -> list[str]:
    lines: list[str] = []
    for strip in strips:
        lines.append(f"|{strip.text}|")
        if tones:
            letters = "".join(
                _letter(segment.style) * segment.cell_length for segment in strip if not segment.control
            )
            if letters.strip("."):
                lines.append(f" {letters.rstrip('.')}")
    return lines


def _letter(style: Style | None) -> str:
    if style is None:
        return "."
    own_background = style.bgcolor is not None and not style.bgcolor.is_default
    colour = style.color
    if colour is not None and colour.number is not None:
        letter = _COLOURS[colour.number % 8]
        return letter.upper() if own_background else letter
    if colour is not None and colour.triplet is not None:
        return "#"
    return "R" if style.reverse else "B" if style.bold else "D" if style.dim else "."
