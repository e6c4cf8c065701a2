"""The only way to stdout and stderr: everything that leaves is redacted and cleaned once more."""

import codecs
import re
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

import msgspec

from lettaops.model.cells import cut, pad, to_ascii, width, wrap
from lettaops.model.encoding import encode
from lettaops.model.errors import LettaopsError
from lettaops.model.secrets import MASK, presentable, redact
from lettaops.model.text import Safe

_SURROGATES: Final = re.compile("[\ud800-\udfff]")
WIDEST_COLUMN: Final = 32  # cells, on a terminal; the last column takes what is left
_GAP: Final = "  "
_BELOW: Final = "    "  # before what stands below its row


class Output:
    """Writes lines, tables and JSON. `ascii`: without drawing characters, or what stdout can't encode."""

    def __init__(self, *, ascii: bool = False, out: TextIO | None = None, err: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self._takes_all = _is_utf8(getattr(self._out, "encoding", None))
        self.ascii = ascii or not self._takes_all
        self.is_tty = self._out.isatty()

    @property
    def columns(self) -> int | None:
        """Width of the terminal; None when stdout is none, and lines are printed whole."""
        return shutil.get_terminal_size().columns if self.is_tty else None

    def line(self, text: str = "") -> None:
        """A line of data."""
        self._write(self._out, text)

    def paragraph(self, text: str, *, indent: str = "") -> None:
        """A line of data; on a terminal as many as it takes."""
        ready = self._ready(text)  # before it is broken: half a secret isn't recognised
        columns = self.columns
        for line in wrap(ready, max(1, columns - len(indent))) if columns else [ready]:
            self.line(f"{indent}{line}".rstrip())

    def head(self, text: str, end: str) -> None:
        """A line of data with an end that is always seen: on a terminal, what stands before it is cut."""
        ready, last = self._ready(text), self._ready(end)
        if self.columns:
            ready = Safe(cut(ready, self.columns - width(last) - len(_GAP)))
        self.line(f"{ready}{_GAP}{last}" if ready else last)

    def talk(self, text: str) -> None:
        """A line for people, on stderr."""
        self._write(self._err, text)

    def json(self, value: object) -> None:
        """One object on one line. Control and format characters of any kind are escaped."""
        encoded = encode(_struck(msgspec.to_builtins(value, enc_hook=str))).decode()
        self._out.write(encoded.translate(_JSON_ESCAPES if self._takes_all else _JSON_ASCII) + "\n")
        self._out.flush()

    def lines(self, texts: Iterable[Safe]) -> None:
        """Many lines of data at once, whose secrets are masked already."""
        for text in texts:
            self._out.write(f"{to_ascii(text) if self.ascii else text}\n")
        self._out.flush()

    def json_lines(self, objects: Iterable[bytes]) -> None:
        """Many objects at once, encoded, whose secrets are masked already."""
        table = _JSON_ESCAPES if self._takes_all else _JSON_ASCII
        for each in objects:
            self._out.write(f"{each.decode().translate(table)}\n")
        self._out.flush()

    def bytes(self, data: bytes) -> None:
        """Bytes as they are: for another program, never for a terminal."""
        self._out.flush()
        self._out.buffer.write(data)
        self._out.buffer.flush()

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
        """Columns as wide as their content. A last cell that doesn't fit on a terminal stands below."""
        shown = [[self._ready(cell) for cell in row] for row in (titles, *rows)]
        most = WIDEST_COLUMN if self.columns else 1000
        widths = [min(most, max(width(row[at]) for row in shown)) for at in range(len(titles))]
        for row in shown:
            cells = [
                pad(cut(cell, widths[at]), widths[at], right=at in right) for at, cell in enumerate(row[:-1])
            ]
            self._row(_GAP.join(cells), row[-1], titled=row is shown[0])

    def _row(self, front: str, last: str, *, titled: bool) -> None:
        whole = f"{front}{_GAP}{last}".rstrip() if front else last
        columns = self.columns
        if columns is None or width(whole) <= columns:
            self.line(whole)
        elif titled or not last:
            self.line(cut(whole, columns))
        else:
            if front:
                self.line(cut(front.rstrip(), columns))
            self.paragraph(last, indent=_BELOW if front else "")

    def _write(self, stream: TextIO, text: str) -> None:
        stream.write(f"{self._ready(text)}\n")
        stream.flush()

    def _ready(self, text: str) -> Safe:
        safe = presentable(text)
        return Safe(to_ascii(safe)) if self.ascii else safe


def _is_utf8(encoding: str | None) -> bool:
    try:
        return codecs.lookup(encoding or "utf-8").name in {"utf-8", "utf-8-sig"}
    except LookupError:
        return False


def _struck(value: object) -> object:
    """The value with secrets struck out of its texts: in the encoded text a mask could break the syntax."""
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", redact(value))
    if isinstance(value, dict):
        return {
            _struck(name): MASK if _is_secret(name, each) else _struck(each) for name, each in value.items()
        }
    return [_struck(each) for each in value] if isinstance(value, list | tuple) else value


def _is_secret(name: object, value: object) -> bool:
    return isinstance(value, str) and bool(value) and redact(assigned := f"{name}=x") != assigned


class _Escapes(dict[int, str]):
    """Escapes what a terminal would obey or not show, in JSON's own notation."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        hidden = unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
        value = _escaped(char) if hidden else char
        self[code] = value
        return value


class _AsciiEscapes(_Escapes):
    """For a stream that can't take every character."""

    def __missing__(self, code: int) -> str:
        return super().__missing__(code) if code < 0x80 else _escaped(chr(code))


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


_JSON_ESCAPES: Final = _Escapes()
_JSON_ASCII: Final = _AsciiEscapes()
