"""Reading logs from an engine whose containers restart, vanish and flood, and that itself comes and goes."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lettaops.model.errors import Unreachable, UsageError
from lettaops.model.logs.line import STDERR, LogLine, Marker, marker_of
from lettaops.monitor.engine_watch import EngineWatch
from lettaops.monitor.logs import FeedOptions, LogFeed
from lettaops.sources.engine import Engine
from tests.fakes.engine import framed, stream
from tests.fakes.logs import SECOND, FakeHost
from tests.log_reader import LogReader, read, reading

LIVE = FeedOptions(follow=True, interval=0.0)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with FakeHost(tmp_path / "engine.sock") as running:
        yield running


@pytest.fixture
async def engine(host: FakeHost) -> AsyncIterator[Engine]:
    async with Engine(host.engine.target) as client:
        yield client


def texts(lines: list[LogLine]) -> list[str]:
    return [line.raw.decode() for line in lines if not line.is_marker]


# -- once --------------------------------------------------------------------------------------


async def test_all_services_in_the_order_of_time(host: FakeHost, engine: Engine) -> None:
    server, database = await host.add("letta_server"), await host.add("letta_db")
    for number in range(1, 1001):
        await host.write(server if number % 3 else database, str(number))
    lines = await read(engine, FeedOptions(tail=None))
    assert texts(lines) == [str(number) for number in range(1, 1001)]
    assert {line.service for line in lines} == {"letta_server", "letta_db"}
    assert {line.container for line in lines} == {server.id[:12], database.id[:12]}


async def test_equal_times_keep_the_order_of_each_log(host: FakeHost, engine: Engine) -> None:
    one, two = await host.add("letta_server"), await host.add("letta_db")
    moment = host.tick()
    one.records += [(1, moment, b"%d\n" % number) for number in range(50)]
    two.records += [(2, moment, b"%d\n" % number) for number in range(100, 150)]
    lines = await read(engine, FeedOptions())
    assert [int(each) for each in texts(lines) if int(each) < 100] == list(range(50))
    assert [int(each) for each in texts(lines) if int(each) >= 100] == list(range(100, 150))
    assert [line.stream for line in lines if line.service == "letta_db"] == [STDERR] * 50


async def test_a_clock_that_was_set_back_does_not_turn_a_log_around(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    await host.write(server, "a", "b")
    host.clock_ns -= 3600 * SECOND
    await host.write(server, "c", "d")
    assert texts(await read(engine, FeedOptions())) == ["a", "b", "c", "d"]


async def test_the_last_lines_of_each(host: FakeHost, engine: Engine) -> None:
    server, database = await host.add("letta_server"), await host.add("letta_db")
    await host.write(server, *(f"s{number}" for number in range(10)))
    await host.write(database, *(f"d{number}" for number in range(10)))
    assert texts(await read(engine, FeedOptions(tail=2))) == ["s8", "s9", "d8", "d9"]
    assert texts(await read(engine, FeedOptions(tail=1, services=("letta_db",)))) == ["d9"]
    assert texts(await read(engine, FeedOptions(tail=0))) == []


async def test_since_a_moment_without_reading_the_whole_log(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    await host.write(server, *(f"old {number}" for number in range(9000)))
    moment = host.tick()
    await host.write(server, *(f"new {number}" for number in range(2000)))
    lines = await read(engine, FeedOptions(tail=None, since_ns=moment))
    assert texts(lines) == [f"new {number}" for number in range(2000)]
    assert [each["tail"] for each in server.reads] == ["256", "1024", "4096"]
    assert not any("since" in each for each in server.reads)


async def test_since_before_the_beginning(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    await host.write(server, *(str(number) for number in range(3000)))
    assert len(texts(await read(engine, FeedOptions(tail=None, since_ns=1)))) == 3000


async def test_a_service_that_is_not_there(host: FakeHost, engine: Engine) -> None:
    await host.add("letta_server")
    with pytest.raises(UsageError, match="no service nosuch") as raised:
        await read(engine, FeedOptions(services=("nosuch",)))
    assert "letta_server" in raised.value.next_step


async def test_an_engine_that_is_not_there(host: FakeHost, engine: Engine) -> None:
    await host.engine.stop()
    for follow in (False, True):
        with pytest.raises(Unreachable):
            await read(engine, FeedOptions(follow=follow))


async def test_an_engine_that_goes_while_it_is_read(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    host.engine.on(f"/containers/{server.id}/logs", stream(framed(1, b"2026-")[:10], then="cut"))
    with pytest.raises(Unreachable, match="inside a frame"):
        await read(engine, FeedOptions())


async def test_logs_that_the_engine_can_not_give_back(host: FakeHost, engine: Engine) -> None:
    await host.add("letta_db", driver="none")
    await host.add("redis", driver="syslog")
    server = await host.add("letta_server")
    await host.write(server, "line")
    lines = await read(engine, FeedOptions())
    said = {str(line.service): marker_of(line.raw) for line in lines if line.is_marker}
    assert said["letta_db"][0] == said["redis"][0] == Marker.NOTE
    assert "log driver none" in said["letta_db"][1]
    assert "log driver syslog" in said["redis"][1]
    assert "does not support reading" in said["redis"][1]
    assert texts(lines) == ["line"]


async def test_a_container_with_a_terminal(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server", tty=True)
    await host.write(server, "one\r", "two\r")
    lines = await read(engine, FeedOptions())
    assert texts(lines) == ["one", "two"]
    assert [marker_of(line.raw)[1] for line in lines if line.is_marker] == [
        "has a terminal: stdout and stderr come as one stream"
    ]


async def test_ten_megabytes_without_a_line_feed(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    await host.write(server, b"x" * 10_000_000, "short")
    long, short = await read(engine, FeedOptions())
    assert len(long.raw) <= 16 * 1024
    assert len(long.raw) + long.more == 10_000_000
    assert (short.raw, short.more) == (b"short", 0)
    (long, _) = await read(engine, FeedOptions(keep_bytes=64 * 1024 * 1024))
    assert long.raw == b"x" * 10_000_000


async def test_bytes_stay_as_they_are(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    wild = [
        b"\x00\xff\xfe",
        "é".encode()[:1],
        b"\x1b[2J\x9b31m",
        b"",
        b"2026-11-22T00:00:00Z not ours",
        b" lead",
    ]
    await host.write(server, *wild)
    assert [line.raw for line in await read(engine, FeedOptions())] == wild


# -- following ---------------------------------------------------------------------------------


async def test_history_then_what_comes(host: FakeHost, engine: Engine) -> None:
    server, database = await host.add("letta_server"), await host.add("letta_db")
    await host.write(server, *(f"old {number}" for number in range(2000)))
    async with reading(engine, FeedOptions(follow=True, tail=3)) as reader:
        await reader.has("old 1999")
        await host.followed(server)
        await host.write(server, "new 1")
        await host.write(database, "new 2")
        await reader.has("new 1", "new 2")
        assert reader.texts == ["old 1997", "old 1998", "old 1999", "new 1", "new 2"]
        assert reader.markers == []


async def test_nothing_but_what_comes(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    await host.write(server, "old")
    async with reading(engine, FeedOptions(follow=True, tail=0)) as reader:
        await host.followed(server)
        await host.write(server, "new")
        await reader.has("new")
        assert reader.texts == ["new"]


async def test_a_restart_is_marked_before_its_first_line(host: FakeHost, engine: Engine) -> None:
    server, _ = await host.add("letta_server"), await host.add("letta_db")
    await host.write(server, "one")
    async with reading(engine, LIVE) as reader:
        await host.followed(server)
        await host.write(server, "two")
        await host.restart(server, code=137)
        await host.write(server, "three")
        await reader.has("three")
        kinds = [line.raw.split(b" ")[0].decode() for line in reader.lines]
        assert kinds == ["one", "two", "started", "three"]
        assert reader.markers[0][1].startswith("restarted ")
        assert reader.markers[0][1].endswith(", exit 137")


async def test_an_end_is_marked_and_the_next_start_is_followed(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    async with reading(engine, LIVE) as reader:
        for number in range(3):
            await host.followed(server)
            await host.write(server, f"run {number}")
            await host.stop(server, code=number)
            await reader.counted(2 * number + 1)
            assert reader.markers[-1][1].endswith(f"exit {number}")
            await host.restart(server)
            await reader.counted(2 * number + 2)
        assert reader.texts == ["run 0", "run 1", "run 2"]
        assert [kind for kind, _ in reader.markers] == [Marker.ENDED, Marker.STARTED] * 3


async def test_a_recreated_container_is_followed_from_its_beginning(host: FakeHost, engine: Engine) -> None:
    old = await host.add("letta_server")
    await host.write(old, "old 1")
    async with reading(engine, LIVE) as reader:
        await host.followed(old)
        await host.stop(old, code=143)
        await host.write(old, "old 2")
        await reader.told(Marker.ENDED)
        new = await host.add("letta_server")
        await host.write(new, *(f"new {number}" for number in range(2000)))
        await host.remove(old)
        await reader.has("new 1999")
        assert reader.texts == ["old 1", "old 2", *(f"new {number}" for number in range(2000))]
        assert await reader.told(Marker.STARTED) == f"recreated: {old.id[:12]} -> {new.id[:12]}, exit 143"


async def test_a_container_that_vanishes_with_the_end_of_its_log(host: FakeHost, engine: Engine) -> None:
    old, other = await host.add("letta_server"), await host.add("letta_db")
    async with reading(engine, LIVE) as reader:
        await host.followed(old)
        await host.write(old, "seen")
        await reader.has("seen")
        await host.remove(old)
        assert await reader.told(Marker.ENDED) == "was removed; its last lines may be missing"
        new = await host.add("letta_server")
        await host.write(new, "again")
        await reader.has("again")
        assert (await reader.told(Marker.STARTED)).startswith(f"recreated: {old.id[:12]} -> {new.id[:12]}")
        await host.write(other, "still here")
        await reader.has("still here")


async def test_a_container_that_nobody_could_read(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    async with reading(engine, LIVE) as reader:
        await host.followed(server)
        short = await host.add("worker")
        await host.remove(short)
        assert await reader.told(Marker.ENDED) == "was removed; nothing of its log could be read"
        assert {line.container for line in reader.lines} == {short.id[:12]}


async def test_replicas_are_told_apart(host: FakeHost, engine: Engine) -> None:
    one = await host.add("letta_server", number=1)
    async with reading(engine, LIVE) as reader:
        await host.followed(one)
        two = await host.add("letta_server", number=2)
        await host.write(one, "by one")
        await host.write(two, "by two")
        await reader.has("by one", "by two")
        assert [words.split(" ")[0] for _, words in reader.markers] == ["started"]


async def test_a_last_line_without_a_line_feed(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    async with reading(engine, LIVE) as reader:
        await host.followed(server)
        await host.write(server, "fatal: no", end=b"")
        await host.stop(server, 1)
        await reader.has("fatal: no")
        await host.restart(server)
        await host.write(server, "hello", "world")
        await reader.has("world")
        await host.engine.cut_connections()
        await host.write(server, "again")
        await reader.has("again")
        assert reader.texts == ["fatal: no", "hello", "world", "again"]


# -- ends of the stream --------------------------------------------------------------------------


async def test_nothing_lost_and_nothing_doubled_over_cut_connections(host: FakeHost, engine: Engine) -> None:
    server, database = await host.add("letta_server"), await host.add("letta_db")
    numbers = itertools.count(1)
    async with reading(engine, LIVE) as reader:
        for _ in range(6):
            await host.followed(server)
            for _ in range(400):
                await host.write(server, f"s {next(numbers)}")
                await host.write(database, f"d {next(numbers)}")
            await host.engine.cut_connections()
            await host.write(server, *(f"s {next(numbers)}" for _ in range(700)))
        last = next(numbers) - 1
        await reader.has(f"s {last}")
        await reader.until(lambda: len(reader.texts) >= last, "all lines")
        assert sorted(int(each[2:]) for each in reader.texts) == list(range(1, last + 1))
        for service in ("s", "d"):
            one = [int(each[2:]) for each in reader.texts if each[0] == service]
            assert one == sorted(one)
        assert not [kind for kind, _ in reader.markers if kind is not Marker.NOTE]


async def test_lines_that_are_alike_to_the_nanosecond_are_counted(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    moment = host.tick()
    server.records += [(1, moment, b"same\n")] * 40
    async with reading(engine, LIVE) as reader:
        for _ in range(3):
            await host.followed(server)
            server.records += [(1, moment, b"same\n")] * 40
            await host.engine.cut_connections()
        await host.followed(server)
        await host.write(server, "end")
        await reader.has("end")
    assert reader.texts == ["same"] * 160 + ["end"]


async def test_an_engine_that_stops_and_starts_again(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    async with reading(engine, LIVE) as reader:
        await host.followed(server)
        await host.write(server, "before")
        await reader.has("before")
        await host.engine.stop()
        assert (await reader.told(Marker.NOTE)).startswith("no logs for now: ")
        await host.write(server, *(f"meanwhile {number}" for number in range(3000)))
        await host.start()
        await reader.has("meanwhile 2999")
        assert reader.texts == ["before", *(f"meanwhile {number}" for number in range(3000))]
        await reader.counted(2)
        assert reader.markers[1] == (Marker.NOTE, "the engine answers again")


async def test_a_rotated_log_leaves_a_gap_that_is_told(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    async with reading(engine, LIVE) as reader:
        await host.followed(server)
        await host.write(server, "before")
        await reader.has("before")
        await host.engine.stop()
        await host.write(server, *(f"lost {number}" for number in range(500)))
        await host.write(server, *(f"kept {number}" for number in range(300)))
        await host.rotate(server, keep=300)
        await host.start()
        await reader.has("kept 299")
        assert reader.texts == ["before", *(f"kept {number}" for number in range(300))]
        words = await reader.told(Marker.GAP)
        assert words.startswith("lines may be missing from ")
        assert words.endswith(": the log was rotated or emptied meanwhile")


async def test_more_than_is_caught_up_with(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    async with reading(engine, FeedOptions(follow=True, catch_up=1000)) as reader:
        await host.followed(server)
        await host.write(server, "before")
        await reader.has("before")
        await host.engine.stop()
        await host.write(server, *(str(number) for number in range(5000)))
        await host.start()
        await reader.has("4999")
        assert reader.texts == ["before", *(str(number) for number in range(4000, 5000))]
        assert "an unknown number of lines" in await reader.told(Marker.GAP)


async def test_an_emptied_log(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    async with reading(engine, LIVE) as reader:
        await host.followed(server)
        await host.write(server, "before")
        await reader.has("before")
        await host.engine.stop()
        await host.rotate(server, keep=0)
        await host.start()
        await host.followed(server)
        await host.write(server, "after")
        await reader.has("after")
        assert (await reader.told(Marker.GAP)).startswith("lines may be missing")
        assert reader.texts == ["before", "after"]


# -- who reads ------------------------------------------------------------------------------------


async def test_a_paused_feed_reads_nothing_and_catches_up(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    async with reading(engine, LIVE) as reader:
        await host.followed(server)
        await host.write(server, "before")
        await reader.has("before")
        reader.feed.pause()
        await host.followed(server, by=0)
        reads = len(server.reads)
        await host.write(server, *(str(number) for number in range(2000)))
        assert len(server.reads) == reads
        reader.feed.resume()
        await reader.has("1999")
        assert reader.texts == ["before", *(str(number) for number in range(2000))]
        assert reader.markers == []


async def test_a_feed_that_is_paused_from_the_start(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    await host.write(server, "old")
    watch = EngineWatch(engine, project=None)
    await watch.look()
    async with LogFeed(engine, LIVE, watch=watch) as feed:
        feed.pause()
        first = asyncio.create_task(anext(feed))
        await asyncio.sleep(0.1)
        assert server.reads == []
        feed.resume()
        assert [line.raw for line in await asyncio.wait_for(first, 8)] == [b"old"]


async def test_a_watch_that_somebody_runs_and_an_engine_that_comes_later(
    host: FakeHost, engine: Engine
) -> None:
    server = await host.add("letta_server")
    await host.write(server, "old")
    await host.engine.stop()
    watch = EngineWatch(engine, project=None)
    running = asyncio.create_task(watch.run())
    try:
        async with LogFeed(engine, LIVE, watch=watch) as feed:
            reader = LogReader(feed)
            taking = asyncio.create_task(reader.run())
            await reader.told(Marker.NOTE, "no logs for now")
            await host.start()
            await reader.has("old")
            await host.followed(server)
            await host.write(server, "new")
            await reader.has("new")
            assert {kind for kind, _ in reader.markers} == {Marker.NOTE}
            taking.cancel()
    finally:
        running.cancel()


async def test_lines_that_nobody_takes_stay_with_the_engine(host: FakeHost, engine: Engine) -> None:
    server = await host.add("letta_server")
    async with LogFeed(engine, FeedOptions(follow=True, tail=0)) as feed:
        first = asyncio.create_task(anext(feed))
        await host.followed(server)
        lines = 40_000
        writing = asyncio.create_task(host.write(server, *(f"{number:01000}" for number in range(lines))))
        count = len(await first)
        await writing
        for _ in range(100):
            await asyncio.sleep(0.005)
        assert feed._intake._merge.size < 12 * 1024 * 1024
        while count < lines:
            count += len(await anext(feed))
        assert count == lines


async def test_a_flood_leaves_others_their_turn_and_tells_what_it_left_out(
    host: FakeHost, engine: Engine
) -> None:
    server, database = await host.add("letta_server"), await host.add("letta_db")
    turns = 0

    async def flood() -> None:
        while True:
            await host.write(server, *("flood" for _ in range(2000)))
            await asyncio.sleep(0.01)

    options = FeedOptions(follow=True, tail=10, rate=2000, lag_s=0.2)
    async with reading(engine, options) as reader:
        await host.followed(server)
        await host.followed(database)
        flooding = asyncio.create_task(flood())
        try:
            words = await reader.told(Marker.DROPPED)
            await host.write(database, "calm")
            await reader.has("calm")
            for _ in range(20):
                await asyncio.sleep(0.01)
                turns += 1
        finally:
            flooding.cancel()
        assert "an unknown number of lines" in words
        assert turns == 20
