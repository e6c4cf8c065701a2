"""A search that takes too long ends, and other work is left alone."""

import re
import signal

import pytest

from lettaops.model.logs.pattern import TooSlow
from lettaops.monitor.logs.limit import search_limit

ENDLESS = ("a" * 40 + "!", r"(a+)+$")


def assert_nothing_is_left(before: object) -> None:
    """No timer runs, and the signal is handled as before."""
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGVTALRM) is before


def test_a_search_that_would_take_for_ever_is_ended_each_time() -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    text, pattern = ENDLESS
    for _ in range(2):
        with pytest.raises(TooSlow), search_limit(0.05):
            re.search(pattern, text)
    assert_nothing_is_left(before)


def test_a_search_within_its_time_is_not_disturbed() -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    for _ in range(3):
        with search_limit(5.0):
            assert re.search("b", "abc")
    assert_nothing_is_left(before)


def test_an_error_within_comes_through() -> None:
    before = signal.getsignal(signal.SIGVTALRM)
    with pytest.raises(KeyError), search_limit(5.0):
        raise KeyError("of the search")
    assert_nothing_is_left(before)
