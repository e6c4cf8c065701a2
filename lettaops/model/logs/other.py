"""redis, logfmt, and lines that merely name a level somewhere."""

import re
from collections.abc import Sequence
from typing import Final

from lettaops.model.logs.letta import exception_fields
from lettaops.model.logs.level import WORDS, Level
from lettaops.model.logs.line import parse_timestamp
from lettaops.model.logs.parsed import Fields, Format, Kind, Parsed, behind, captured
from lettaops.model.text import Safe

# Its time has no zone, so it isn't taken.
_REDIS = re.compile(
    r"(?P<pid>\d{1,10}):(?P<role>[XCSM]) \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} "
    r"(?P<level>[.*#-]) "
)
_REDIS_LEVELS: Final = {".": Level.DEBUG, "-": Level.DEBUG, "*": Level.NOTICE, "#": Level.WARNING}

_PAIR: Final = r'[A-Za-z_][\w.-]{0,60}=(?:"(?:[^"\\\n]|\\.)*"|[^\s"]*)'
_LOGFMT = re.compile(rf"(?:{_PAIR} ){{0,3}}(?:level|lvl|severity)=\"?(?P<level>[A-Za-z]{{3,11}})\"?(?= |$)")
_PAIRS = re.compile(r'(?P<name>[A-Za-z_][\w.-]{0,60})=(?:"(?P<quoted>(?:[^"\\\n]|\\.)*)"|(?P<bare>[^\s"]*))')

_TIME: Final = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_UPPER: Final = "TRACE|DEBUG|VERBOSE|INFO|NOTICE|WARNING|WARN|ERROR|SEVERE|CRITICAL|FATAL|PANIC|EMERG"
_TIMED = re.compile(
    rf"\[?(?P<time>{_TIME})\]?[\s|:-]{{1,16}}\[?(?P<level>{_UPPER}|{_UPPER.lower()})\b\]?[\s|:-]{{0,16}}"
)
# A level in brackets or before a colon may be of any case, in running text only of upper case. How far
# a line is looked at is bounded: further in, such a word is no level.
_NAMED = re.compile(
    rf"(?:\[\w{{1,30}}\] )?(?:(?P<first>{_UPPER}|(?i:warning|error|fatal|panic)(?=[: ])))\b"
    rf"|.{{0,60}}?(?:[\[(|](?P<boxed>(?i:{_UPPER}))[\])|]|(?<![\w=/.-])(?P<word>{_UPPER})(?![\w=/.-])"
    r"|(?<=[\s:])(?P<told>(?i:error|warning|fatal|panic)):\s)"
)
_LOOKED_AT: Final = 80
# One of them is in each word of a level; looking for them is much cheaper than the pattern.
_PARTS: Final = (
    "err",
    "warn",
    "info",
    "debug",
    "fatal",
    "crit",
    "trac",
    "panic",
    "noti",
    "emer",
    "sever",
    "verb",
)


def _redis_level(match: re.Match[str]) -> Level:
    return _REDIS_LEVELS[match["level"]]


def _parse_redis(match: re.Match[str], _: Sequence[str]) -> Parsed:
    return Parsed(
        kind=Kind.REDIS,
        level=_redis_level(match),
        message=behind(match),
        fields=captured(match, "pid", "role"),
    )


def _word_level(match: re.Match[str]) -> Level:
    return WORDS.get(match["level"].upper(), Level.UNKNOWN)


def _parse_logfmt(match: re.Match[str], body: Sequence[str]) -> Parsed:
    fields: Fields = {
        Safe(pair["name"]): Safe(
            pair["bare"]
            if pair["quoted"] is None
            else pair["quoted"].replace('\\"', '"').replace("\\\\", "\\")
        )
        for pair in _PAIRS.finditer(match.string)
    }
    for name in ("level", "lvl", "severity"):
        fields.pop(Safe(name), None)
    message = fields.pop(Safe("msg"), None) or fields.pop(Safe("message"), None)
    moment = fields.get(Safe("time")) or fields.get(Safe("ts"))
    return Parsed(
        kind=Kind.LOGFMT,
        level=_word_level(match),
        message=Safe(message or match.string),
        time_ns=parse_timestamp(str(moment or "").encode("ascii", "replace")),
        fields=fields | exception_fields(body),
    )


def _parse_timed(match: re.Match[str], body: Sequence[str]) -> Parsed:
    stamp = match["time"].replace(" ", "T", 1).replace(",", ".")
    zoned = stamp.endswith("Z") or stamp[19:].count("+") + stamp[19:].count("-") > 0
    return Parsed(
        kind=Kind.PLAIN,
        level=_word_level(match),
        message=behind(match),
        time_ns=parse_timestamp(stamp.encode("ascii", "replace") if zoned else b""),
        fields=exception_fields(body),
    )


def _named_level(match: re.Match[str]) -> Level:
    word = match["first"] or match["boxed"] or match["word"] or match["told"]
    return WORDS.get(word.upper(), Level.UNKNOWN)


def named_level(text: str, start: int, end: int) -> Level:
    """The level that a line of no known format names somewhere at its start."""
    head = text[start : min(end, start + _LOOKED_AT)].lower()
    for part in _PARTS:
        if part in head:
            match = _NAMED.match(text, start, end)
            return _named_level(match) if match else Level.UNKNOWN
    return Level.UNKNOWN


def parse_named(line: str, body: Sequence[str]) -> Parsed:
    """A line of no known format."""
    return Parsed(
        kind=Kind.PLAIN,
        level=named_level(line, 0, len(line)),
        message=Safe(line),
        fields=exception_fields(body),
    )


REDIS: Final = Format(_REDIS, _redis_level, _parse_redis)
LOGFMT: Final = Format(_LOGFMT, _word_level, _parse_logfmt)
TIMED: Final = Format(_TIMED, _word_level, _parse_timed)
