"""The bounded file behind a container's log, and the engine's moments."""

import asyncio
import re
from pathlib import Path

import pytest

from lettaops.sandbox.engine import clock
from lettaops.sandbox.engine.child import STDERR, STDOUT
from lettaops.sandbox.engine.logfile import PIECE_BYTES, LogFile, Selection, parts


async def read(log: LogFile, selection: Selection = Selection()) -> list[bytes]:  # noqa: B008 -- immutable
    return [parts(record)[2] async for batch in log.read(selection) for record in batch]


def numbers(first: int, last: int) -> list[bytes]:
    return [b"%d\n" % number for number in range(first, last + 1)]


async def test_the_tail_reaches_over_the_change_of_files(tmp_path: Path) -> None:
    log = LogFile(tmp_path, limit=4000)
    for number in range(1, 51):  # a record of a two-digit number takes 36 bytes: a file is full with 56
        log.append(STDOUT, b"%d\n" % number)
    for number in range(51, 71):
        log.append(STDOUT, b"%d\n" % number)
    assert len(list(tmp_path.iterdir())) == 2
    for count in (0, 1, 13, 14, 15, 69, 70):
        assert await read(log, Selection(tail=count)) == numbers(71 - count, 70)
    assert await read(log, Selection(tail=1000)) == numbers(1, 70)
    log.close()


async def test_only_the_two_latest_files_stay(tmp_path: Path) -> None:
    log = LogFile(tmp_path, limit=4000)
    log.append(STDOUT, b"".join(numbers(1000, 1050)))
    for number in range(2000, 2200):
        log.append(STDOUT, b"%d\n" % number)
    kept = await read(log)
    assert kept == numbers(2200 - len(kept), 2199)
    assert 50 < len(kept) < 200
    assert sum(each.stat().st_size for each in tmp_path.iterdir()) <= 4100
    log.close()


async def test_a_follower_misses_nothing_when_files_change(tmp_path: Path) -> None:
    log = LogFile(tmp_path, limit=4000)
    log.open()
    following = asyncio.create_task(read(log, Selection(follow=True, tail=0)))
    await asyncio.sleep(0)
    for number in range(1000, 1500):
        log.append(STDOUT, b"%d\n" % number)
        if number % 10 == 0:
            await asyncio.sleep(0)
    log.end()
    assert await following == numbers(1000, 1499)
    log.close()


async def test_a_follower_that_is_too_slow_goes_on_with_what_is_left(tmp_path: Path) -> None:
    log = LogFile(tmp_path, limit=4000)
    log.open()
    log.append(STDOUT, b"first\n")
    batches = log.read(Selection(follow=True))
    assert [parts(each)[2] for each in await anext(batches)] == [b"first\n"]
    log.append(STDOUT, b"".join(numbers(1000, 1300)))
    log.append(STDOUT, b"".join(numbers(2000, 2300)))
    log.append(STDOUT, b"last\n")
    log.end()
    rest = [parts(record)[2] async for batch in batches for record in batch]
    assert rest[-1] == b"last\n"
    assert rest[-302:-1] == numbers(2000, 2300)
    log.close()


async def test_lines_are_put_together_for_each_stream(tmp_path: Path) -> None:
    log = LogFile(tmp_path)
    log.append(STDOUT, b"on")
    log.append(STDERR, b"tw")
    log.append(STDOUT, b"e\n")
    log.append(STDERR, b"o\nthree")
    assert await read(log) == [b"one\n", b"two\n"]
    assert await read(log, Selection(stdout=False)) == [b"two\n"]
    log.end()
    assert await read(log) == [b"one\n", b"two\n", b"three"]
    log.close()


async def test_long_lines_come_in_pieces(tmp_path: Path) -> None:
    log = LogFile(tmp_path)
    line = bytes(range(32, 127)) * 1000
    for at in range(0, len(line), 70_001):
        log.append(STDOUT, line[at : at + 70_001])
    log.append(STDOUT, b"\n")
    pieces = await read(log)
    assert b"".join(pieces) == line + b"\n"
    assert max(map(len, pieces)) <= PIECE_BYTES + 1
    assert [piece.endswith(b"\n") for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    log.close()


async def test_times_only_go_forward_and_choose(tmp_path: Path) -> None:
    log = LogFile(tmp_path)
    before = clock.now()
    log.append(STDOUT, b"".join(numbers(1, 100)))
    log.append(STDERR, b"".join(numbers(101, 200)))
    records = [record async for batch in log.read(Selection()) for record in batch]
    stamps = [parts(each)[1].decode() for each in records]
    assert stamps == sorted(set(stamps))
    assert clock.rfc3339(before) <= stamps[0]
    log.close()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", None),
        ("12", 12 * clock.SECOND),
        ("12.5", 12 * clock.SECOND + 500_000_000),
        ("12.000000001", 12 * clock.SECOND + 1),
        ("1970-01-01T00:00:12Z", 12 * clock.SECOND),
        ("1970-01-01T01:00:12+01:00", 12 * clock.SECOND),
    ],
)
def test_moments_that_clients_send(text: str, moment: int | None) -> None:
    assert clock.parse(text) == moment


def test_what_is_no_moment() -> None:
    for text in ("noon", "1.2.3", "12s"):
        with pytest.raises(ValueError, match=re.escape(text)):
            clock.parse(text)


def test_moments_that_the_engine_sends() -> None:
    assert clock.rfc3339(0) == "0001-01-01T00:00:00Z"
    assert clock.rfc3339(12 * clock.SECOND + 34) == "1970-01-01T00:00:12.000000034Z"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "Less than a second"),
        (0.9, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (120, "2 minutes"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (2 * 3600, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (14 * 86400, "2 weeks"),
        (60 * 86400, "2 months"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert clock.ago(int(seconds * clock.SECOND)) == words
