"""How much was logged and answered when: nothing is counted twice, or where it doesn't belong."""

from contextlib import nullcontext

import pytest

from lettaops.model.logs.buffer import BLOCK_RECORDS, LogBuffer
from lettaops.model.logs.histogram import Bucket, Histogram, bucket_width
from lettaops.model.logs.level import Level
from lettaops.model.logs.line import NO_TIME, LogLine, Marker, marker
from lettaops.model.logs.pattern import Match
from lettaops.model.logs.query import AtLeast, Evaluator, Include, Query
from lettaops.model.logs.rate import AccessRates, Answers, ServiceRates
from lettaops.model.text import Safe
from tests.unit.torture import CONTAINERS, DATABASE, PROXY, SERVER, START_NS, made, many

SECOND = 10**9
# A whole minute, so that spans begin there.
MINUTE_NS = START_NS // (60 * SECOND) * 60 * SECOND
OFFSET = (MINUTE_NS - START_NS) / SECOND


def at(second: float, text: str, service: Safe = SERVER) -> LogLine:
    """A line so many seconds after MINUTE_NS."""
    return made(text, service, at=OFFSET + second)


def access(second: float, status: int) -> LogLine:
    """A line of the proxy's access log."""
    return at(
        second,
        f'172.20.0.1 - - [21/Nov/2026:22:48:09 +0000] "GET /v1/x HTTP/1.1" {status} 153 "-" "curl"',
        PROXY,
    )


def counted(buffer: LogBuffer, query: Query, width_s: int) -> Histogram:
    """A histogram of what a buffer holds."""
    histogram = Histogram(buffer, Evaluator(query, nullcontext), width_s * SECOND)
    for _ in histogram.run():
        pass
    assert histogram.complete
    return histogram


def test_records_and_errors_are_counted_in_their_spans_without_gaps() -> None:
    buffer = LogBuffer()
    buffer.extend([at(0, "a"), at(9, "ERROR:    b"), at(10, "c"), at(31, "ERROR:    d"), at(5, "late")])
    assert counted(buffer, Query(), 10).buckets(60) == [
        Bucket(MINUTE_NS, 3, 1),
        Bucket(MINUTE_NS + 10 * SECOND, 1, 0),
        Bucket(MINUTE_NS + 20 * SECOND, 0, 0),
        Bucket(MINUTE_NS + 30 * SECOND, 1, 1),
    ]


def test_only_what_passes_is_counted() -> None:
    buffer = LogBuffer()
    buffer.extend([at(0, "a needle"), at(1, "ERROR:    hay"), at(2, "ERROR:    needle")])
    assert counted(buffer, Query((Include(Match(Safe("needle"))),)), 10).buckets(5) == [
        Bucket(MINUTE_NS, 2, 1)
    ]
    assert counted(buffer, Query((AtLeast(Level.ERROR),)), 10).buckets(5) == [Bucket(MINUTE_NS, 2, 2)]


def test_a_histogram_goes_on_with_what_comes() -> None:
    buffer = LogBuffer()
    buffer.extend([at(0, "a")])
    histogram = counted(buffer, Query(), 10)
    buffer.extend(
        [at(1, "b"), at(12, "ERROR:    c"), LogLine(SERVER, CONTAINERS[SERVER], 1, NO_TIME, b"no time")]
    )
    assert not histogram.complete
    for _ in histogram.run():
        pass
    assert histogram.buckets(5) == [Bucket(MINUTE_NS, 2, 0), Bucket(MINUTE_NS + 10 * SECOND, 1, 1)]


def test_a_histogram_shows_the_newest_spans_and_none_without_a_record_held() -> None:
    buffer = LogBuffer(100_000)
    buffer.extend([at(second, "x" * 60) for second in range(10 * BLOCK_RECORDS)])
    assert buffer.first > 0
    histogram = counted(buffer, Query(), 60)
    assert [each.records for each in histogram.buckets(3)[1:-1]] == [60]
    oldest = buffer.span_ns()
    assert oldest is not None
    assert histogram.buckets(10**6)[0].start_ns == oldest[0] // (60 * SECOND) * 60 * SECOND
    assert Histogram(LogBuffer(), Evaluator(Query(), nullcontext), SECOND).buckets(5) == []


