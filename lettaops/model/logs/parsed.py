"""What a record says, taken apart."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from lettaops.model.logs.level import Level
from lettaops.model.logs.line import NO_TIME
from lettaops.model.text import Safe

Field = Safe | int | float | bool | None
Fields = dict[Safe, Field]

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}


class Kind(StrEnum):
    """Which format a record has."""

    LETTA = "letta"  # Python's logging: `logger - LEVEL - message`
    UVICORN = "uvicorn"
    ALEMBIC = "alembic"
    PYTHON_WARNING = "python-warning"
    TRACEBACK = "traceback"  # one that no line of a log precedes
    NGINX_ACCESS = "nginx-access"
    NGINX_ERROR = "nginx-error"
    POSTGRES = "postgres"
    REDIS = "redis"
    JSON = "json"
    LOGFMT = "logfmt"
    MARKER = "marker"  # said by reading, not by a container
    PLAIN = "plain"


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """A record's parts, all clean and masked when the text was.

    `message`: what is left of the first line without time, level and logger. `time_ns`: the moment the
    line itself names, in nanoseconds since 1970; NO_TIME where it names none or no zone.
    """

    kind: Kind
    level: Level
    message: Safe
    logger: Safe = Safe()
    time_ns: int = NO_TIME
    fields: Fields = {}


def moment_ns(
    year: int, month: int | str, day: int, clock: str, fraction: str = "", offset: str = "+0000"
) -> int:
    """Nanoseconds since 1970; NO_TIME when there is no such moment.

    `month`: a number or its English abbreviation. `clock`: `HH:MM:SS`. `offset`: `+HHMM`.
    """
    number = _MONTHS.get(month, 0) if isinstance(month, str) else month
    try:
        hours, minutes, seconds = map(int, clock.split(":"))
        zone = timezone(int(f"{offset[0]}1") * timedelta(hours=int(offset[1:3]), minutes=int(offset[3:5])))
        moment = datetime(year, number, day, hours, minutes, seconds, tzinfo=zone)
        whole = int(moment.astimezone(UTC).timestamp())
    except (ValueError, OverflowError):
        return NO_TIME
    return whole * 1_000_000_000 + int(fraction[:9].ljust(9, "0")) if whole > 0 else NO_TIME


class Format(NamedTuple):
    """One format of log lines. `pattern` matches the start of a first line, no further than it must.

    `level` and `parse` make of a match what it says. For `parse` the text that was matched is the whole
    first line; it gets the record's further lines too.
    """

    pattern: re.Pattern[str]
    level: Callable[[re.Match[str]], Level]
    parse: Callable[[re.Match[str], Sequence[str]], Parsed]


def captured(match: re.Match[str], *names: str) -> Fields:
    """The named groups of a match that took part in it, as fields."""
    return {Safe(name): Safe(match[name]) for name in names if match[name] is not None}


def behind(match: re.Match[str]) -> Safe:
    """The rest of the text behind a match."""
    return Safe(match.string[match.end() :])
