"""The only way to stdout and stderr: everything that leaves is redacted and cleaned once more."""

import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import Final, TextIO

from lettaops.model.encoding import encode
from lettaops.model.errors import LettaopsError
from lettaops.model.secrets import redact
from lettaops.model.text import clean

_ASCII: Final = str.maketrans(
    {
        "●": "*",
        "▲": "!",
        "✕": "x",
        "○": "o",
        "◐": "~",
        "–": "-",
        "…": ".",
        "→": ">",
        "“": '"',
        "”": '"',
        "×": "x",
    }
)
ELLIPSIS: Final = "…"
WIDEST_COLUMN: Final = 32  # cells, on a terminal; the last column takes what is left


class Output:
    """Writes lines, tables and JSON. `ascii`: without drawing characters, or what stdout can't encode."""

    def __init__(self, *, ascii: bool = False, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        encoding = (getattr(self._out, "encoding", None) or "utf-8").lower()
        self.ascii = ascii or encoding not in {"utf-8", "utf8"}
        self.is_tty = self._out.isatty()

    @property
    def columns(self) -> int | None:
        """Width of the terminal; None when stdout is none, and lines need no cutting."""
        return shutil.get_terminal_size().columns if self.is_tty else None

    def line(self, text: str = "") -> None:
        """A line of data."""
        self._write(self._out, text)

    def talk(self, text: str) -> None:
        """A line for people, on stderr."""
        self._write(self._err, text)

    def json(self, value: object) -> None:
        """One object on one line. Control and format characters of any kind are escaped."""
        encoded = encode(value).decode()
        self._out.write(redact(encoded).translate(_JSON_ESCAPES) + "\n")
        self._out.flush()

    def error(self, error: LettaopsError) -> None:
        """What happened, what was not done, what to do next."""
        self.talk(f"lettaops: {error.what}")
        for extra in (error.not_done, error.next_step):
            if extra:
                self.talk(f"  {extra}")

    def home(self) -> None:
        """On a terminal: go to the first line, where the next block overwrites the last one."""
        if self.is_tty:
            self._out.write("\x1b[H\x1b[2J")

    def table(
        self, titles: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()
    ) -> None:
        """Columns as wide as their content; on a terminal the last column is cut to fit."""
        most = WIDEST_COLUMN if self.columns else 1000
        widths = [min(most, max(width(row[at]) for row in [titles, *rows])) for at in range(len(titles))]
        for row in [titles, *rows]:
            cells = [
                _pad(cut(cell, widths[at]), widths[at], right=at in right) for at, cell in enumerate(row[:-1])
            ]
            text = "  ".join([*cells, row[-1]]).rstrip()
            self.line(cut(text, self.columns) if self.columns else text)

    def _write(self, stream: TextIO, text: str) -> None:
        safe = clean(redact(text))
        if self.ascii:
            safe = type(safe)(safe.translate(_ASCII).encode("ascii", "replace").decode())
        stream.write(f"{safe}\n")
        stream.flush()


class _Escapes(dict[int, str]):
    """Escapes what a terminal would obey or not show, in JSON's own notation."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        hidden = unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
        value = f"\\u{code:04x}" if hidden and code <= 0xFFFF else "\ufffd" if hidden else char
        self[code] = value
        return value


_JSON_ESCAPES: Final = _Escapes()


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
    kept = ""
    for char in text:
        if width(kept + char) > cells - 1:
            break
        kept += char
    return kept + ELLIPSIS


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


def _pad(text: str, cells: int, *, right: bool) -> str:
    space = " " * max(0, cells - width(text))
    return space + text if right else text + space
