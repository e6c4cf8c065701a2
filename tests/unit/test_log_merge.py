"""Lines of several logs in the order of their time, whoever is silent, late or fast."""

from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.logs.line import LogLine
from lettaops.model.text import Safe
from lettaops.monitor.logs.merge import (
    HISTORY_SECONDS,
    LANE_BYTES,
    WINDOW_LINES,
    WINDOW_SECONDS,
    Lane,
    Merge,
)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def line(time_ns: int, service: str = "s") -> LogLine:
    return LogLine(Safe(service), Safe("c"), 1, time_ns, b"x")


def times(lines: list[LogLine]) -> list[int]:
    return [each.timestamp_ns for each in lines]


def test_what_is_live_waits_for_older_lines_of_others() -> None:
    clock = Clock()
    merge = Merge(clock)
    one, two = merge.lane(history=False), merge.lane(history=False)
    merge.add(one, [line(20), line(40)])
    clock.now += WINDOW_SECONDS / 2
    merge.add(two, [line(10), line(30), line(50)])
    assert merge.release() == []
    assert merge.due_at() == 100 + WINDOW_SECONDS
    clock.now += WINDOW_SECONDS
    assert times(merge.release()) == [10, 20, 30, 40, 50]
    assert merge.due_at() is None


def test_a_line_that_waits_is_not_released_by_an_older_one() -> None:
    clock = Clock()
    merge = Merge(clock)
    one, two = merge.lane(history=False), merge.lane(history=False)
    merge.add(one, [line(40)])
    clock.now += WINDOW_SECONDS * 0.75
    merge.add(two, [line(50)])
    clock.now += WINDOW_SECONDS * 0.5
    assert times(merge.release()) == [40]
    clock.now += WINDOW_SECONDS
    assert times(merge.release()) == [50]
    assert merge.due_at() is None


def test_history_waits_for_every_log() -> None:
    clock = Clock()
    merge = Merge(clock, patience=None)
    one, two = merge.lane(history=True), merge.lane(history=True)
    merge.add(one, [line(1), line(5), line(9)])
    clock.now += 1000
    assert merge.release() == []
    assert merge.due_at() is None
    merge.add(two, [line(2), line(6)])
    assert times(merge.release()) == [1, 2, 5, 6]
    merge.close(two)
    assert times(merge.release()) == [9]
    merge.close(one)
    assert merge.finished


def test_history_that_does_not_come_is_not_waited_for_for_ever() -> None:
    clock = Clock()
    merge = Merge(clock)
    one, _ = merge.lane(history=True), merge.lane(history=True)
    merge.add(one, [line(1)])
    assert merge.release() == []
    assert merge.due_at() == clock.now + HISTORY_SECONDS
    clock.now += HISTORY_SECONDS
    assert times(merge.release()) == [1]


def test_a_flood_shortens_the_window() -> None:
    merge = Merge(Clock())
    one, _ = merge.lane(history=False), merge.lane(history=False)
    for number in range(3):
        merge.add(one, [line(number * WINDOW_LINES + each) for each in range(WINDOW_LINES // 2)])
    assert len(merge.release()) == WINDOW_LINES // 2
    assert merge.lines == WINDOW_LINES


def test_who_is_ahead_waits() -> None:
    merge = Merge(Clock(), patience=None)
    one, two = merge.lane(history=True), merge.lane(history=True)
    big = LogLine(Safe("s"), Safe("c"), 1, 1, b"x" * LANE_BYTES)
    merge.add(one, [big])
    assert merge.full(one)
    assert not merge.full(two)
    merge.add(two, [line(2)])
    assert merge.release() == [big]
    assert not merge.full(one)


LANES = st.lists(
    st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=5), max_size=6), min_size=1, max_size=4
)


@given(LANES, st.booleans(), st.randoms(use_true_random=False))
def test_nothing_is_lost_and_each_log_keeps_its_order(
    logs: list[list[list[int]]], history: bool, dice: "object"
) -> None:
    clock = Clock()
    merge = Merge(clock, patience=None)
    lanes: list[tuple[Lane, str, list[list[int]]]] = [
        (merge.lane(history=history), f"s{number}", [list(batch) for batch in batches])
        for number, batches in enumerate(logs)
    ]
    found: list[LogLine] = []
    while any(batches for _, _, batches in lanes):
        lane, service, batches = dice.choice([each for each in lanes if each[2]])  # type: ignore[attr-defined]
        merge.add(lane, [line(each, service) for each in batches.pop(0)])
        clock.now += dice.choice((0.0, 0.05, 0.3))  # type: ignore[attr-defined]
        found += merge.release()
    for lane, _, _ in lanes:
        merge.close(lane)
    while not merge.finished:
        found += merge.release()
    for number, each in enumerate(logs):
        own = [one.timestamp_ns for one in found if one.service == f"s{number}"]
        assert own == [value for batch in each for value in batch]


@given(st.lists(st.lists(st.integers(1, 1000), min_size=1), min_size=2, max_size=4))
def test_history_comes_out_sorted_and_stable(logs: list[list[int]]) -> None:
    merge = Merge(Clock(), patience=None)
    expected = []
    for number, values in enumerate(logs):
        lane = merge.lane(history=True)
        merge.add(lane, [line(value, f"s{number}") for value in sorted(values)])
        merge.close(lane)
        expected += [line(value, f"s{number}") for value in sorted(values)]
    found: list[LogLine] = []
    while not merge.finished:
        found += merge.release()
    assert found == sorted(expected, key=lambda each: each.timestamp_ns)
