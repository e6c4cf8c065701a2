"""The buffer keeps the newest records in bounded memory, gives each back whole, and counts what went."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from lettaops.model.logs.block import MOST_SOURCES
from lettaops.model.logs.buffer import BLOCK_DATA, BLOCK_RECORDS, LogBuffer, Loss
from lettaops.model.logs.level import Level
from lettaops.model.logs.line import NO_TIME, LogLine, Marker, marker
from lettaops.model.text import Safe
from tests.unit.torture import CONTAINERS, DATABASE, LINES, PROXY, SERVER, START_NS, made, many


def test_records_are_given_back_as_they_were_added() -> None:
    buffer = LogBuffer()
    records = [
        made("one"),
        made("two\n  lines", PROXY, at=1),
        made(b"\xff\x00raw", DATABASE, stream=2),
        made("cut", more=7),
        made(""),
        marker(Marker.GAP, SERVER, CONTAINERS[SERVER], START_NS, Safe("lost")),
    ]
    buffer.extend(records)
    assert [buffer.record(seq) for seq in range(buffer.end)] == records
    assert list(buffer.between(1, 3)) == records[1:3]
    assert list(buffer.between(-5, 99)) == records


@pytest.mark.parametrize("seq", [-1, 1, 99])
def test_a_record_that_is_not_held_is_an_index_error(seq: int) -> None:
    buffer = LogBuffer()
    buffer.extend([made("one")])
    with pytest.raises(IndexError):
        buffer.record(seq)


class Held(RuleBasedStateMachine):
    """The buffer beside a list of everything that was ever added."""

    @initialize(limit=st.integers(1, 60_000))
    def begin(self, limit: int) -> None:
        self.buffer = LogBuffer(limit)
        self.all: list[LogLine] = []
        self.cleared = 0

    @rule(lines=st.lists(LINES, max_size=30), times=st.integers(1, 60))
    def add(self, lines: list[LogLine], times: int) -> None:
        for _ in range(times):
            self.buffer.extend(lines)
            self.all += lines

    @rule()
    def clear(self) -> None:
        self.buffer.clear()
        self.cleared = len(self.all)

    @rule(limit=st.integers(1, 60_000))
    def limit(self, limit: int) -> None:
        self.buffer.limit = limit

    @invariant()
    def holds_the_newest(self) -> None:
        buffer = self.buffer
        assert buffer.end == len(self.all)
        assert self.cleared <= buffer.first <= buffer.end
        assert list(buffer.between(buffer.first, buffer.end)) == self.all[buffer.first :]

    @invariant()
    def is_bounded(self) -> None:
        newest = self.buffer.end - 1
        if len(self.buffer) and self.buffer.block_of(newest).first > self.buffer.first:
            assert self.buffer.held_bytes <= self.buffer.limit


TestHeld = Held.TestCase
TestHeld.settings = settings(max_examples=20, stateful_step_count=12, deadline=None)


def test_what_is_dropped_is_counted_by_service() -> None:
    buffer = LogBuffer(1)
    added = [*many(["first", "two\nlines"]), *many(["access"], PROXY)]
    buffer.extend(added)
    buffer.extend([made("x" * BLOCK_DATA)])
    buffer.extend([made("newest")])
    assert buffer.first >= 3
    assert buffer.dropped[SERVER].records >= 2
    assert buffer.dropped[PROXY] == Loss(records=1, lines=1, bytes=6)
    gone = [line for line in [*added, made("x" * BLOCK_DATA)][: buffer.first] if line.service == SERVER]
    assert buffer.dropped[SERVER] == Loss(
        records=len(gone),
        lines=sum(1 + line.raw.count(b"\n") for line in gone),
        bytes=sum(len(line.raw) for line in gone),
    )


def test_a_flood_stays_within_the_limit_and_loses_nothing_uncounted() -> None:
    limit = 2 * 1024 * 1024
    buffer = LogBuffer(limit)
    for start in range(0, 60_000, 3000):
        buffer.extend(many(f"line {number} " + "y" * 80 for number in range(start, start + 3000)))
        assert buffer.held_bytes <= limit
    assert buffer.dropped[SERVER].records + len(buffer) == 60_000
    assert buffer.record(59_999).raw.startswith(b"line 59999 ")
    assert len(buffer) > 15_000


def test_long_lines_that_come_at_once_stay_within_the_limit_too() -> None:
    buffer = LogBuffer(400_000)
    buffer.extend(many([b"x" * 10_000] * 100))
    assert buffer.held_bytes <= 400_000
    assert len(buffer) > 25


def test_many_sources_at_once_are_kept_apart() -> None:
    records = [
        LogLine(Safe(f"service-{number}"), Safe(f"{number:012x}"), 1, START_NS, str(number).encode())
        for number in range(3 * MOST_SOURCES)
    ]
    buffer = LogBuffer()
    buffer.extend(records)
    assert list(buffer.between(0, buffer.end)) == records


def test_a_moment_is_found_and_late_lines_do_not_hide_it() -> None:
    buffer = LogBuffer()
    records = [made("x", at=second) for second in range(3 * BLOCK_RECORDS)]
    late = 2 * BLOCK_RECORDS + 5
    records[late] = made("late", at=3)
    buffer.extend(records)
    assert buffer.at_time(START_NS) == 0
    assert buffer.at_time(START_NS - 1) == 0
    for second in (1, BLOCK_RECORDS, BLOCK_RECORDS + 1, late - 1, late + 1, 3 * BLOCK_RECORDS - 1):
        assert buffer.at_time(START_NS + second * 10**9) == second
    assert buffer.at_time(START_NS + late * 10**9) == late + 1
    assert buffer.at_time(START_NS + 10**15) == buffer.end
    assert buffer.span_ns() == (START_NS, START_NS + (3 * BLOCK_RECORDS - 1) * 10**9)


def test_a_record_without_a_time_is_no_moment() -> None:
    buffer = LogBuffer()
    assert buffer.span_ns() is None
    assert buffer.at_time(START_NS) == 0
    buffer.extend([LogLine(SERVER, CONTAINERS[SERVER], 1, NO_TIME, b"x"), made("y")])
    assert buffer.at_time(START_NS) == 1
    assert buffer.span_ns() == (START_NS, START_NS)


def test_levels_are_those_of_the_whole_record() -> None:
    buffer = LogBuffer()
    buffer.extend(
        [
            made("INFO:     fine"),
            made("it broke\nTraceback (most recent call last):\nKeyError: 1"),
            made("\x1b[33mWARNING\x1b[0m:  coloured"),
            marker(Marker.GAP, SERVER, CONTAINERS[SERVER], START_NS, Safe("ERROR:    not a log line")),
        ]
    )
    assert [buffer.level(seq) for seq in range(4)] == [Level.INFO, Level.ERROR, Level.WARNING, Level.WARNING]


@given(st.lists(st.sampled_from(["a", "bb\nc", "", "ERROR:    d", "\x1b[31me"]), min_size=1, max_size=50))
def test_levels_do_not_depend_on_when_they_are_asked_for(texts: list[str]) -> None:
    at_once, one_by_one = LogBuffer(), LogBuffer()
    at_once.extend(many(texts))
    for text in texts:
        one_by_one.extend([made(text)])
        one_by_one.block_of(one_by_one.end - 1).fill_levels(one_by_one.end - 1)
    assert [at_once.level(seq) for seq in range(len(texts))] == [
        one_by_one.level(seq) for seq in range(len(texts))
    ]


def test_plain_records_of_a_hundred_bytes_take_little_more() -> None:
    buffer = LogBuffer(1 << 30)
    buffer.extend(many(["x" * 100] * 20_000))
    assert buffer.held_bytes <= 1.3 * 100 * 20_000
