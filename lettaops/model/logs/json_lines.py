"""JSON, one object a line: Letta's own (`LETTA_LOGGING_JSON_LOGGING=true`) and that of others."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from lettaops.model.logs.display import shown
from lettaops.model.logs.level import Level, level_named
from lettaops.model.logs.line import NO_TIME, parse_timestamp
from lettaops.model.logs.parsed import Field, Fields, Format, Kind, Parsed
from lettaops.model.text import Safe, clean

_LEVELS: Final = ("level", "levelname", "severity", "log.level", "lvl")
_MESSAGES: Final = ("message", "msg", "event")
_LOGGERS: Final = ("logger", "name", "logger_name")
_TIMES: Final = ("timestamp", "time", "ts", "@timestamp", "asctime")
_MOST_FIELDS: Final = 100
_DEEPEST: Final = 4
_OBJECT = re.compile(r'\{\s{0,20}".*')
# bunyan's and pino's numbers: 10 to 60, ten a step.
_NUMBERS: Final = (Level.TRACE, Level.DEBUG, Level.INFO, Level.WARNING, Level.ERROR, Level.CRITICAL)


class _Head(msgspec.Struct):
    """The fields that may hold a level: nothing else is decoded."""

    level: str | int | None = None
    levelname: str | int | None = None
    severity: str | int | None = None
    dotted: str | int | None = msgspec.field(default=None, name="log.level")
    lvl: str | int | None = None


_head = msgspec.json.Decoder(_Head)


def _level(match: re.Match[str]) -> Level:
    try:
        head = _head.decode(match[0])
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return Level.UNKNOWN
    return _level_in((head.level, head.levelname, head.severity, head.dotted, head.lvl))


def _level_in(values: Sequence[object]) -> Level:
    for value in values:
        if isinstance(value, str) and (level := level_named(value)):
            return level
        if isinstance(value, int) and 10 <= value <= 69:
            return _NUMBERS[value // 10 - 1]
    return Level.UNKNOWN


def _parse(match: re.Match[str], _: Sequence[str]) -> Parsed:
    try:
        found: object = msgspec.json.decode(match[0])
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        found = None
    if not isinstance(found, dict):
        return Parsed(kind=Kind.PLAIN, level=Level.UNKNOWN, message=Safe(match[0]))
    rest = dict(found)
    level = _level_in([rest.get(name) for name in _LEVELS])
    for name in _LEVELS:
        if name in rest and _level_in([rest[name]]) == level != Level.UNKNOWN:
            del rest[name]
            break
    moment = _taken(rest, _TIMES, (str, int, float))
    return Parsed(
        kind=Kind.JSON,
        level=level,
        message=_text(_taken(rest, _MESSAGES, (str,))) or Safe(match[0]),
        logger=_text(_taken(rest, _LOGGERS, (str,))),
        time_ns=_time(moment),
        fields=_fields(rest),
    )


def _taken(rest: dict[str, object], names: Sequence[str], kinds: tuple[type, ...]) -> object:
    """The first field of these names that has one of these types, taken out."""
    for name in names:
        if isinstance(rest.get(name), kinds):
            return rest.pop(name)
    return None


def _text(value: object) -> Safe:
    return shown(value) if isinstance(value, str) else Safe()


def _time(value: object) -> int:
    """RFC 3339 with a zone, or seconds (or thousandths of them) since 1970."""
    if isinstance(value, str):
        return parse_timestamp(value.replace(" ", "T", 1).encode("ascii", "replace"))
    if isinstance(value, int | float) and 1e9 < value < 1e13:
        return int(value * 1_000_000_000 if value < 1e11 else value * 1_000_000)
    return NO_TIME


def _fields(rest: Mapping[str, object]) -> Fields:
    fields: Fields = {}
    for name, value in _flat(rest, "", _DEEPEST):
        if len(fields) >= _MOST_FIELDS:
            break
        fields[clean(name)] = value
    return fields


def _flat(values: Mapping[str, object], lead: str, depth: int) -> Iterator[tuple[str, Field]]:
    """Objects within objects under dotted names."""
    for key, value in values.items():
        name = f"{lead}{key}"
        if isinstance(value, dict) and depth:
            yield from _flat(value, f"{name}.", depth - 1)
        elif value is None or isinstance(value, bool | int | float):
            yield name, value
        else:
            yield name, shown(value if isinstance(value, str) else msgspec.json.encode(value).decode())


OBJECT: Final = Format(_OBJECT, _level, _parse)
