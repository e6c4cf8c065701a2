"""State of a source of values: what the screen says beside a value's age."""

import random
from enum import StrEnum

import msgspec

from lettaops.model.errors import Denied, LettaopsError
from lettaops.model.text import Safe


class Link(StrEnum):
    """How we stand with a backend.

    STALE: it was live and has stopped answering; the last values still stand, with their age.
    DENIED: it refuses us; asking again doesn't help until something is changed.
    """

    CONNECTING = "connecting"
    LIVE = "live"
    STALE = "stale"
    DOWN = "down"
    DENIED = "denied"


class SourceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A source's link, the reason in words, and when it last gave a value (monotonic seconds)."""

    link: Link = Link.CONNECTING
    reason: Safe = Safe()
    next_step: Safe = Safe()
    last_value_at: float | None = None
    attempts: int = 0

    def age(self, now: float) -> float | None:
        """Seconds since the last value, by the same monotonic clock; None before the first."""
        return None if self.last_value_at is None else max(0.0, now - self.last_value_at)

    def lived(self, now: float) -> "SourceStatus":
        """The status after a value came at `now`."""
        return SourceStatus(link=Link.LIVE, last_value_at=now)

    def failed(self, error: LettaopsError) -> "SourceStatus":
        """The status after a failure: denied, stale when values had come, else down."""
        if isinstance(error, Denied):
            link = Link.DENIED
        elif self.last_value_at is not None and self.attempts == 0:
            link = Link.STALE
        else:
            link = Link.DOWN
        return SourceStatus(
            link=link,
            reason=error.what,
            next_step=error.next_step,
            last_value_at=self.last_value_at,
            attempts=self.attempts + 1,
        )


def backoff(attempts: int, *, first: float = 0.5, limit: float = 4.0) -> float:
    """Seconds to wait before attempt `attempts` + 1: doubling from `first` to `limit`, with 20 % jitter.

    The limit keeps a dashboard's recovery within 5 s of the backend's.
    """
    doublings = min(max(0, attempts - 1), 32)  # after an hour without an engine a float couldn't hold it
    return float(min(limit, first * 2**doublings) * random.uniform(0.8, 1.0))
