"""Logs and events of a real engine: followed, cut, and of one that dies or freezes."""

from __future__ import annotations

import asyncio

import pytest

from lettaops.model.errors import (
    DeadlineExceeded,
    LettaopsError,
    Unproven,
    Unreachable,
)
from lettaops.model.frames import STDERR, STDOUT, LogLine
from lettaops.sources.engine import Engine
from lettaops.sources.engine_acts import EngineActs
from lettaops.sources.target import EngineTarget
from tests.stack.containers import logged, next_of, start
from tests.testbed.dockerd import PrivateDockerd

# -- logs --------------------------------------------------------------------------------------


async def test_logs_keep_streams_apart_and_give_the_tail(
    stub_dockerd: PrivateDockerd, engine: Engine
) -> None:
    container_id = start(stub_dockerd, "seq 5; echo wrong >&2; printf end")
    stub_dockerd.docker("wait", container_id)
    lines = await logged(engine, container_id)
    assert [line.data for line in lines if line.stream == STDOUT] == [b"1", b"2", b"3", b"4", b"5", b"end"]
    assert [line.data for line in lines if line.stream == STDERR] == [b"wrong"]
    stamped = await logged(engine, container_id, tail=2, timestamps=True)
    assert len(stamped) == 2
    assert all(line.data[:2] == b"20" and line.data[30:31] == b" " for line in stamped)


async def test_logs_of_a_terminal(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container_id = start(stub_dockerd, "echo out; echo err >&2", "-t")
    stub_dockerd.docker("wait", container_id)
    container = await engine.inspect(container_id)
    assert container.tty
    assert await logged(engine, container_id, tty=container.tty) == [
        LogLine(STDOUT, b"out"),
        LogLine(STDOUT, b"err"),
    ]


async def test_a_line_of_ten_megabytes(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container_id = start(stub_dockerd, "head -c 10000000 /dev/zero | tr '\\0' x; echo; echo next")
    stub_dockerd.docker("wait", container_id)
    for timestamps in (False, True):
        long, following = await logged(engine, container_id, timestamps=timestamps)
        stamp = 31 if timestamps else 0
        assert len(long.data) == 16 * 1024
        assert len(long.data) + long.dropped == 10_000_000 + stamp
        assert following.data[stamp:] == b"next"


async def test_random_bytes_in_a_log(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container_id = start(stub_dockerd, "head -c 300000 /dev/urandom; echo; echo last")
    stub_dockerd.docker("wait", container_id)
    lines = await logged(engine, container_id)
    assert lines[-1].data == b"last"
    assert len(lines) > 500


async def test_an_engine_that_keeps_no_log_says_so(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container_id = start(stub_dockerd, "echo x", "--log-driver", "none")
    with pytest.raises(LettaopsError, match="does not support reading"):
        await logged(engine, container_id)


async def test_following_a_log_ends_with_the_container(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container_id = start(stub_dockerd, "echo first; exec stub")
    async with (
        asyncio.timeout(20),
        engine.logs(container_id, follow=True, tail=None, timestamps=False, tty=False) as log,
    ):
        assert (await anext(log))[0].data == b"first"
        await asyncio.to_thread(stub_dockerd.docker, "kill", container_id)
        async for _ in log:
            pass


# -- a daemon that dies, freezes and comes back ------------------------------------------------


@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_streams_of_a_daemon_that_ends(
    stub_dockerd: PrivateDockerd, target: EngineTarget, how: str
) -> None:
    container_id = start(stub_dockerd)
    async with Engine(target) as engine:
        async with (
            engine.events() as events,
            engine.logs(container_id, follow=True, tail=0, timestamps=False, tty=False) as log,
            engine.stats_stream(container_id) as samples,
        ):
            await asyncio.to_thread(getattr(stub_dockerd, how))
            for stream in (events, log, samples):
                async with asyncio.timeout(20):
                    try:
                        async for _ in stream:
                            pass
                    except Unreachable as error:
                        assert error.next_step  # noqa: PT017 -- an end and a cut are both right
        with pytest.raises(Unreachable, match="is the engine running"):
            await engine.ping()
        await asyncio.to_thread(stub_dockerd.start)
        # The same client goes on working.
        assert [row.id for row in await engine.containers(timeout=20)] == [container_id]
        async with engine.events() as events:
            await asyncio.to_thread(stub_dockerd.docker, "restart", "-t", "0", container_id)
            assert (await next_of(events, "start", container_id)).type == "container"


async def test_events_since_a_moment_and_without_execs(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container_id = start(stub_dockerd, "exit 3")
    stub_dockerd.docker("wait", container_id)
    created = (await engine.containers())[0].created_at
    assert created is not None
    other = start(stub_dockerd)
    async with engine.events(since=created.timestamp() - 1) as events:
        died = await next_of(events, "die", container_id)
        assert died.exit_code == 3
        assert (await engine.exec(other, ["true"], timeout=10)).exit_code == 0
        stub_dockerd.docker("pause", other)
        async with asyncio.timeout(20):
            async for event in events:
                assert not event.action.startswith("exec")
                if event.action == "pause":
                    break
        stub_dockerd.docker("unpause", other)


async def test_a_frozen_daemon_runs_into_every_deadline(
    stub_dockerd: PrivateDockerd, engine: Engine, target: EngineTarget
) -> None:
    container_id = start(stub_dockerd)
    await engine.containers()
    acts = EngineActs(target, deadline=1)
    stub_dockerd.freeze()
    try:
        for question in (
            engine.ping(timeout=0.5),
            engine.containers(timeout=0.5),
            engine.inspect(container_id, timeout=0.5),
            engine.exec(container_id, ["true"], timeout=0.5),
        ):
            with pytest.raises(DeadlineExceeded):
                await question
        with pytest.raises(DeadlineExceeded):
            async with engine.events(timeout=0.5):
                pytest.fail("entered a frozen engine's stream")
        with pytest.raises((Unproven, Unreachable)):
            await acts.pause(container_id)
    finally:
        stub_dockerd.thaw()
    assert [row.id for row in await engine.containers(timeout=20)] == [container_id]
