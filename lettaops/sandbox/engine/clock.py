"""Moments as the Engine API writes and takes them. Inside the engine a moment is nanoseconds since 1970."""

import time
from datetime import datetime
from typing import Final

ZERO: Final = "0001-01-01T00:00:00Z"
SECOND: Final = 1_000_000_000


def now() -> int:
    """The moment."""
    return time.time_ns()


def rfc3339(moment: int) -> str:
    """With nine digits of the second, in UTC; 0 is the API's zero time."""
    if not moment:
        return ZERO
    seconds, nanoseconds = divmod(moment, SECOND)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds:09d}Z"


def parse(text: str) -> int | None:
    """A moment from "seconds", "seconds.nanoseconds" or RFC 3339; None for no text.

    Raises `ValueError` for anything else.
    """
    if not text:
        return None
    whole, _, fraction = text.partition(".")
    if whole.lstrip("-").isdecimal() and (not fraction or fraction.isdecimal()):
        return int(whole) * SECOND + int(fraction[:9].ljust(9, "0"))
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


def ago(nanoseconds: int) -> str:
    """A duration in the words of `docker ps`."""
    seconds = max(0, nanoseconds // SECOND)
    if seconds < 1:
        return "Less than a second"
    minutes, hours = seconds // 60, round(seconds / 3600)
    for unit, count, limit in (
        ("second", seconds, 60),
        ("minute", minutes, 60),
        ("hour", hours, 48),
        ("day", hours // 24, 14),
        ("week", hours // 24 // 7, 9),
    ):
        if count < limit:
            return _counted(count, unit)
    return f"{hours // 24 // 30} months"


def _counted(count: int, unit: str) -> str:
    if count == 1 and unit in ("minute", "hour"):
        return f"About {'an' if unit == 'hour' else 'a'} {unit}"
    return f"{count} {unit}{'' if count == 1 else 's'}"
