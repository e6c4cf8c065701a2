"""The engine client against an engine that answers, hangs, trickles, garbles, cuts and floods."""

from __future__ import annotations

import asyncio
import fcntl
import json
import socket
import sys
import termios
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lettaops.model.engine import ContainerStatus
from lettaops.model.errors import (
    ApiError,
    Conflict,
    DeadlineExceeded,
    Denied,
    LettaopsError,
    NotFound,
    ProtocolError,
    Refused,
    Unreachable,
)
from lettaops.model.frames import LogLine
from lettaops.model.secrets import Secret
from lettaops.model.text import Safe
from lettaops.sources.engine import Engine, StatsStrategy, stats_cost
from lettaops.sources.engine.connection import Connection
from lettaops.sources.engine.explain import connect_error
from lettaops.sources.engine.wire import MAX_BODY_BYTES, MAX_REQUESTS
from lettaops.sources.target import DEFAULT_SOCKET, EngineTarget
from tests.fakes.engine import (
    CONTAINER_ID,
    VERSION,
    FakeEngine,
    Reply,
    Request,
    answer,
    cut_after,
    error,
    framed,
    hang,
    only_http_1_1,
    raw,
    stream,
    trickle,
)

INSPECT = f"/containers/{CONTAINER_ID}/json"
LOGS = f"/containers/{CONTAINER_ID}/logs"
STATS = f"/containers/{CONTAINER_ID}/stats"
SHORT = 0.2  # seconds of deadline where a test wants to see it pass


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeEngine]:
    async with FakeEngine(tmp_path / "engine.sock") as running:
        yield running


@pytest.fixture
async def engine(fake: FakeEngine) -> AsyncIterator[Engine]:
    async with Engine(fake.target) as client:
        yield client


async def read_log(engine: Engine, *, tty: bool = False, into: list[LogLine] | None = None) -> list[LogLine]:
    lines = [] if into is None else into
    async with engine.logs(CONTAINER_ID, follow=False, tail=None, timestamps=False, tty=tty) as log:
        async for batch in log:
            assert batch
            lines += batch
    return lines


# -- questions ---------------------------------------------------------------------------------


async def test_questions_are_answered_in_the_negotiated_version(fake: FakeEngine, engine: Engine) -> None:
    (row,) = await engine.containers()
    assert (row.name, row.state) == ("letta_server", ContainerStatus.RUNNING)
    assert (await engine.inspect(CONTAINER_ID)).image == "letta/letta:latest"
    assert (await engine.info()).text("Name") == "fake"
    assert [network.text("Name") for network in await engine.networks()] == ["bridge"]
    assert await engine.ping() > 0
    assert engine.version is not None
    assert (engine.version.engine, engine.version.api) == ("27.3.1", "1.47")
    versions = {request.path: request.api for request in fake.requests}
    assert versions.pop("/version") == versions.pop("/_ping") == ""
    assert set(versions.values()) == {"1.47"}
    assert len(fake.asked("/version")) == 1
    assert fake.asked("/containers/json")[0].query == {"all": "1"}
    assert fake.connections == 1


@pytest.mark.parametrize(
    ("says", "speaks"),
    [
        ({"ApiVersion": "1.41", "MinAPIVersion": "1.12"}, "1.41"),
        ({"ApiVersion": "1.99", "MinAPIVersion": "1.44"}, "1.47"),
        ({"ApiVersion": "1.43"}, "1.43"),
    ],
)
async def test_the_newest_version_that_both_speak(
    fake: FakeEngine, engine: Engine, says: dict[str, str], speaks: str
) -> None:
    fake.on("/version", answer(says))
    assert (await engine.negotiate()).api == speaks


@pytest.mark.parametrize(
    ("says", "expected", "words"),
    [
        ({"ApiVersion": "1.40", "Version": "19.03"}, Refused, "20.10"),
        ({"ApiVersion": "1.60", "MinAPIVersion": "1.52"}, Refused, "newer lettaops"),
        ({"ApiVersion": "latest"}, ProtocolError, "may not be a Docker engine"),
        ({}, ProtocolError, "may not be a Docker engine"),
        ([], ProtocolError, "may not be a Docker engine"),
    ],
)
async def test_engines_that_we_can_not_speak_with(
    fake: FakeEngine, engine: Engine, says: object, expected: type[LettaopsError], words: str
) -> None:
    fake.on("/version", answer(says))
    with pytest.raises(expected) as raised:
        await engine.containers()
    assert words in raised.value.next_step


