"""Numbers and times as an operator reads them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.units import ago, duration, milliseconds, percent, size
from tests.unit.build import NOW


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0, "0 ms"),
        (0.0004, "0 ms"),
        (0.85, "850 ms"),
        (0.9996, "1 s"),
        (1, "1 s"),
        (1.25, "1.2 s"),
        (9.96, "10 s"),
        (40, "40 s"),
        (59.9, "59 s"),
        (60, "1 m"),
        (192, "3 m 12 s"),
        (3600, "1 h"),
        (11040, "3 h 4 m"),
        (86399, "23 h 59 m"),
        (86400 * 9 + 7200, "9 d 2 h"),
        (-90, "-1 m 30 s"),
    ],
)
def test_a_span(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (-1.5, "just now"),
        (40.7, "40 s ago"),
        (3700, "1 h 1 m ago"),
        (-3780, "in the future (clock skew 1 h 3 m)"),
    ],
)
def test_a_moment(seconds: float, words: str) -> None:
    assert ago(NOW - timedelta(seconds=seconds), NOW) == words


def test_a_moment_that_is_not_known() -> None:
    assert "unknown" in ago(None, NOW)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (None, "–"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (10_240, "10.0 KiB"),
        (512 * 1024**2, "512 MiB"),
        (int(1.95 * 1024**3), "1.95 GiB"),
        (1024**2 - 1, "1.00 MiB"),
        (102_390, "100 KiB"),
        (10_239, "10.0 KiB"),
        (3 * 1024**6, "3072 PiB"),
    ],
)
def test_a_size(count: float | None, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"),
        (0.42, "0.4 ms"),
        (0.97, "1 ms"),
        (9.2, "9 ms"),
        (999.7, "1.0 s"),
        (1234, "1.2 s"),
        (61_000, "61.0 s"),
    ],
)
def test_a_latency(value: float | None, words: str) -> None:
    assert milliseconds(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (0, "0%"), (0.42, "0.4%"), (9.94, "9.9%"), (9.97, "10%"), (55.4, "55%"), (400, "400%")],
)
def test_a_share(value: float | None, words: str) -> None:
    assert percent(value) == words


@given(st.floats(0, 1e15))
def test_no_number_grows_wide(value: float) -> None:
    assert len(size(value)) <= 8
    assert len(percent(min(value, 99_999))) <= 6
    assert len(duration(min(value, 86400 * 999))) <= 10
    assert len(milliseconds(min(value, 9_999_000))) <= 8
