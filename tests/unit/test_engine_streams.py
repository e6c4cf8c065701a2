"""Events, logs and statistics of an engine: streams that go on, end, are cut or garbled."""

from __future__ import annotations

import asyncio
import json
import select
import socket
from pathlib import Path

import pytest

from lettaops.model.errors import ApiError, DeadlineExceeded, ProtocolError, Unreachable
from lettaops.model.frames import LogLine
from lettaops.model.text import Safe
from lettaops.sources.engine import Engine
from lettaops.sources.engine.connection import Connection
from lettaops.sources.target import EngineTarget
from tests.fakes.engine import CONTAINER_ID, FakeEngine, Request, error, framed, only_http_1_1, stream
from tests.waiting import until

LOGS = f"/containers/{CONTAINER_ID}/logs"
STATS = f"/containers/{CONTAINER_ID}/stats"
SHORT = 0.2  # seconds of deadline where a test wants to see it pass


async def read_log(engine: Engine, *, tty: bool = False, into: list[LogLine] | None = None) -> list[LogLine]:
    lines = [] if into is None else into
    async with engine.logs(CONTAINER_ID, follow=False, tail=None, timestamps=False, tty=tty) as log:
        async for batch in log:
            assert batch
            lines += batch
    return lines


def document(**fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\n"


async def test_events_come_without_the_noise_of_healthchecks(fake: FakeEngine, engine: Engine) -> None:
    die = document(
        Type="container", Action="die", Actor={"ID": CONTAINER_ID, "Attributes": {"exitCode": "137"}}
    )
    noise = document(Type="container", Action="exec_create: /bin/sh -c pg_isready")
    health = document(Type="container", Action="health_status: unhealthy", timeNano=5)
    fake.on("/events", stream(noise, die[:30], die[30:] + noise + health[:5], health[5:]))
    async with engine.events(since=1.5) as events:
        found = [event async for event in events]
    assert [(event.action, event.detail) for event in found] == [("die", ""), ("health_status", "unhealthy")]
    assert found[0].exit_code == 137
    assert fake.asked("/events")[0].query == {"since": "1.500000000"}
    assert fake.asked("/events")[0].http == "HTTP/1.0"


async def test_entering_means_live(fake: FakeEngine, engine: Engine) -> None:
    fake.on("/events", stream(then="stay"))
    async with engine.events() as events:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), SHORT)


async def test_leaving_a_stream_closes_its_connection(fake: FakeEngine, engine: Engine) -> None:
    ended = asyncio.Event()

    async def watch(request: Request) -> None:
        request.writer.write(b"HTTP/1.0 200 OK\r\n\r\n")
        await request.writer.drain()
        await request.reader.read()
        ended.set()

    fake.on("/events", watch)
    async with engine.events():
        assert not ended.is_set()
    await asyncio.wait_for(ended.wait(), 5)


@pytest.mark.parametrize("status", [400, 426, 505])
async def test_a_proxy_that_refuses_http_1_0_gets_1_1_from_then_on(
    fake: FakeEngine, engine: Engine, status: int
) -> None:
    lines = [framed(1, b"line %d\n" % number) for number in range(50)]
    fake.on(LOGS, only_http_1_1(stream(*lines), status))
    for _ in range(2):
        assert [line.data for line in await read_log(engine)] == [b"line %d" % number for number in range(50)]
    assert [request.http for request in fake.asked(LOGS)] == ["HTTP/1.0", "HTTP/1.1", "HTTP/1.1"]


async def test_a_400_of_the_engine_itself_is_reported(fake: FakeEngine, engine: Engine) -> None:
    fake.on(LOGS, error(400, "bad parameters"))
    with pytest.raises(ApiError, match="bad parameters"):
        await read_log(engine)
    fake.on(LOGS, stream(framed(1, b"a\n")))
    await read_log(engine)
    assert fake.asked(LOGS)[-1].http == "HTTP/1.0"


async def test_log_lines_of_both_streams(fake: FakeEngine, engine: Engine) -> None:
    whole = framed(1, b"out\n") + framed(2, b"err\n") + framed(1, b"half") + framed(1, b" line\nrest")
    fake.on(LOGS, stream(*(whole[at : at + 3] for at in range(0, len(whole), 3))))
    assert await read_log(engine) == [
        LogLine(1, b"out"),
        LogLine(2, b"err"),
        LogLine(1, b"half line"),
        LogLine(1, b"rest"),
    ]
    assert fake.asked(LOGS)[0].query == {
        "follow": "0",
        "stdout": "1",
        "stderr": "1",
        "timestamps": "0",
        "tail": "all",
    }


