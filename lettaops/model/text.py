"""The door for text from outside: whatever passes `clean` can't command a terminal.

Log lines, container names, labels, environment values, query texts and API answers are
written by others (an agent may write them). Each is cleaned once, where it enters, and
carries the type `Safe` from then on.
"""

import re
import unicodedata
from typing import Final

LINE_LIMIT: Final = 16 * 1024  # characters of one line that are kept; the rest is counted
TAB_WIDTH: Final = 8
MAX_COMBINING: Final = 3  # marks kept on one base character
_CUT_NOTE: Final = 40  # room for the note that tells how much was cut

_STRING_SEQUENCE = (
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c|(?=\x1b)|(?=\n)|\Z)"
)
_CSI_SEQUENCE = r"(?:\x1b\[|\x9b)[0-?]*[ -/]*(?:[@-~]|(?=[^@-~])|\Z)"
_SHORT_SEQUENCE = r"\x1b[ -/]*[0-~]?"
_SEQUENCES = re.compile(f"{_STRING_SEQUENCE}|{_CSI_SEQUENCE}|{_SHORT_SEQUENCE}")

# Blocks that hold most combining marks; the category check below decides about each character.
_MAYBE_COMBINING = re.compile(
    r"[\u0300-\u036f\u0483-\u0489\u0591-\u1dff\u20d0-\u20ff\u2cef-\u2dff\u302a-\u302d\u3099\u309a"
    r"\ua66f-\uabff\ufb1e\ufe20-\ufe2f\U000101fd-\U0001e94a]"
)
_FORBIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# Invisible although their category is a letter's or a mark's, or this Python's Unicode doesn't know them yet:
# fillers and format characters that hide or shift text.
_INVISIBLE: Final = frozenset(
    (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2065, 0x3164, 0xFFA0)
).union(range(0xFFF0, 0xFFF9), range(0x13430, 0x13440), range(0xE0000, 0xE1000))


class Safe(str):
    """Text without a control sequence, a bidi override or an unbounded length."""

    __slots__ = ()


class _Replacements(dict[int, str]):
    """Character table for `str.translate`, filled as characters are met."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if code < 0x20:
            value = chr(0x2400 + code)
        elif code == 0x7F:
            value = "\u2421"
        elif 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF:
            value = ""  # variation selectors: terminals disagree about the width they cause
        elif code in _INVISIBLE or unicodedata.category(char) in _FORBIDDEN_CATEGORIES:
            value = "\ufffd"
        else:
            value = char
        if len(self) < 20_000:
            self[code] = value
        return value


class _Removals(dict[int, str | None]):
    """Character table for `str.translate` that removes what `clean` would replace."""

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        value = char if _LINE[code] == char else None
        if len(self) < 20_000:
            self[code] = value
        return value


_LINE = _Replacements()
_BLOCK = _Replacements({0x0A: "\n"})
_BARE = _Removals()


def clean(text: str, limit: int = LINE_LIMIT) -> Safe:
    """One line of outside text, made harmless.

    Escape sequences (7- and 8-bit, complete or cut) vanish whole; other control characters
    become their visible pictures, so does a line feed; invisible and direction-changing
    characters become U+FFFD; tabs become spaces. Longer than `limit` characters and the room
    of a note: cut to `limit`, with the number of the characters left out. Idempotent.
    """
    if len(text) <= limit + _CUT_NOTE and (type(text) is Safe or (text.isascii() and text.isprintable())):
        return text if type(text) is Safe else Safe(text)
    return Safe(_scrub(text, limit, _LINE))


def clean_block(text: str, limit: int = 64 * LINE_LIMIT) -> Safe:
    """Like `clean`, for text of several lines: line feeds stay, CR LF becomes LF."""
    return Safe(_scrub(text.replace("\r\n", "\n"), limit, _BLOCK))


def clean_bytes(data: bytes, limit: int = LINE_LIMIT) -> Safe:
    """One line of outside bytes; what isn't UTF-8 becomes U+FFFD."""
    return clean(data.decode("utf-8", "replace"), limit)


def bare(text: str) -> str:
    """Text without any character that `clean` would replace: removed, so that no width is added.

    For text that has been measured already, where control characters counted as no cell. Bodies of
    escape sequences stay, as plain text.
    """
    return text if text.isascii() and text.isprintable() else text.translate(_BARE)


def _scrub(text: str, limit: int, table: _Replacements) -> str:
    text, left_out = _cut(text, limit)
    if "\x1b" in text or not text.isascii():
        text = _SEQUENCES.sub("", text)
    if "\t" in text:
        text, more = _cut(text.expandtabs(TAB_WIDTH), limit)
        left_out += more
    text = text.translate(table)
    if _MAYBE_COMBINING.search(text):
        text = _limit_combining(text)
    return f"{text}… {left_out} more characters" if left_out else text


def _cut(text: str, limit: int) -> tuple[str, int]:
    """The text, cut where it is too long even for a cut text with its note, and how much was left out."""
    left_out = len(text) - limit
    return (text[:limit], left_out) if left_out > _CUT_NOTE else (text, 0)


def _limit_combining(text: str) -> str:
    kept: list[str] = []
    run = 0
    for char in text:
        run = run + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        if run <= MAX_COMBINING:
            kept.append(char)
    return "".join(kept)
