"""The dashboard's quick way in: its first frame stands before the command line or Textual is imported.

Only for words that plainly mean the dashboard; for anything else, and whenever something is odd,
`begin` gives None and the ordinary way explains what is wrong.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from lettaops.terminal.held import HeldTerminal

_VALUED: Final = {"--host": "host", "--context": "context", "--project": "project"}
_FLAGS: Final = {"--ascii", "--read-only"}
_CONFIGURATION: Final = Path("/etc/lettaops/config.toml")


class Words(NamedTuple):
    """What the first frame needs of the command line."""

    host: str | None = None
    context: str | None = None
    project: str | None = None
    ascii: bool = False


def begin(arguments: Sequence[str]) -> HeldTerminal | None:
    """Draw the first frame and hold the terminal for the application; None where it might be wrong."""
    words = _understood(arguments)
    if words is None or _configured():
        return None
    from lettaops.terminal import first_frame, first_keys, first_look
    from lettaops.terminal.capabilities import look_around

    capabilities = look_around(ascii=words.ascii)
    path = first_look.engine_socket(words.host, words.context, os.environ, Path.home())
    if capabilities.refusal or capabilities.too_small or path is None:
        return None
    seen = first_look.look(path, words.project)
    frame = first_frame.lay_out(path, seen, capabilities.columns)
    held = first_frame.draw(frame, capabilities)
    first_keys.FirstKeys(held, frame, capabilities).start()
    return held


def _understood(arguments: Sequence[str]) -> Words | None:
    found: dict[str, str | bool] = {}
    rest = list(arguments)
    while rest:
        word, equals, value = rest.pop(0).partition("=")
        if word in _VALUED and (equals or rest):
            found[_VALUED[word]] = value if equals else rest.pop(0)
        elif word in _FLAGS and not equals:
            found["ascii"] = bool(found.get("ascii")) or word == "--ascii"
        else:
            return None
    return Words(**found)  # type: ignore[arg-type]


def _configured() -> bool:
    """Whether a configuration may name another engine: reading it takes longer than the frame is worth."""
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    files = (_CONFIGURATION, home / "lettaops/config.toml")
    return "LETTAOPS_CONFIG" in os.environ or any(path.exists() for path in files)
