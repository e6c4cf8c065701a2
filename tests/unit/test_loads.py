"""What containers use when their control groups can't be read: the engine's streams, over a real socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
import pytest

from lettaops.model.stack import Stack
from lettaops.monitor import loads as loads_module
from lettaops.monitor.loads import MOST_STREAMS, Loads
from lettaops.monitor.snapshot import Load, LoadOrigin
from lettaops.sources.cgroup import counters
from lettaops.sources.engine import Engine
from tests.fakes.engine import FakeEngine, Reply, Request, answer, error, hang, stream
from tests.unit import build

PATIENCE = 10.0
SECOND = 1_000_000_000
MIB = 1 << 20
SERVER = build.server()
DB = build.database()
STACK = build.stack_of(SERVER, DB)


def document(number: int, *, stopped: bool = False) -> dict[str, object]:
    """Sample `number` of a container that uses half a core, holds 80 MiB and receives 1 MiB a second."""
    read = (datetime(2026, 11, 22, tzinfo=UTC) + timedelta(seconds=number)).isoformat()
    if stopped:
        return {"read": "0001-01-01T00:00:00Z", "name": "/x", "id": "x", "cpu_stats": {}, "memory_stats": {}}
    return {
        "read": read.replace("+00:00", "Z"),
        "cpu_stats": {
            "cpu_usage": {"total_usage": number * SECOND // 2},
            "system_cpu_usage": number * SECOND * 4,
            "online_cpus": 4,
        },
        "memory_stats": {"usage": 100 * MIB, "limit": 512 * MIB, "stats": {"total_inactive_file": 20 * MIB}},
        "networks": {"eth0": {"rx_bytes": number * MIB, "tx_bytes": number * 1024}},
    }


def lines(*documents: dict[str, object]) -> bytes:
    return b"".join(json.dumps(each).encode() + b"\n" for each in documents)


def path(container_id: str) -> str:
    return f"/containers/{container_id}/stats"


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeEngine]:
    async with FakeEngine(tmp_path / "engine.sock") as running:
        yield running


@pytest.fixture
async def loads(fake: FakeEngine) -> AsyncIterator[Loads]:
    """Loads that follow the engine, as a dashboard has them."""
    async with Engine(fake.target) as engine:
        found = Loads(engine)
        task = asyncio.create_task(found.run())
        yield found
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        found.close()


@pytest.fixture
async def alone(fake: FakeEngine) -> AsyncIterator[Loads]:
    """Loads of a single look."""
    async with Engine(fake.target) as engine:
        yield Loads(engine)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.005)


def of(loads: Loads, container_id: str) -> Load:
    return loads.current.get(container_id, Load())


async def test_a_container_that_can_not_be_read_here_is_streamed(fake: FakeEngine, loads: Loads) -> None:
    fake.on(path(SERVER.id), stream(lines(document(1)), lines(document(2)), then="stay"))
    loads.sample(STACK)
    await until(lambda: of(loads, SERVER.id).cpu_percent is not None)
    assert of(loads, SERVER.id) == Load(
        origin=LoadOrigin.ENGINE,
        cpu_percent=50.0,
        memory_bytes=80 * MIB,
        memory_limit_bytes=512 * MIB,
        received_rate=MIB,
        sent_rate=1024.0,
    )
    assert fake.asked(path(SERVER.id))[0].query["stream"] == "1"


async def test_the_first_sample_tells_no_share_of_the_cpu(fake: FakeEngine, loads: Loads) -> None:
    fake.on(path(SERVER.id), stream(lines(document(1)), then="stay"))
    loads.sample(STACK)
    await until(lambda: of(loads, SERVER.id).memory_bytes)
    found = of(loads, SERVER.id)
    assert (found.cpu_percent, found.received_rate, found.sent_rate) == (None, None, None)


async def test_a_stream_that_ended_begins_anew_and_a_gap_is_no_share(fake: FakeEngine, loads: Loads) -> None:
    fake.on(path(SERVER.id), stream(lines(document(1), document(2))))
    loads.sample(STACK)
    await until(lambda: len(fake.asked(path(SERVER.id))) == 1)
    fake.on(path(SERVER.id), stream(lines(document(9)), then="stay"))
    await until(lambda: len(fake.asked(path(SERVER.id))) == 2 and of(loads, SERVER.id).memory_bytes)
    assert of(loads, SERVER.id).cpu_percent is None


async def test_a_stopped_container_uses_nothing_that_is_known(fake: FakeEngine, loads: Loads) -> None:
    going = asyncio.Event()

    async def stop_later(request: Request) -> None:
        request.writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + lines(document(1), document(2)))
        await going.wait()
        request.writer.write(lines(document(3, stopped=True)))
        await request.reader.read()

    fake.on(path(SERVER.id), stop_later)
    loads.sample(STACK)
    await until(lambda: SERVER.id in loads.current)
    going.set()
    await until(lambda: SERVER.id not in loads.current)


async def test_old_samples_say_nothing_of_now(
    fake: FakeEngine, loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loads_module, "FRESH_SECONDS", 0.3)
    fake.on(path(SERVER.id), stream(lines(document(1), document(2)), then="stay"))
    loads.sample(STACK)
    await until(lambda: SERVER.id in loads.current)
    await until(lambda: SERVER.id not in loads.current)


async def test_only_running_members_are_streamed_and_not_too_many(fake: FakeEngine, loads: Loads) -> None:
    many = [build.sidecar(f"side-{number}", service=f"side-{number}") for number in range(MOST_STREAMS + 5)]
    stopped = build.database(state=build.exited(1))
    stack = build.stack_of(build.server(), *many, stopped)
    for each in stack.members:
        fake.on(path(each.container.id), stream(lines(document(1)), then="stay"))
    loads.sample(stack)
    await until(lambda: len(loads.current) == MOST_STREAMS)
    asked = {request.path for request in fake.requests if request.path.endswith("/stats")}
    assert len(asked) == MOST_STREAMS
    assert path(SERVER.id) in asked
    assert path(stopped.id) not in asked


async def test_a_container_that_left_is_let_go(fake: FakeEngine, loads: Loads) -> None:
    ended = asyncio.Event()

    async def until_left(request: Request) -> None:
        request.writer.write(b"HTTP/1.0 200 OK\r\n\r\n" + lines(document(1)))
        await request.reader.read()
        ended.set()

    fake.on(path(SERVER.id), stream(lines(document(1)), then="stay"))
    fake.on(path(DB.id), until_left)
    loads.sample(STACK)
    await until(lambda: len(loads.current) == 2)
    loads.sample(build.stack_of(SERVER))
    async with asyncio.timeout(PATIENCE):
        await ended.wait()
    assert set(loads.current) == {SERVER.id}


@pytest.mark.parametrize("reply", [error(500, "no"), error(403, "denied"), hang(), stream(b"garbage\n")])
async def test_one_that_fails_harms_no_other(fake: FakeEngine, loads: Loads, reply: Reply) -> None:
    fake.on(path(DB.id), reply)
    fake.on(path(SERVER.id), stream(lines(document(1), document(2)), then="stay"))
    loads.sample(STACK)
    await until(lambda: of(loads, SERVER.id).cpu_percent is not None)
    assert DB.id not in loads.current


async def test_attempts_get_rarer(fake: FakeEngine, loads: Loads, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[int] = []

    def pause(attempts: int, *, limit: float) -> float:
        pauses.append(attempts)
        assert limit > 10
        return 0.0

    monkeypatch.setattr(loads_module, "backoff", pause)
    fake.on(path(SERVER.id), error(500, "no"))
    loads.sample(build.stack_of(SERVER))
    await until(lambda: len(pauses) > 3)
    assert pauses[:3] == [1, 2, 3]


# -- one look ----------------------------------------------------------------------------------


def counting() -> Reply:
    """A quick engine: each question gets the next sample."""
    asked: dict[str, int] = {}

    async def reply(request: Request) -> None:
        number = asked[request.path] = asked.get(request.path, 0) + 1
        await answer(document(number))(request)

    return reply


async def test_a_quick_engine_is_asked_once_more(fake: FakeEngine, alone: Loads) -> None:
    reply = counting()
    for each in STACK.members:
        fake.on(path(each.container.id), reply)
    alone.sample(STACK)
    await alone.once()
    alone.sample(STACK)
    for each in STACK.members:
        found = of(alone, each.container.id)
        assert (found.cpu_percent, found.memory_bytes) == (50.0, 80 * MIB)
        assert found.origin is LoadOrigin.ENGINE
    assert {request.query["one-shot"] for request in fake.asked(path(DB.id))} == {"1"}


async def test_a_slow_engine_leaves_them_unknown(
    fake: FakeEngine, alone: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loads_module, "ONE_SHOT_SECONDS", 0.1)
    first = counting()

    async def slow(request: Request) -> None:
        """Quick at the first question only, as engines before 23.0 are."""
        if len(fake.asked(request.path)) > 1:
            await hang()(request)
        await first(request)

    for each in STACK.members:
        fake.on(path(each.container.id), slow)
    alone.sample(STACK)
    async with asyncio.timeout(PATIENCE):
        await alone.once()
    assert alone.current == {}
    assert len([request for request in fake.requests if request.path.endswith("/stats")]) == 2


async def test_an_engine_that_refuses_leaves_them_unknown(fake: FakeEngine, alone: Loads) -> None:
    alone.sample(STACK)
    await alone.once()
    assert alone.current == {}


# -- control groups ----------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Stack, int], None]:
    """Puts the control groups of a stack's containers on this machine, with a CPU time in seconds."""
    proc, root = tmp_path / "proc", tmp_path / "cg"
    monkeypatch.setattr(loads_module, "counters", partial(counters, proc=proc, root=root))

    def put(stack: Stack, seconds: int) -> None:
        (root / "x").mkdir(parents=True, exist_ok=True)
        (root / "cgroup.controllers").write_text("cpu memory")
        for each in stack.members:
            pid, name = each.container.state.pid, each.container.id
            (proc / str(pid)).mkdir(parents=True, exist_ok=True)
            (proc / str(pid) / "cgroup").write_text(f"0::/{name}\n")
            (root / name).mkdir(exist_ok=True)
            (root / name / "cpu.stat").write_text(f"usage_usec {seconds * 1_000_000}\n")
            (root / name / "memory.current").write_text(f"{100 * MIB}\n")
            (root / name / "memory.max").write_text("max\n")
            (root / name / "memory.stat").write_text(f"inactive_file {20 * MIB}\n")

    return put


