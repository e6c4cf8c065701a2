"""Raw lines: the engine's timestamps, and markers between lines."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.logs.line import (
    MARKER,
    NO_TIME,
    Marker,
    marker,
    marker_of,
    parse_timestamp,
    short_id,
    split_timestamp,
)
from lettaops.model.logs.record import time_text
from lettaops.model.text import Safe
from tests.unit.build import HOSTILE, identity, is_clean

AT = 1_795_320_144_232_000_001


@pytest.mark.parametrize(
    ("data", "time_ns", "rest"),
    [
        (b"2026-11-22T04:02:24.232000001Z hello there", AT, b"hello there"),
        (b"2026-11-22T04:02:24.232000001Z ", AT, b""),
        (b"2026-11-22T04:02:24.232000001Z", AT, b""),
        (b"2026-11-22T04:02:24.232000001Z  indented", AT, b" indented"),
        (b"2026-11-22T05:02:24.232+01:00 podman", 1_795_320_144_232_000_000, b"podman"),
        (
            b"2026-11-22T04:02:24Z whole second " + b"x" * 100,
            1_795_320_144_000_000_000,
            b"whole second " + b"x" * 100,
        ),
        (b"no time at all", NO_TIME, b"no time at all"),
        (b"2026-99-22T04:02:24.232000001Z no month", NO_TIME, b"2026-99-22T04:02:24.232000001Z no month"),
        (b"2026-11-22T04:02:24.23200000xZ no digits", NO_TIME, b"2026-11-22T04:02:24.23200000xZ no digits"),
        (b"", NO_TIME, b""),
        (b"x" * 200, NO_TIME, b"x" * 200),
    ],
)
def test_the_engine_s_timestamp_is_split_from_the_line(data: bytes, time_ns: int, rest: bytes) -> None:
    assert split_timestamp(data) == (time_ns, rest)


@given(st.integers(1, 2**62))
def test_a_timestamp_is_read_as_it_is_written(time_ns: int) -> None:
    written = time_text(time_ns)
    moment = datetime.fromisoformat(f"{written[:26]}Z")
    assert moment == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_ns // 1000)
    assert parse_timestamp(written.encode()) == time_ns
    assert split_timestamp(f"{written} line".encode()) == (time_ns, b"line")


@given(st.binary(max_size=60))
def test_no_bytes_break_the_reading_of_a_timestamp(data: bytes) -> None:
    time_ns, rest = split_timestamp(data)
    assert data.endswith(rest)
    assert time_ns >= 0


def test_an_unknown_time_is_not_written_as_1970() -> None:
    assert time_text(NO_TIME) == "–"
    assert time_text(1 << 80) == "–"


def test_a_marker_says_again_what_it_was_made_of() -> None:
    line = marker(Marker.GAP, Safe("letta_db"), short_id(identity("db")), AT, Safe("the connection was lost"))
    assert line.is_marker
    assert line.stream == MARKER
    assert len(line.container) == 12
    assert marker_of(line.raw) == (Marker.GAP, "the connection was lost")


def test_bytes_that_are_no_marker_of_ours_are_a_clean_note() -> None:
    kind, words = marker_of(HOSTILE.encode() + b"\xff")
    assert kind is Marker.NOTE
    assert is_clean(words)
