"""A container's log: streams, tail, times, terminals, long lines, following."""

import asyncio
import socket

from lettaops.model.frames import STDERR, STDOUT, FrameDecoder, LogLine
from lettaops.sources.engine import Engine
from lettaops.sources.engine_acts import EngineActs
from tests.contract.differences import Difference
from tests.contract.lab import STAYS, Lab, client_of, one, target_of
from tests.contract.reading import SECONDS, logged, printed, until_ended


async def test_streams_are_kept_apart_and_the_tail_is_the_end(lab: Lab) -> None:
    container_id = one(lab, script="echo wrong >&2; sleep 0.2; seq 5; printf end")
    async with Engine(target_of(lab)) as engine:
        await until_ended(engine, container_id)
        lines = await logged(engine, container_id)
        printed = [b"1", b"2", b"3", b"4", b"5", b"end"]
        assert [line.data for line in lines if line.stream == STDOUT] == printed
        assert [line.data for line in lines if line.stream == STDERR] == [b"wrong"]
        assert [line.data for line in await logged(engine, container_id, tail=2)] == printed[-2:]
        assert await logged(engine, container_id, tail=0) == []
        assert len(await logged(engine, container_id, tail=1000)) == 7
    with client_of(lab) as client:
        assert client.api.logs(container_id, stdout=True, stderr=False) == b"1\n2\n3\n4\n5\nend"
        assert client.api.logs(container_id, stdout=False, stderr=True) == b"wrong\n"


async def test_times_of_lines(lab: Lab) -> None:
    container_id = one(lab, script="echo before; sleep 1.2; echo after")
    async with Engine(target_of(lab)) as engine:
        await until_ended(engine, container_id)
        stamped = await logged(engine, container_id, timestamps=True)
        assert [line.data[31:] for line in stamped] == [b"before", b"after"]
        assert all(line.data[:2] == b"20" and line.data[29:31] == b"Z " for line in stamped)
        started = (await engine.inspect(container_id)).state.started_at
        assert started is not None
        since = started.timestamp() + 0.6
        assert [line.data for line in await logged(engine, container_id, since=since)] == [b"after"]
        with client_of(lab) as client:
            until = int(since + 0.5)
            early = client.api.logs(container_id, until=until, stdout=True, stderr=True)
            assert early in (b"before\n", b"")  # whole seconds: the first line may be just behind it


async def test_a_terminal(lab: Lab) -> None:
    container_id = one(lab, script="test -t 1 && echo out; echo err >&2", tty=True)
    async with Engine(target_of(lab)) as engine:
        await until_ended(engine, container_id)
        container = await engine.inspect(container_id)
        assert container.tty
        lines = await logged(engine, container_id, tty=True)
        assert lines == [LogLine(STDOUT, b"out"), LogLine(STDOUT, b"err")]


async def test_a_line_of_a_megabyte(lab: Lab) -> None:
    container_id = one(lab, script="head -c 1000000 /dev/zero | tr '\\0' x; echo; echo next")
    async with Engine(target_of(lab)) as engine:
        await until_ended(engine, container_id)
        for timestamps in (False, True):
            long, following = await logged(engine, container_id, timestamps=timestamps)
            stamp = 31 if timestamps else 0
            assert len(long.data) == 16 * 1024
            assert len(long.data) + long.dropped == 1_000_000 + stamp
            assert following.data[stamp:] == b"next"


async def test_random_bytes(lab: Lab) -> None:
    container_id = one(lab, script="head -c 300000 /dev/urandom; echo; echo last")
    async with Engine(target_of(lab)) as engine:
        await until_ended(engine, container_id)
        lines = await logged(engine, container_id)
        assert lines[-1].data == b"last"
        size = sum(len(line.data) + line.dropped + 1 for line in lines)
        if lab.differs(Difference.BARE_BYTES):
            assert size == 300_001 + len("last\n")
        else:
            assert size > 400_000
            assert b"\xef\xbf\xbd" in lines[0].data


async def test_following_goes_on_and_ends_with_the_container(lab: Lab) -> None:
    container_id = one(lab, script=f"trap 'echo more' USR1; echo first; {STAYS}")
    acts = EngineActs(target_of(lab))
    async with (
        asyncio.timeout(SECONDS),
        Engine(target_of(lab)) as engine,
        engine.logs(container_id, follow=True, tail=None, timestamps=False, tty=False) as log,
    ):
        assert (await anext(log))[0].data == b"first"
        await acts.kill(container_id, "SIGUSR1")
        assert (await anext(log))[0].data == b"more"
        await acts.kill(container_id)
        assert [batch async for batch in log] == []


async def test_many_lines_come_whole_and_in_order(lab: Lab) -> None:
    container_id = one(lab, script=f"seq 20000; {STAYS}")
    async with (
        asyncio.timeout(30),
        Engine(target_of(lab)) as engine,
        engine.logs(container_id, follow=True, tail=None, timestamps=False, tty=False) as log,
    ):
        numbers: list[bytes] = []
        while len(numbers) < 20_000:
            numbers += [line.data for line in await anext(log)]
        assert numbers == [b"%d" % number for number in range(1, 20_001)]
        tail = await logged(engine, container_id, tail=700)
        assert [line.data for line in tail] == numbers[-700:]


async def test_the_log_goes_on_over_a_restart(lab: Lab) -> None:
    container_id = one(lab, script=f"echo up; {STAYS}")
    async with Engine(target_of(lab)) as engine:
        await printed(engine, container_id)
        await EngineActs(target_of(lab)).restart(container_id, timeout_s=5)
        async with (
            asyncio.timeout(SECONDS),
            engine.logs(container_id, follow=True, tail=None, timestamps=False, tty=False) as log,
        ):
            lines = await anext(log)
            while len(lines) < 2:
                lines += await anext(log)
        assert [line.data for line in lines] == [b"up", b"up"]


def test_attaching_to_what_is_printed(lab: Lab) -> None:
    container_id = one(lab, script="echo early; while :; do echo tick; sleep 0.05; done")
    path = f"/containers/{container_id}/attach?logs=1&stream=1&stdout=1&stderr=1"
    with socket.socket(socket.AF_UNIX) as connection, client_of(lab) as client:
        connection.settimeout(SECONDS)
        connection.connect(lab.host.removeprefix("unix://"))
        head = "Host: engine\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0"
        connection.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\n\r\n".encode())
        received = b""
        while received.count(b"tick\n") < 3:
            received += connection.recv(4096)
        client.api.kill(container_id)
        while piece := connection.recv(4096):
            received += piece
    answer, _, stream = received.partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 101 UPGRADED\r\n")
    decoder = FrameDecoder()
    lines = b"".join(payload for _, payload in decoder.feed(stream)).splitlines()
    decoder.end()
    assert lines[:2] == [b"early", b"tick"]
    assert set(lines[2:]) == {b"tick"}
