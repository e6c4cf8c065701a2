"""Which format a record has, and what it says. One stream holds several formats, so each line is asked.

Nothing is parsed on the way in: `level_at` for what is filtered or counted, `parse` for what is shown.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from lettaops.model.logs import json_lines, letta, nginx, other, postgres
from lettaops.model.logs.level import Level
from lettaops.model.logs.line import Marker
from lettaops.model.logs.parsed import Format, Kind, Parsed
from lettaops.model.text import Safe

_UPPER: Final = (letta.LOGGING, letta.UVICORN, letta.ALEMBIC, letta.BARE_EXCEPTION)
_LOWER: Final = (letta.LOGGING, other.LOGFMT, letta.BARE_EXCEPTION, letta.PYTHON_WARNING)
_DIGIT: Final = (nginx.ACCESS, postgres.LINE, nginx.ERROR, other.TIMED, other.REDIS, letta.LOGGING)
_REST: Final = (letta.PYTHON_WARNING, other.TIMED)
_BY_FIRST: Final[dict[str, tuple[Format, ...]]] = {
    **dict.fromkeys("ABCDEFGHIJKLMNOPQRSTUVWXYZ", _UPPER),
    **dict.fromkeys("abcdefghijklmnopqrstuvwxyz_", _LOWER),
    **dict.fromkeys("abcdef", (*_LOWER, nginx.ACCESS)),  # an IPv6 address
    **dict.fromkeys("0123456789:", _DIGIT),
    "{": (json_lines.OBJECT,),
    "T": (letta.BARE_TRACEBACK, *_UPPER),
    "n": (nginx.EARLY, *_LOWER),
    "u": (nginx.ACCESS, *_LOWER),
}
_REST_LEVELS: Final = tuple((each.pattern.match, each.level) for each in _REST)
_LEVELS_BY_FIRST: Final = {
    first: tuple((each.pattern.match, each.level) for each in formats) for first, formats in _BY_FIRST.items()
}
_MARKER_LEVELS: Final = {Marker.GAP: Level.WARNING, Marker.DROPPED: Level.WARNING}


def level_at(text: str, start: int, end: int) -> Level:
    """The level of a record, which is that part of a text: clean lines with line feeds between them."""
    behind = text.find("\n", start, end)
    if behind < 0:
        return _line_level(text, start, end)
    level = _line_level(text, start, behind)
    if level is Level.UNKNOWN and text.find(letta.TRACEBACK, behind, end) >= 0:
        return Level.ERROR
    return level


def _line_level(text: str, start: int, end: int) -> Level:
    for match_line, level_of in _LEVELS_BY_FIRST.get(text[start : start + 1], _REST_LEVELS):
        if match := match_line(text, start, end):
            return level_of(match)
    return other.named_level(text, start, end)


def parse(lines: Sequence[Safe]) -> Parsed:
    """What a record says; `lines` are clean and masked, and there is at least one."""
    first, body = lines[0], lines[1:]
    for each in _BY_FIRST.get(first[:1], _REST):
        if match := each.pattern.match(first):
            parsed = each.parse(match, body)
            break
    else:
        parsed = other.parse_named(first, body)
    if parsed.level is Level.UNKNOWN and any(letta.TRACEBACK in line for line in body):
        return msgspec.structs.replace(parsed, level=Level.ERROR)
    return parsed


def parse_marker(kind: Marker, words: Safe) -> Parsed:
    """What a marker says, in the same shape."""
    return Parsed(
        kind=Kind.MARKER,
        level=marker_level(kind),
        message=words,
        fields={Safe("marker"): Safe(kind.value)},
    )


def marker_level(kind: Marker) -> Level:
    """Missing lines are a warning, the rest says only what happened."""
    return _MARKER_LEVELS.get(kind, Level.NOTICE)
