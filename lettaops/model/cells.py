"""Text in terminal cells: how wide it is, cut, wrapped and padded, and what stands for it in ASCII."""

import unicodedata
from typing import Final

ELLIPSIS: Final = "…"
# One character for one, so that nothing moves. Box drawing and blocks are those that Textual's widgets use.
_ASCII: Final = (
    dict(zip("●▲✕○◐–…×·•✓→←↑↓↻▼▶◀“”", '*!xo~-.x..+><^v@v><""', strict=True))
    | dict.fromkeys("\u2018\u2019", "'")
    | dict.fromkeys("─━┄┈╌╴╶╸╺", "-")
    | dict.fromkeys("│┃┆┊╎║╵╷╹╻", "|")
    | dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╰╯┏┓┗┛╔╗╚╝╠╣╦╩╬", "+")
    | dict(zip("═▁▂▃▄▅▆▇█▀▔▕░▒▓", "=__..--=##-|.:#", strict=True))
    | dict.fromkeys("▌▐▍▎▏▊▋▉", "|")
)
_MORE: Final = dict(zip("✓▸\u203a—↪\u2032≥≤µ■", "+>>->'><u#", strict=True))


class _Ascii(dict[int, str]):
    """One ASCII character for each character; a letter's base where it has one, else `?`."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        base = unicodedata.normalize("NFKD", char)[:1]
        value = char if code < 0x80 else base if base.isascii() and base.isprintable() and base else "?"
        if len(self) < 20_000:
            self[code] = value
        return value


_TO_ASCII: Final = _Ascii({ord(char): plain for char, plain in (_ASCII | _MORE).items()})


def to_ascii(text: str) -> str:
    """The text in ASCII, one character for each of its characters; `?` for what has no stand-in."""
    return text if text.isascii() else text.translate(_TO_ASCII)


def width(text: str) -> int:
    """Cells a text takes on a terminal."""
    if text.isascii():
        return len(text)
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    none = sum(unicodedata.category(char) in {"Mn", "Me"} for char in text)
    return len(text) + wide - none


def cut(text: str, cells: int) -> str:
    """The text in at most `cells` cells, with an ellipsis where it was cut."""
    if width(text) <= cells:
        return text
    kept, used = [], 0
    for char in text:
        used += width(char)
        if used > cells - 1:
            break
        kept.append(char)
    return "".join(kept) + ELLIPSIS if cells > 0 else ""


def wrap(text: str, cells: int, indent: str = "") -> list[str]:
    """The text in lines of at most `cells` cells, broken at spaces."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        if line and width(line) + 1 + width(word) > cells:
            lines.append(line)
            line = indent + word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]


def pad(text: str, cells: int, *, right: bool = False) -> str:
    """The text in at least `cells` cells; `right`: against the right edge."""
    space = " " * max(0, cells - width(text))
    return space + text if right else text + space