async def test_a_terminals_log_where_frames_were_expected(fake: FakeEngine, engine: Engine) -> None:
    fake.on(LOGS, stream(b"plain text\r\n"))
    with pytest.raises(ProtocolError, match="no frame header") as raised:
        await read_log(engine)
    assert "inspect the container again" in raised.value.next_step
    assert await read_log(engine, tty=True) == [LogLine(1, b"plain text")]


async def test_a_log_that_is_cut(fake: FakeEngine, engine: Engine) -> None:
    fake.on(LOGS, stream(framed(1, b"a\n"), framed(1, b"b\n")[:9], then="cut"))
    seen: list[LogLine] = []
    with pytest.raises(Unreachable, match="cut inside a frame"):
        await read_log(engine, into=seen)
    assert seen == [LogLine(1, b"a")]


async def test_a_chunked_log_that_is_cut(fake: FakeEngine, engine: Engine) -> None:
    fake.on(LOGS, only_http_1_1(stream(framed(1, b"a\n"), then="cut"), 505))
    with pytest.raises(Unreachable, match="last chunk is missing"):
        await read_log(engine)


async def test_a_log_that_the_engine_gives_up(fake: FakeEngine, engine: Engine) -> None:
    fake.on(LOGS, stream(framed(1, b"a\n"), framed(3, b"Error grabbing logs: \x1b]0;x\x07bad file\n")))
    seen: list[LogLine] = []
    with pytest.raises(ApiError, match="Error grabbing logs: bad file"):
        await read_log(engine, into=seen)
    assert seen == [LogLine(1, b"a")]


async def test_a_log_without_a_reader_holds_the_engine_back(fake: FakeEngine, engine: Engine) -> None:
    sent = 0

    async def flood(request: Request) -> None:
        nonlocal sent
        request.writer.write(b"HTTP/1.0 200 OK\r\n\r\n")
        block = framed(1, b"x" * 1023 + b"\n") * 64
        while not request.writer.is_closing():
            request.writer.write(block)
            await request.writer.drain()
            sent += len(block)

    def held_back() -> bool:
        """Whether the engine has more to send, and the kernel takes none of it."""
        (request,) = fake.asked(LOGS)
        transport = request.writer.transport
        ready = select.select([], [transport.get_extra_info("socket").fileno()], [], 0)[1]
        return transport.get_write_buffer_size() > 0 and not ready

    fake.on(LOGS, flood)
    async with engine.logs(CONTAINER_ID, follow=True, tail=None, timestamps=False, tty=False) as log:
        await anext(log)
        await until(held_back)
        before = sent
        assert before < 4 * 1024 * 1024
        async with asyncio.timeout(10):
            while sent == before:
                await anext(log)


async def test_a_flood_lets_others_have_their_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The bytes are all there before the first read, and each read takes one: none has to wait.
    monkeypatch.setattr("lettaops.sources.engine.connection._READ_BYTES", 1)
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(b"x" * 50_000)
        ours.setblocking(False)
        target = EngineTarget(kind="unix", path="", name=Safe("pair"), origin=Safe("--host"))
        connection = Connection(target, ours)
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        try:
            for _ in range(50_000):
                assert await connection.receive() == b"x"
        finally:
            counting.cancel()
            connection.close()
    assert turns > 3


async def test_statistics_that_stop_coming(
    fake: FakeEngine, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lettaops.sources.engine.client.STATS_SILENCE_SECONDS", SHORT)
    sample = document(cpu_stats={"cpu_usage": {"total_usage": 7}, "system_cpu_usage": 9})
    fake.on(STATS, stream(sample, then="stay"))
    async with engine.stats_stream(CONTAINER_ID) as samples:
        assert (await anext(samples)).cpu_ns == 7
        with pytest.raises(DeadlineExceeded):
            await anext(samples)


@pytest.mark.parametrize("garbage", [b"{broken\n", b"\xff\n", b"[" * 100_000 + b"\n"])
async def test_a_stream_of_documents_that_is_garbled(
    fake: FakeEngine, engine: Engine, garbage: bytes
) -> None:
    fake.on("/events", stream(document(Type="container", Action="start"), garbage))
    async with engine.events() as events:
        assert (await anext(events)).action == "start"
        for _ in range(2):
            with pytest.raises(ProtocolError):
                await anext(events)


async def test_a_document_without_an_end_is_not_collected(fake: FakeEngine, engine: Engine) -> None:
    fake.on("/events", stream(b'{"a":"' + b"x" * (5 * 1024 * 1024), then="stay"))
    async with engine.events() as events:
        with pytest.raises(ProtocolError, match="larger than"):
            await anext(events)
