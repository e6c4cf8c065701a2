"""The second wall: of what is written to the terminal only known sequences pass.

The first wall is `model.text.clean` where text enters and `cellrow` where it becomes cells; this
one holds when something gets round both, for instance a future Textual that writes in another way.
"""

import re
from typing import Final

from lettaops.model.text import bare

# What Textual 8.2.8 and our differ send: colours and attributes, cursor to a place or to the right,
# erase to the end of the line, and the modes line wrap 7, cursor 25, mouse 1000 1003 1006 1015 1016,
# focus 1004, alternate screen 1049, paste 2004, synchronised output 2026 with its query, kitty keys.
_SEQUENCE: Final = (
    r"\x1b\[(?:[0-9;]{0,64}m|[0-9]{0,4}(?:;[0-9]{0,4})?H|[0-9]{0,4}C|K"
    r"|\?(?:7|25|1000|1003|1004|1006|1015|1016|1049|2004|2026)[hl]|\?2026\$p|>[0-9]{1,3}u|<u)"
)
_TEXT: Final = r"[\n\x20-\x7e\xa0-\U0010ffff]"
# Complete and unfinished strings (OSC, DCS, SOS, PM, APC, in 7 and 8 bits) go with their bodies.
_STRING: Final = r"(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|(?=\x1b)|\Z)"
_OTHER: Final = r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?"
_CLEAN: Final = re.compile(f"(?:{_TEXT}++|{_SEQUENCE})*+")
_TOKEN: Final = re.compile(f"(?P<good>{_TEXT}+|{_SEQUENCE})|{_STRING}|{_OTHER}|.", re.DOTALL)


_PIECES: Final = re.compile(r"(\x1b\[[^a-zA-Z]*[a-zA-Z]|\n)")
_MOST_KNOWN: Final = 20_000
_known_good: set[str] = {"\n", "\x1b"}


def allowed(data: str) -> str:
    """The data without anything but visible text, line feeds and the sequences above.

    Sequences that aren't listed vanish whole. Clean data comes back as it is.
    """
    if not _CLEAN.fullmatch(data):
        data = "".join(match["good"] or "" for match in _TOKEN.finditer(data))
    if data.isascii() or _all_visible(data):
        return data
    return "".join(part if part[:1] in ("\x1b", "\n") else bare(part) for part in _PIECES.split(data))


def _all_visible(data: str) -> bool:
    """Whether `bare` would leave every character; those once looked at are remembered."""
    new = set(data) - _known_good
    good = {char for char in new if bare(char)}
    if len(_known_good) < _MOST_KNOWN:
        _known_good.update(good)
    return good == new
