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
    minutes, hours = seconds // 60, round(seconds / 3600)
    days = hours // 24
    if seconds < 1:
        return "Less than a second"
    if seconds < 60:
        return "1 second" if seconds == 1 else f"{seconds} seconds"
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    if days < 14:
        return f"{days} days"
    return f"{days // 7} weeks" if days < 60 else f"{days // 30} months"
