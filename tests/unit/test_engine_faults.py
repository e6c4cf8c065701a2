"""The engine client against an engine that hangs, trickles, garbles, floods or isn't there."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from lettaops.model.errors import DeadlineExceeded, ProtocolError, Unreachable
from lettaops.model.text import Safe
from lettaops.sources.choice import DEFAULT_SOCKET
from lettaops.sources.engine import Engine
from lettaops.sources.engine.explain import connect_error
from lettaops.sources.engine.wire import MAX_BODY_BYTES
from lettaops.sources.target import EngineTarget
from tests.fakes.engine import FakeEngine, Reply, Request, answer, cut_after, hang, raw, trickle

SHORT = 0.2  # seconds of deadline where a test wants to see it pass


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
    async with asyncio.timeout(10):
        with pytest.raises(DeadlineExceeded, match=r"within 0\.2 s") as raised:
            await engine.containers(timeout=SHORT)
    assert "frozen or overloaded" in raised.value.next_step
    fake.on("/containers/json", answer([]))
    assert await engine.containers() == ()


async def test_negotiation_has_one_deadline_however_many_wait_for_it(
    fake: FakeEngine, engine: Engine
) -> None:
    fake.on("/version", hang())
    results = await asyncio.gather(
        *(engine.containers(timeout=SHORT) for _ in range(10)), return_exceptions=True
    )
    assert {type(result) for result in results} == {DeadlineExceeded}
    assert len(fake.asked("/version")) == 1


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