async def test_an_engine_that_was_replaced_is_negotiated_with_again(fake: FakeEngine, engine: Engine) -> None:
    await engine.containers()

    async def older(request: Request) -> None:
        if request.api == "1.41":
            await answer([])(request)
        else:
            await error(400, "client version 1.47 is too new. Maximum supported API version is 1.41")(request)

    fake.on("/containers/json", older)
    fake.on("/version", answer(VERSION | {"ApiVersion": "1.41"}))
    assert await engine.containers() == ()


@pytest.mark.parametrize(
    ("status", "expected"),
    [(404, NotFound), (409, Conflict), (403, Denied), (500, ApiError), (400, ApiError), (301, ApiError)],
)
async def test_error_statuses_keep_the_engines_words(
    fake: FakeEngine, engine: Engine, status: int, expected: type[LettaopsError]
) -> None:
    fake.on(INSPECT, error(status, "no\x1b[2Jsuch thing"))
    with pytest.raises(expected, match="nosuch thing") as raised:
        await engine.inspect(CONTAINER_ID)
    assert raised.value.next_step
    fake.on(INSPECT, raw(b"HTTP/1.1 %d X\r\nContent-Length: 14\r\n\r\n<html>bad</htm" % status))
    with pytest.raises(expected, match="<html>bad"):
        await engine.inspect(CONTAINER_ID)


async def test_a_name_can_not_leave_its_place_in_the_path(fake: FakeEngine, engine: Engine) -> None:
    with pytest.raises(NotFound):
        await engine.inspect("../images/json?x=\r\nEvil: 1")
    assert "evil" not in fake.requests[-1].headers
    assert fake.requests[-1].path.startswith("/containers/..%2Fimages")


# -- connections -------------------------------------------------------------------------------


async def test_a_connection_that_died_unseen_is_replaced_for_questions(
    fake: FakeEngine, engine: Engine
) -> None:
    await engine.containers()

    async def drop_once(request: Request) -> None:
        fake.on("/containers/json", answer([]))
        request.writer.close()

    fake.on("/containers/json", drop_once)
    assert await engine.containers() == ()
    assert len(fake.asked("/containers/json")) == 3
    await fake.cut_connections()
    assert len(await engine.networks()) == 1


async def test_a_fresh_connection_that_dies_is_an_error(fake: FakeEngine, engine: Engine) -> None:
    fake.on("/version", cut_after())
    with pytest.raises(Unreachable, match="was cut"):
        await engine.negotiate()
    assert len(fake.asked("/version")) == 1


