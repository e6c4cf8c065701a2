"""What a dashboard may send to a terminal, written down once more, without a look at the product's list."""

import re
import unicodedata
from base64 import b64decode

_PERMITTED = re.compile(
    r"\x1b\["
    r"(?:(?:\d{1,3}(?:;\d{1,3})*)?m"  # colours and attributes
    r"|(?:(?P<row>\d+)(?:;(?P<column>\d+))?)?H|\d*C|K"  # where the cursor goes, and erasing from there
    r"|\?(?:7|25|1000|1003|1004|1006|1015|1016|1049|2004|2026)[hl]|\?2026\$p|>\d+u|<u)"  # modes
)
_CLIPBOARD = re.compile(r"\x1b\]52;c;([A-Za-z0-9+/]*={0,2})\x07")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def unseen(text: str) -> list[str]:
    """The characters of a text that nobody can see: controls, bidi, line separators, private ones."""
    return [repr(char) for char in text if unicodedata.category(char) in _UNSEEN]


def foreign(sent: bytes, *, columns: int, rows: int) -> list[str]:
    """All that isn't visible text or a permitted sequence within the screen, with what came after it."""
    text = sent.decode()  # strict: broken UTF-8 fails
    found = []
    end = 0
    for match in [*_PERMITTED.finditer(text), None]:
        start = match.start() if match else len(text)
        plain = text[end:start]
        found += [
            repr(plain[at : at + 40])
            for at, char in enumerate(plain)
            if unicodedata.category(char) in _UNSEEN
        ]
        if match is None:
            break
        end = match.end()
        if match["row"] and not (
            1 <= int(match["row"]) <= rows and 1 <= int(match["column"] or 1) <= columns
        ):
            found.append(repr(match[0]))
    return found


def clipboard(sent: bytes) -> tuple[bytes, list[str]]:
    """What was sent without the copying, and the texts that were copied (OSC 52)."""
    text = sent.decode()
    copied = [b64decode(each, validate=True).decode() for each in _CLIPBOARD.findall(text)]
    return _CLIPBOARD.sub("", text).encode(), copied