def with_pid(stack: Stack, pid: int) -> Stack:
    """The same stack, its only container running as another process."""
    (member,) = stack.members
    state = msgspec.structs.replace(member.container.state, pid=pid)
    container = msgspec.structs.replace(member.container, state=state)
    return msgspec.structs.replace(stack, members=(msgspec.structs.replace(member, container=container),))


async def test_control_groups_need_no_engine(
    fake: FakeEngine, alone: Loads, here: Callable[[Stack, int], None]
) -> None:
    stack = build.stack_of(SERVER)
    here(stack, 5)
    alone.sample(stack)
    first = of(alone, SERVER.id)
    assert (first.cpu_percent, first.memory_bytes) == (None, 80 * MIB)
    assert first.origin is LoadOrigin.CONTROL_GROUP
    here(stack, 6)
    alone.sample(stack)
    assert (of(alone, SERVER.id).cpu_percent or 0) > 0
    await alone.once()
    assert fake.requests == []
    alone.close()


async def test_a_container_that_started_again_is_read_in_its_new_process(
    alone: Loads, here: Callable[[Stack, int], None]
) -> None:
    before, after = with_pid(build.stack_of(SERVER), 100), with_pid(build.stack_of(SERVER), 200)
    here(before, 50)
    alone.sample(before)
    here(after, 1)
    alone.sample(after)
    found = of(alone, SERVER.id)
    assert found.memory_bytes == 80 * MIB
    assert found.cpu_percent is None  # its counters began anew: less than before is no share
    alone.close()


async def test_a_control_group_that_comes_and_goes(
    fake: FakeEngine, loads: Loads, here: Callable[[Stack, int], None], tmp_path: Path
) -> None:
    stack = build.stack_of(SERVER)
    fake.on(path(SERVER.id), stream(lines(document(1), document(2)), then="stay"))
    here(stack, 5)
    loads.sample(stack)
    assert of(loads, SERVER.id).origin is LoadOrigin.CONTROL_GROUP
    (tmp_path / "cg" / SERVER.id / "memory.current").write_text("")
    loads.sample(stack)
    await until(lambda: of(loads, SERVER.id).origin is LoadOrigin.ENGINE)
    changed = with_pid(stack, 300)
    here(changed, 1)
    loads.sample(changed)
    assert of(loads, SERVER.id).origin is LoadOrigin.CONTROL_GROUP