async def test_an_answer_that_began_is_not_asked_for_again(fake: FakeEngine, engine: Engine) -> None:
    await engine.containers()
    fake.on("/containers/json", cut_after(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{"))
    with pytest.raises(Unreachable, match="98 bytes are missing"):
        await engine.containers()
    assert len(fake.asked("/containers/json")) == 2


async def test_commands_are_never_sent_twice(fake: FakeEngine, engine: Engine) -> None:
    await engine.containers()
    fake.on(f"/containers/{CONTAINER_ID}/exec", cut_after())
    with pytest.raises(Unreachable):
        await engine.exec(CONTAINER_ID, ["true"], timeout=2)
    assert len(fake.asked(f"/containers/{CONTAINER_ID}/exec")) == 1


async def test_connections_are_few_and_ping_waits_for_none(fake: FakeEngine, engine: Engine) -> None:
    await engine.negotiate()
    fake.on(INSPECT, hang())
    waiting = [asyncio.create_task(engine.inspect(CONTAINER_ID)) for _ in range(3 * MAX_REQUESTS)]
    try:
        await until(lambda: len(fake.asked(INSPECT)) == MAX_REQUESTS)
        assert await engine.ping(timeout=1) < 1
        assert len(fake.asked(INSPECT)) == MAX_REQUESTS
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)


async def test_an_answer_of_until_the_close_is_read_whole(fake: FakeEngine, engine: Engine) -> None:
    fake.on("/containers/json", cut_after(b"HTTP/1.0 200 OK\r\n\r\n", b"[", b"]"))
    assert await engine.containers() == ()
    assert await engine.containers() == ()
    assert len({request.connection for request in fake.asked("/containers/json")}) == 2


async def test_a_connection_that_the_engine_won_t_keep_is_not_used_again(
    fake: FakeEngine, engine: Engine
) -> None:
    fake.on("/networks", raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]"))
    for _ in range(2):
        assert await engine.networks() == []
    first, second = fake.asked("/networks")
    assert first.connection != second.connection


async def test_interim_answers_are_skipped(fake: FakeEngine, engine: Engine) -> None:
    fake.on(
        "/containers/json",
        raw(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 X\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        ),
    )
    assert await engine.containers() == ()


async def test_closing_the_client_wakes_those_who_wait(fake: FakeEngine) -> None:
    engine = Engine(fake.target)
    await engine.negotiate()
    fake.on("/info", hang())
    fake.on("/events", stream(then="stay"))
    async with engine.events() as events:
        waiting = [asyncio.create_task(engine.info()), asyncio.create_task(anext(events))]
        await until(lambda: bool(fake.asked("/info")))
        await engine.aclose()
        for task in waiting:
            with pytest.raises(Unreachable):
                await asyncio.wait_for(task, 5)
    with pytest.raises(Unreachable):
        await engine.ping()


# -- faults ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        hang(),
        hang(b"HTTP/1.1 200 OK\r\n"),
        hang(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[]"),
        trickle(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 1000, 0.02),
        trickle(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\n[\r\n" * 200, 0.01),
    ],
    ids=["silent", "in head", "in body", "slow head", "slow body"],
)
async def test_every_wait_has_a_deadline(fake: FakeEngine, engine: Engine, reply: Reply) -> None:
    await engine.negotiate()
    fake.on("/containers/json", reply)
    before = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"within 0\.2 s") as raised:
        await engine.containers(timeout=SHORT)
    assert SHORT * 0.9 < time.monotonic() - before < 2
    assert "frozen or overloaded" in raised.value.next_step
    fake.on("/containers/json", answer([]))
    assert await engine.containers() == ()


async def test_negotiation_has_one_deadline_however_many_wait_for_it(
    fake: FakeEngine, engine: Engine
) -> None:
    fake.on("/version", hang())
    before = time.monotonic()
    results = await asyncio.gather(
        *(engine.containers(timeout=SHORT) for _ in range(10)), return_exceptions=True
    )
    assert time.monotonic() - before < 1
    assert {type(result) for result in results} == {DeadlineExceeded}


async def test_streams_must_begin_within_the_deadline(fake: FakeEngine, engine: Engine) -> None:
    await engine.negotiate()
    fake.on("/events", hang())
    with pytest.raises(DeadlineExceeded):
        async with engine.events(timeout=SHORT):
            pytest.fail("entered without an answer")


@pytest.mark.parametrize(
    "reply",
    [
        cut_after(b"SSH-2.0-OpenSSH_9.2p1\r\n"),
        cut_after(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull"),
        raw(b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"\xff"'),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]extra"),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        cut_after(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"[" * 200_000),
    ],
)
async def test_garbage_is_called_garbage(fake: FakeEngine, engine: Engine, reply: Reply) -> None:
    fake.on("/containers/json", reply)
    with pytest.raises(ProtocolError) as raised:
        await engine.containers()
    assert raised.value.next_step


@pytest.mark.parametrize("head", [b"Content-Length: 99999999999", b"Transfer-Encoding: chunked", b"A: b"])
async def test_a_huge_body_is_not_read(fake: FakeEngine, engine: Engine, head: bytes) -> None:
    chunk = b"[" * 65_536
    sent = 0

    async def flood(request: Request) -> None:
        nonlocal sent
        request.writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n")
        while not request.writer.is_closing():
            request.writer.write(b"10000\r\n" + chunk + b"\r\n" if head.startswith(b"T") else chunk)
            sent += len(chunk)
            await request.writer.drain()

    fake.on("/containers/json", flood)
    with pytest.raises(ProtocolError, match="larger than"):
        await engine.containers(timeout=30)
    assert sent < MAX_BODY_BYTES + 4 * 1024 * 1024


async def test_no_socket_and_nobody_behind_it(tmp_path: Path, fake: FakeEngine) -> None:
    def at(path: Path) -> EngineTarget:
        return EngineTarget(kind="unix", path=str(path), name=Safe(f"unix://{path}"), origin=Safe("default"))

    async with Engine(at(tmp_path / "missing.sock")) as engine:
        with pytest.raises(Unreachable, match="is the engine running") as raised:
            await engine.ping()
        assert "systemctl" not in raised.value.next_step
    assert "systemctl start docker" in connect_error(at(Path(DEFAULT_SOCKET)), FileNotFoundError()).next_step
    (tmp_path / "plain").touch()
    for place, what in ((tmp_path, "a directory"), (tmp_path / "plain", "a file")):
        async with Engine(at(place)) as engine:
            with pytest.raises(Unreachable, match=f"is {what}, not a socket"):
                await engine.ping()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(tmp_path / "stale.sock"))
    async with Engine(at(tmp_path / "stale.sock")) as engine:
        with pytest.raises(Unreachable, match="nothing listens"):
            await engine.ping()
    async with Engine(at(tmp_path / ("x" * 200))) as engine:
        with pytest.raises(Unreachable, match="no connection"):
            await engine.ping()


async def test_an_engine_whose_queue_is_full_runs_into_the_deadline(tmp_path: Path) -> None:
    path = str(tmp_path / "full.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        fillers = []
        try:
            while True:
                filler = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
                fillers.append(filler)
                try:
                    filler.connect(path)
                except BlockingIOError:
                    break
            target = EngineTarget(kind="unix", path=path, name=Safe("full"), origin=Safe("default"))
            async with Engine(target) as engine:
                with pytest.raises(DeadlineExceeded):
                    await engine.ping(timeout=SHORT)
        finally:
            for filler in fillers:
                filler.close()


async def test_tcp_errors_say_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        target = EngineTarget(
            kind="tcp", host="127.0.0.1", port=port, name=Safe("here"), origin=Safe("--host")
        )
        async with Engine(target) as engine:
            with pytest.raises(Unreachable, match="nothing listens"):
                await engine.ping()
    target = EngineTarget(
        kind="tcp", host="nosuch.invalid", port=1, name=Safe("there"), origin=Safe("--host")
    )
    async with Engine(target) as engine:
        with pytest.raises(Unreachable):
            await engine.ping(timeout=10)


# -- streams -----------------------------------------------------------------------------------


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

    fake.on(LOGS, flood)
    async with engine.logs(CONTAINER_ID, follow=True, tail=None, timestamps=False, tty=False) as log:
        await anext(log)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.1)
        assert sent < 4 * 1024 * 1024
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


# -- statistics' cost --------------------------------------------------------------------------


async def test_the_strategy_follows_the_second_sample(fake: FakeEngine, engine: Engine) -> None:
    sample = answer({"cpu_stats": {"cpu_usage": {"total_usage": 7}, "system_cpu_usage": 9}})
    calls = 0

    async def slow(request: Request) -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.6 if calls > 1 else 0)
        await sample(request)

    fake.on(STATS, sample)
    assert (await stats_cost(engine, CONTAINER_ID)).poll
    fake.on(STATS, slow)
    strategy = await stats_cost(engine, CONTAINER_ID)
    assert isinstance(strategy, StatsStrategy)
    assert not strategy.poll
    assert strategy.one_shot_seconds > 0.5
    fake.on(STATS, answer({"id": CONTAINER_ID}))
    with pytest.raises(Conflict):
        await stats_cost(engine, CONTAINER_ID)


# -- commands ----------------------------------------------------------------------------------


def commands(fake: FakeEngine, output: bytes, *, states: list[dict[str, object]], status: int = 101) -> None:
    async def start(request: Request) -> None:
        request.writer.write(b"HTTP/1.1 %d UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n" % status)
        request.writer.write(output)
        request.writer.close()

    async def state(request: Request) -> None:
        await answer(states.pop(0) if len(states) > 1 else states[0])(request)

    fake.on(f"/containers/{CONTAINER_ID}/exec", answer({"Id": "e1"}, 201))
    fake.on("/exec/e1/start", start)
    fake.on("/exec/e1/json", state)


async def test_a_command_is_over_when_its_status_says_so(fake: FakeEngine, engine: Engine) -> None:
    running: dict[str, object] = {"Running": True, "ExitCode": None}
    commands(
        fake,
        framed(1, b"out") + framed(2, b"err") + framed(1, b"put"),
        states=[running, running, {"Running": False, "ExitCode": 3}],
    )
    secret = Secret("hunter22")
    result = await engine.exec(
        CONTAINER_ID, ["psql"], environment={"PGPASSWORD": secret, "A": "b"}, user="postgres", timeout=5
    )
    assert (result.exit_code, result.stdout, result.stderr) == (3, b"output", b"err")
    body = json.loads(fake.asked(f"/containers/{CONTAINER_ID}/exec")[0].body)
    assert body["Env"] == ["PGPASSWORD=hunter22", "A=b"]
    assert (body["Cmd"], body["User"], body["AttachStdin"]) == (["psql"], "postgres", False)
    assert fake.asked("/exec/e1/start")[0].headers["upgrade"] == "tcp"


async def test_a_command_that_goes_on_after_its_output(fake: FakeEngine, engine: Engine) -> None:
    commands(fake, framed(1, b"out"), states=[{"Running": True}])
    with pytest.raises(DeadlineExceeded) as raised:
        await engine.exec(CONTAINER_ID, ["sleep"], timeout=SHORT)
    assert "may still run" in raised.value.not_done
    async with engine.exec_stream(CONTAINER_ID, ["sleep"]) as process:
        assert process.id == "e1"
        with pytest.raises(DeadlineExceeded, match="still runs") as raised:
            await process.exit_code(SHORT)
        assert "goes on in the container" in raised.value.not_done


async def test_a_command_that_prints_too_much(fake: FakeEngine, engine: Engine) -> None:
    commands(fake, framed(1, b"x" * 5000) * 3, states=[{"Running": False, "ExitCode": 0}])
    with pytest.raises(ProtocolError, match="more than 10000 bytes"):
        await engine.exec(CONTAINER_ID, ["yes"], timeout=5, max_output=10_000)


async def test_arguments_of_commands_are_in_no_message(fake: FakeEngine, engine: Engine) -> None:
    fake.on(f"/containers/{CONTAINER_ID}/exec", error(409, "container is paused"))
    with pytest.raises(Conflict) as raised:
        await engine.exec(CONTAINER_ID, ["sh", "-c", "the-argument"], timeout=5)
    assert "the-argument" not in raised.value.what
    assert raised.value.not_done == "nothing was run"


async def test_input_needs_a_way_through(fake: FakeEngine, engine: Engine) -> None:
    commands(fake, b"", states=[{"Running": False, "ExitCode": 0}], status=200)
    with pytest.raises(ProtocolError, match="doesn't let input through"):
        await engine.exec(CONTAINER_ID, ["cat"], stdin=b"x", timeout=5)


async def test_input_is_sent_whole_and_ended(fake: FakeEngine, engine: Engine) -> None:
    received = b""

    async def start(request: Request) -> None:
        nonlocal received
        request.writer.write(b"HTTP/1.1 101 UPGRADED\r\n\r\n")
        received = await request.reader.read(-1)
        request.writer.write(framed(1, b"%d" % len(received)))
        request.writer.close()

    commands(fake, b"", states=[{"Running": False, "ExitCode": 0}])
    fake.on("/exec/e1/start", start)
    data = bytes(range(256)) * 20_000
    result = await engine.exec(CONTAINER_ID, ["cat"], stdin=data, timeout=10)
    assert result.stdout == b"5120000"
    assert received == data


async def test_a_command_that_ends_without_reading_its_input(fake: FakeEngine, engine: Engine) -> None:
    data = b"x" * 100_000

    async def start(request: Request) -> None:
        request.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a duplex transport
        request.writer.write(b"HTTP/1.1 101 UPGRADED\r\n\r\n")
        sock = request.writer.get_extra_info("socket")
        await until(lambda: unread_bytes(sock.fileno()) == len(data))
        request.writer.write(framed(2, b"bad option\n"))
        # What is unread at the close makes the kernel reset the connection.
        request.writer.close()

    commands(fake, b"", states=[{"Running": False, "ExitCode": 2}])
    fake.on("/exec/e1/start", start)
    result = await engine.exec(CONTAINER_ID, ["pg_restore"], stdin=data, timeout=10)
    assert (result.exit_code, result.stderr) == (2, b"bad option\n")


async def test_a_command_that_ends_in_the_middle_of_its_input(fake: FakeEngine, engine: Engine) -> None:
    commands(fake, framed(2, b"bad option\n"), states=[{"Running": False, "ExitCode": 2}])
    result = await engine.exec(CONTAINER_ID, ["pg_restore"], stdin=b"x" * 10_000_000, timeout=10)
    assert (result.exit_code, result.stderr) == (2, b"bad option\n")


def unread_bytes(descriptor: int) -> int:
    return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)


async def until(condition: object, seconds: float = 5.0) -> None:
    assert callable(condition)
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 -- what is waited for has no event
            await asyncio.sleep(0.01)