def test_counting_is_done_block_by_block() -> None:
    buffer = LogBuffer()
    buffer.extend(many(["x"] * (3 * BLOCK_RECORDS)))
    assert sum(1 for _ in Histogram(buffer, Evaluator(Query(), nullcontext), SECOND).run()) == 3


@pytest.mark.parametrize(
    ("seconds", "width"),
    [(0, 1), (50, 1), (59, 2), (600, 30), (86_400, 1800), (30 * 86_400, 86_400), (10**8, 1728000)],
)
def test_spans_are_of_customary_width_and_few(seconds: int, width: int) -> None:
    found = bucket_width(seconds * SECOND, 60)
    assert found == width * SECOND
    assert seconds * SECOND // found + 2 <= 61


def test_lines_and_errors_of_each_service_are_counted_as_they_come() -> None:
    buffer = LogBuffer()
    rates = ServiceRates(buffer, seconds=5)
    now = MINUTE_NS + 10 * SECOND
    buffer.extend(
        [at(5, "a\nwith a rest"), at(6, "ERROR:    b"), at(6, "x", DATABASE), at(-70, "ERROR:    old")]
    )
    rates.update()
    rates.update()
    assert rates.lines_per_second(SERVER, now) == 3 / 5
    assert rates.lines_per_second(DATABASE, now) == 1 / 5
    assert rates.lines_per_second(PROXY, now) == 0
    assert rates.errors_per_minute(SERVER, now) == 1
    buffer.extend([at(9, "ERROR:    c"), at(9.5, "late")])
    rates.update()
    assert rates.lines_per_second(SERVER, now) == 5 / 5
    assert rates.errors_per_minute(SERVER, now) == 2
    assert rates.series(SERVER, now, 3) == [(0.0, 0), (1.0, 2), (0.0, 0)]


def test_what_has_no_time_or_is_no_line_is_not_counted() -> None:
    buffer = LogBuffer()
    rates = ServiceRates(buffer)
    buffer.extend(
        [
            marker(Marker.GAP, SERVER, CONTAINERS[SERVER], MINUTE_NS, Safe("lost")),
            LogLine(SERVER, CONTAINERS[SERVER], 1, NO_TIME, b"x"),
        ]
    )
    rates.update()
    assert rates.lines_per_second(SERVER, MINUTE_NS + 5 * SECOND) == 0
    assert rates.lines_per_second(SERVER, 5 * SECOND) == 0


def test_old_spans_are_forgotten_and_nothing_grows_without_end() -> None:
    buffer = LogBuffer(50_000)
    rates = ServiceRates(buffer, seconds=5, kept=3)
    for second in range(0, 600, 5):
        buffer.extend([at(second, "x")])
        rates.update()
    buffer.extend([at(0, "far too late")])
    rates.update()
    now = MINUTE_NS + 600 * SECOND
    assert [lines for lines, _ in rates.series(SERVER, now, 6)] == [0, 0, 0.2, 0.2, 0.2, 0]
    assert rates.series(SERVER, MINUTE_NS, 1) == [(0.0, 0)]


def test_answers_of_a_proxy_are_counted_by_class() -> None:
    buffer = LogBuffer()
    rates = AccessRates(buffer, {PROXY}, seconds=10)
    buffer.extend(
        [
            access(1, 200),
            access(2, 204),
            access(2, 404),
            access(11, 502),
            at(3, access(0, 500).raw.decode(), SERVER),
            at(3, "2026/11/21 22:48:09 [error] 29#29: *1 connect() failed", PROXY),
        ]
    )
    rates.update()
    rates.update()
    assert rates.series(MINUTE_NS + 12 * SECOND, 3) == [
        Answers(MINUTE_NS - 10 * SECOND, {}, 0.0),
        Answers(MINUTE_NS, {2: 2, 4: 1}, 0.3),
        Answers(MINUTE_NS + 10 * SECOND, {5: 1}, 0.1),
    ]


def test_what_was_dropped_before_it_was_counted_is_left_out() -> None:
    buffer = LogBuffer(1)
    rates = ServiceRates(buffer)
    buffer.extend(many(["x" * 70_000, "y" * 70_000, "z"]))
    rates.update()
    assert rates.series(SERVER, START_NS, 1)[0][0] <= 3 / 5
