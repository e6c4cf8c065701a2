"""Copying a text to the operator's clipboard, which is at the other end of the SSH session.

OSC 52 asks the terminal to do it. Terminals don't say whether they did (macOS's Terminal never
does), so the answer says which way was taken, and long texts go to a file as well. No Textual.
"""

import os
from base64 import b64encode
from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from lettaops.config.paths import StateDirectory
from lettaops.model.errors import LettaopsError
from lettaops.model.secrets import redact
from lettaops.model.text import Safe, clean, clean_block

MOST_ENCODED: Final = 74_994  # bytes of base64: xterm's limit for the whole sequence is 100 kB, k9s uses this
FILE: Final = "clipboard.txt"
_SCREEN_CHUNK: Final = 76  # screen takes strings of at most some 256 bytes; base64 may be split anywhere


class Copied(NamedTuple):
    """`words` tells the operator what was done, `text` is what was copied."""

    words: Safe
    text: str


def copy(
    text: str,
    multiplexer: Literal["", "tmux", "screen"],
    state: StateDirectory,
    send: Callable[[str], None] | None,
) -> Copied:
    """Copy a text: by the terminal when it isn't too long for that, else into a file of the state directory.

    `send` writes a sequence to the terminal; None: there is none. Secrets are struck out first.
    """
    safe = clean_block(redact(clean_block(redact(text), limit=1 << 24)), limit=1 << 24)
    data = safe.encode("utf-8", "replace")
    encoded = b64encode(data).decode("ascii")
    if send is not None and len(encoded) <= MOST_ENCODED:
        send(sequence(encoded, multiplexer))
        way = {
            "": "through the terminal (OSC 52)",
            "tmux": "through tmux (needs `set -g set-clipboard on` or `allow-passthrough on`)",
            "screen": "through screen",
        }[multiplexer]
        return Copied(clean(f"copied {len(safe)} characters {way}"), safe)
    try:
        descriptor = state.open(FILE, os.O_WRONLY | os.O_TRUNC)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(data)
    except (OSError, LettaopsError) as error:
        return Copied(clean(f"not copied: {state.path / FILE} can't be written ({_why(error)})"), safe)
    why = "too long for the terminal" if send is not None else "there is no terminal"
    return Copied(clean(f"{why}: written to {state.path / FILE}, which only you can read"), safe)


def sequence(encoded: str, multiplexer: Literal["", "tmux", "screen"] = "") -> str:
    """The sequence that sets the clipboard to a base64 text, wrapped for a multiplexer.

    tmux gets it twice: plain, for `set-clipboard on`, and passed through, for `allow-passthrough on`.
    """
    plain = f"\x1b]52;c;{encoded}\x07"
    if multiplexer == "tmux":
        return f"{plain}\x1bPtmux;\x1b{plain}\x1b\\"
    if multiplexer == "screen":
        return "".join(
            f"\x1bP{plain[at : at + _SCREEN_CHUNK]}\x1b\\" for at in range(0, len(plain), _SCREEN_CHUNK)
        )
    return plain


def _why(error: OSError | LettaopsError) -> str:
    return error.what if isinstance(error, LettaopsError) else error.strerror or "unknown"
