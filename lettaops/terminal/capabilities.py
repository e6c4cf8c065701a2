"""What the operator's terminal can do, from its environment. Imports nothing of Textual, and little else."""

import codecs
import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import Final, Literal, NamedTuple

from lettaops.model.text import clean

Multiplexer = Literal["", "tmux", "screen"]
_NO_SCREEN: Final = frozenset({"", "dumb", "unknown", "emacs", "network"})
_NO_COLOR: Final = ("vt100", "vt102", "vt220", "vt320", "vt420", "ansi-m", "xterm-mono")
_SLOW_INTERVAL: Final = 0.05  # seconds between two frames over SSH: a key's echo comes at once all the same
SMALLEST: Final = (60, 15)
# Textual reads these when it is imported. The others are taken out of the environment: a replaced driver,
# logs of everything on the screen, keys pressed by themselves, animations, filters, devtools.
_KEPT_TEXTUAL: Final = {
    "TEXTUAL_DISABLE_KITTY_KEY": frozenset({"0", "1"}),
    "TEXTUAL_COLOR_SYSTEM": frozenset({"auto", "standard", "256", "truecolor"}),
    "TEXTUAL_FPS": frozenset(str(rate) for rate in range(1, 61)),
}


class Capabilities(NamedTuple):
    """How to draw. `refusal` not empty: the dashboard can't run here, and why, with what to do instead.

    `ansi`: use the terminal's own sixteen colours. `slow`: every byte costs. `frame_interval`: seconds
    between two frames at least. `too_small`: less than 60x15.
    """

    refusal: str = ""
    columns: int = 80
    rows: int = 24
    ascii: bool = False
    ansi: bool = False
    color: bool = True
    slow: bool = False
    frame_interval: float = 0.0
    multiplexer: Multiplexer = ""
    linux_console: bool = False

    @property
    def too_small(self) -> bool:
        """Whether the screens don't fit."""
        return self.columns < SMALLEST[0] or self.rows < SMALLEST[1]


def look_around(*, ascii: bool = False) -> Capabilities:
    """The capabilities of this process's terminal: standard input and output."""
    size = None
    if os.isatty(1):
        found = os.get_terminal_size(1)
        size = (found.columns, found.lines)
    return capabilities(
        os.environ,
        is_tty=os.isatty(0) and size is not None,
        size=size,
        encoding=getattr(sys.__stdout__, "encoding", None) or "ascii",
        ascii=ascii,
    )


def capabilities(
    environ: Mapping[str, str],
    *,
    is_tty: bool,
    size: tuple[int, int] | None,
    encoding: str,
    ascii: bool = False,
) -> Capabilities:
    """Decide from the environment. `size`: columns and rows, None or zeros: not known; `ascii`: asked for."""
    term = environ.get("TERM", "").lower()
    columns, rows = size if size is not None and min(size) > 0 else (80, 24)
    console = term == "linux" or term.startswith("linux-")
    color = not environ.get("NO_COLOR") and not term.startswith(_NO_COLOR)
    slow = "SSH_CONNECTION" in environ or "SSH_TTY" in environ
    return Capabilities(
        refusal=_refusal(term, is_tty=is_tty),
        columns=columns,
        rows=rows,
        ascii=ascii or console or not _is_utf8(encoding) or _is_c_locale(environ) or term.startswith("vt"),
        ansi=slow or console or not color,
        color=color,
        slow=slow,
        frame_interval=_SLOW_INTERVAL if slow else 0.0,
        multiplexer=_multiplexer(environ, term),
        linux_console=console,
    )


def neutralise(environ: MutableMapping[str, str]) -> None:
    """Take variables out of the environment that would break promises of ours.

    Before Textual is imported. LINES and COLUMNS, exported by some shells, would freeze the size;
    by UNICODE_VERSION Rich would measure otherwise than `model.cells`.
    """
    for name in [each for each in environ if each == "TEXTUAL" or each.startswith("TEXTUAL_")]:
        if environ[name] not in _KEPT_TEXTUAL.get(name, ()):
            del environ[name]
    for name in ("LINES", "COLUMNS", "UNICODE_VERSION"):
        environ.pop(name, None)


def _refusal(term: str, *, is_tty: bool) -> str:
    instead = "`lettaops status` prints the same facts as plain text"
    if not is_tty:
        return f"the dashboard needs a terminal as standard input and output; {instead}"
    if term in _NO_SCREEN:
        named = f"TERM={clean(term, 40)}" if term else "TERM is not set and"
        return f"{named} says that this terminal can't place text; {instead}"
    return ""


def _multiplexer(environ: Mapping[str, str], term: str) -> Multiplexer:
    if environ.get("TMUX") or term.startswith("tmux"):
        return "tmux"
    return "screen" if environ.get("STY") or term.startswith("screen") else ""


def _is_utf8(encoding: str) -> bool:
    try:
        return codecs.lookup(encoding).name == "utf-8"
    except LookupError:
        return False


def _is_c_locale(environ: Mapping[str, str]) -> bool:
    """Whether the operator chose a locale without Unicode, which Python hides.

    In the C locale Python sets LC_CTYPE to C.UTF-8 (PEP 538), so that value says nothing.
    """
    ctype = environ.get("LC_CTYPE", "")
    if ctype.upper().replace("-", "") in ("C.UTF8", "UTF8"):
        ctype = ""
    locale = environ.get("LC_ALL") or ctype or environ.get("LANG") or ""
    return locale.partition("@")[0].upper() in ("C", "POSIX")
