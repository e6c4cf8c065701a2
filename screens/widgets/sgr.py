"""Colours that came with a log line, as the name of a look and as a style of Rich."""

from typing import Final

from rich.style import Style as RichStyle

from lettaops.model.logs.sgr import Style, basic

_PREFIX: Final = "sgr"


def look_of(style: Style) -> str:
    """The name of a look for a style."""
    flags = "".join("1" if flag else "0" for flag in style[2:])
    return f"{_PREFIX} {_number(style.foreground)} {_number(style.background)} {flags}"


def rich_style(look: str, *, ansi: bool) -> RichStyle | None:
    """The style that a look names; None for the name of another kind. `ansi`: the nearest of 16 colours."""
    if not look.startswith(f"{_PREFIX} "):
        return None
    _, front, back, flags = look.split()
    bold, dim, italic, underline, reverse, strike = (flag == "1" or None for flag in flags)
    return RichStyle(
        color=_colour(front, ansi),
        bgcolor=_colour(back, ansi),
        bold=bold,
        dim=dim,
        italic=italic,
        underline=underline,
        reverse=reverse,
        strike=strike,
    )


def _number(colour: int | None) -> str:
    return "-" if colour is None else str(colour)


def _colour(number: str, ansi: bool) -> str | None:
    if number == "-":
        return None
    return f"color({basic(int(number)) if ansi else number})"
