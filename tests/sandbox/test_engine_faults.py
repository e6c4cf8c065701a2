"""The switches of the sandbox's engine, as its clients see them."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from lettaops.model.errors import ApiError, DeadlineExceeded, LettaopsError, ProtocolError, Unreachable
from lettaops.model.frames import LogLine
from lettaops.sandbox.engine import Command, Fault, Switches
from lettaops.sources.engine import Engine
from tests.contract.lab import ROOT, SandboxLab, Wanted, target_of

LIST = "GET /containers/json"
LOGS = "GET /containers/*/logs"


@pytest.fixture
def lab() -> Iterator[SandboxLab]:
    made = SandboxLab()
    try:
        made.make(Wanted(name="one", script="seq 1000; sleep 1000"))
        yield made
    finally:
        made.close()


@pytest.fixture
def switches(lab: SandboxLab) -> Switches:
    return lab.switches


@pytest.fixture
async def engine(lab: SandboxLab) -> AsyncIterator[Engine]:
    async with Engine(target_of(lab), timeout=10) as client:
        await client.negotiate()
        yield client


async def test_silence(switches: Switches, engine: Engine) -> None:
    with switches.failing(Fault(kind="hang", endpoint=LIST)):
        with pytest.raises(DeadlineExceeded):
            await engine.containers(timeout=0.3)
        assert await engine.ping() >= 0, "the other endpoints answer"
    assert len(await engine.containers()) == 1


async def test_silence_within_an_answer(switches: Switches, engine: Engine) -> None:
    fault = Fault(kind="hang", endpoint=LIST, after_bytes=40)
    with switches.failing(fault), pytest.raises(DeadlineExceeded):
        await engine.containers(timeout=0.3)


async def test_all_endpoints_at_once(switches: Switches, engine: Engine) -> None:
    with switches.failing(Fault(kind="error", status=503, message="out of order")):
        for question in (engine.ping(), engine.containers(), engine.info()):
            with pytest.raises(ApiError, match="out of order") as raised:
                await question
            assert raised.value.status == 503


async def test_a_number_of_times(switches: Switches, engine: Engine) -> None:
    switches.send(Command(inject=Fault(kind="error", endpoint=LIST, times=2)))
    for _ in range(2):
        with pytest.raises(ApiError):
            await engine.containers()
    assert len(await engine.containers()) == 1


async def test_late_answers(switches: Switches, engine: Engine) -> None:
    with switches.failing(Fault(kind="slow", endpoint=LIST, delay_ms=400)):
        with pytest.raises(DeadlineExceeded):
            await engine.containers(timeout=0.2)
        assert len(await engine.containers(timeout=10)) == 1


async def test_a_trickle(switches: Switches, engine: Engine) -> None:
    slow = Fault(kind="trickle", endpoint=LIST, bytes_per_second=200)
    with switches.failing(slow), pytest.raises(DeadlineExceeded):
        await engine.containers(timeout=0.5)
    with switches.failing(Fault(kind="trickle", endpoint=LIST, bytes_per_second=20_000)):
        assert len(await engine.containers()) == 1


@pytest.mark.parametrize("kind", ["garbage", "not-json"])
async def test_what_is_no_engines_answer(switches: Switches, engine: Engine, kind: str) -> None:
    fault = Fault(kind="garbage" if kind == "garbage" else "not-json", endpoint=LIST)
    with switches.failing(fault), pytest.raises(ProtocolError):
        await engine.containers()


async def test_a_log_that_is_cut_within_a_frame(lab: SandboxLab, switches: Switches, engine: Engine) -> None:
    read: list[LogLine] = []

    async def follow() -> None:
        container_id = lab.containers["one"].id
        async with engine.logs(container_id, follow=True, tail=None, timestamps=False, tty=False) as log:
            async for lines in log:
                read.extend(lines)

    fault = Fault(kind="cut", endpoint=LOGS, after_bytes=1000)  # lines 1 to 9 are frames of 10 bytes, then 11
    with switches.failing(fault), pytest.raises(Unreachable, match="inside a frame"):
        await follow()
    assert [line.data for line in read] == [b"%d" % number for number in range(1, 92)]


async def test_every_connection_cut(switches: Switches, engine: Engine) -> None:
    async with engine.events() as events:
        await asyncio.to_thread(switches.send, Command(cut=True))
        async with asyncio.timeout(10):
            with pytest.raises((Unreachable, StopAsyncIteration)):
                await anext(events)
    assert len(await engine.containers()) == 1


async def test_an_engine_that_vanishes_and_comes_back(lab: SandboxLab, engine: Engine) -> None:
    socket = Path(lab.host.removeprefix("unix://"))
    container_id = lab.containers["one"].id
    before = await engine.inspect(container_id)
    async with engine.events() as events:
        await asyncio.to_thread(lab.switches.send, Command(vanish=True))
        async with asyncio.timeout(10):
            with pytest.raises((Unreachable, StopAsyncIteration)):
                await anext(events)
    assert not socket.exists()
    with pytest.raises(Unreachable, match="no socket"):
        await engine.ping()
    await asyncio.to_thread(lab.switches.send, Command(appear=True))
    after = await engine.inspect(container_id)
    assert after.state == before.state, "its containers went on"
    await asyncio.to_thread(lab.switches.send, Command(restart=0.1))
    assert (await engine.inspect(container_id)).state.pid == before.state.pid


def test_commands_that_make_no_sense(lab: SandboxLab) -> None:
    with pytest.raises(LettaopsError, match="Invalid enum value"):
        lab.switches.send(Command(inject=Fault(kind="explode")))  # type: ignore[arg-type] # on purpose
    lab.switches.send(Command(clear="*"))


def test_switches_by_hand(lab: SandboxLab) -> None:
    def turn(command: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "lettaops.sandbox.engine.switch", str(lab.switches.path), command]
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)

    socket = Path(lab.host.removeprefix("unix://"))
    assert turn('{"vanish": true}').returncode == 0
    assert not socket.exists()
    assert turn('{"appear": true}').returncode == 0
    assert socket.exists()
    refused = turn('{"inject": {"kind": "explode"}}')
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "explode" in refused.stderr
