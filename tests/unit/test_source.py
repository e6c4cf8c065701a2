"""How a source stands: connecting, live, stale, down, denied; and when it is asked again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.errors import DeadlineExceeded, Denied, Unreachable
from lettaops.model.source import Link, SourceStatus, backoff

CUT = Unreachable("the connection was cut", next_step="look at the engine")
REFUSED = Denied("no permission", next_step="use sudo")


def test_before_anything_happened() -> None:
    status = SourceStatus()
    assert status.link is Link.CONNECTING
    assert status.age(5.0) is None


def test_a_value_makes_it_live_and_gives_it_an_age() -> None:
    status = SourceStatus().failed(CUT).lived(10.0)
    assert status.link is Link.LIVE
    assert (status.reason, status.next_step, status.attempts) == ("", "", 0)
    assert status.age(12.5) == 2.5
    assert status.age(9.0) == 0.0, "an age is never negative"


def test_without_a_value_it_is_down_at_the_first_failure() -> None:
    status = SourceStatus().failed(CUT)
    assert status.link is Link.DOWN
    assert (status.reason, status.next_step) == ("the connection was cut", "look at the engine")


def test_after_values_it_is_stale_first_and_down_then_and_keeps_its_age() -> None:
    first = SourceStatus().lived(10.0).failed(DeadlineExceeded("silent"))
    assert first.link is Link.STALE
    second = first.failed(CUT)
    assert second.link is Link.DOWN
    assert second.attempts == 2
    assert second.age(15.0) == 5.0
    assert second.lived(20.0).failed(CUT).link is Link.STALE, "live in between: stale again"


def test_a_refusal_is_told_as_one_whatever_was_before() -> None:
    assert SourceStatus().failed(REFUSED).link is Link.DENIED
    denied = SourceStatus().lived(1.0).failed(REFUSED)
    assert denied.link is Link.DENIED
    assert denied.age(3.0) == 2.0
    assert denied.failed(CUT).link is Link.DOWN


@given(st.integers(-1, 5000))
def test_the_back_off_is_bounded_and_goes_on_for_hours(attempts: int) -> None:
    assert 0.4 <= backoff(attempts) <= 4.0
    assert 0.08 <= backoff(attempts, first=0.1, limit=30.0) <= 30.0


@pytest.mark.parametrize(
    ("attempts", "least", "most"), [(1, 0.4, 0.5), (2, 0.8, 1.0), (3, 1.6, 2.0), (9, 3.2, 4.0)]
)
def test_the_back_off_doubles(attempts: int, least: float, most: float) -> None:
    waits = [backoff(attempts) for _ in range(50)]
    assert least <= min(waits)
    assert max(waits) <= most
    assert len(set(waits)) > 1, "jitter keeps many watchers from asking at once"
