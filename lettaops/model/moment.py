"""Moments as an operator types and reads them."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from lettaops.model.text import Safe

_SPAN = re.compile(r"(?:\d{1,9}(?:\.\d{1,3})?(?:ms|[smhdw]))+")
_PART = re.compile(r"([\d.]+)(ms|[smhdw])")
_SECONDS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_CLOCK = re.compile(r"\d{1,2}:\d\d(?::\d\d(?:\.\d{1,6})?)?")
_UNIX = re.compile(r"\d{9,11}(?:\.\d{1,9})?")
FORMS: Final = "10m, 2h30m, 1d; 14:30 or 14:30:05; 2026-11-22, 2026-11-22T14:30, 2026-11-22T14:30:00Z"


def nanoseconds(moment: datetime) -> int:
    """A moment in nanoseconds since 1970."""
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000


def clock(time_ns: int, *, fine: bool = False) -> Safe:
    """Nanoseconds since 1970 as the operator's clock showed it, with the date when that isn't today's.

    `fine`: with milliseconds.
    """
    now = datetime.now(UTC).astimezone()
    moment = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).astimezone()
    day = "" if moment.date() == now.date() else f"{moment:%Y-%m-%d} "
    return Safe(f"{day}{moment:%H:%M:%S}" + (f".{time_ns // 1_000_000 % 1000:03}" if fine else ""))


def parse_moment(text: str, now: datetime) -> datetime | None:
    """The moment meant, with a zone; None when it isn't one of `FORMS`.

    A span is counted back from `now`, which has the operator's zone; so is a clock time, to the last
    time the clock showed it. Also seconds since 1970.
    """
    text = text.strip()
    try:
        if _SPAN.fullmatch(text):
            parts = _PART.findall(text)
            return now - timedelta(seconds=sum(float(number) * _SECONDS[unit] for number, unit in parts))
        if _UNIX.fullmatch(text):
            return datetime.fromtimestamp(float(text), UTC)
        if _CLOCK.fullmatch(text):
            return _last_time(text, now)
        return _dated(text, now.tzinfo)
    except (ValueError, OverflowError, OSError):
        return None


def _last_time(text: str, now: datetime) -> datetime:
    clock = datetime.fromisoformat(f"2000-01-01T{text.zfill(len(text) + (text[1] == ':'))}").time()
    moment = datetime.combine(now.date(), clock, now.tzinfo)
    return moment if moment <= now else moment - timedelta(days=1)


def _dated(text: str, zone: tzinfo | None) -> datetime | None:
    if not re.match(r"\d{4}-\d\d-\d\d", text):
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
