"""Acts on containers: their effect, what is told of them, and when they are refused."""

import asyncio
import time
from datetime import datetime
from itertools import pairwise

import pytest

from lettaops.model.engine import ContainerStatus
from lettaops.model.errors import ApiError, Conflict
from lettaops.model.frames import LogLine
from lettaops.sources.engine import Engine
from lettaops.sources.engine_acts import EngineActs
from tests.contract.differences import Difference
from tests.contract.lab import STAYS, Lab, client_of, one, target_of
from tests.contract.reading import SECONDS, actions, logged, printed, seen, until_ended

TICKS = "while :; do echo tick; sleep 0.05; done"
READY = STAYS.replace("; ", "; echo up; ", 1)  # once it has its handler


async def status(engine: Engine, container_id: str) -> ContainerStatus:
    return (await engine.inspect(container_id)).state.status


async def test_each_act_and_what_is_told_of_it(lab: Lab) -> None:
    container_id = one(lab, script=READY)
    acts = EngineActs(target_of(lab))
    async with Engine(target_of(lab)) as engine, engine.events() as events:
        await printed(engine, container_id)
        first = (await engine.inspect(container_id)).state
        await acts.pause(container_id)
        assert await status(engine, container_id) is ContainerStatus.PAUSED
        await acts.unpause(container_id)
        assert await status(engine, container_id) is ContainerStatus.RUNNING
        await acts.restart(container_id, timeout_s=5)
        second = (await engine.inspect(container_id)).state
        assert second.started_at != first.started_at
        assert second.pid != first.pid
        await printed(engine, container_id, 2)
        await acts.stop(container_id, timeout_s=5)
        stopped = (await engine.inspect(container_id)).state
        assert (stopped.status, stopped.exit_code) == (ContainerStatus.EXITED, 0)
        await acts.start(container_id)
        assert await status(engine, container_id) is ContainerStatus.RUNNING
        await acts.kill(container_id)
        told = ["pause", "unpause", "kill", "die", "stop", "start", "restart", "kill", "die", "stop"]
        found = await actions(events, container_id, "restart")
        found += await actions(events, container_id, "stop")
        assert found == told
        assert await actions(events, container_id, "die") == ["start", "kill", "die"]


async def test_acts_on_the_wrong_state(lab: Lab) -> None:
    container_id = one(lab)
    acts = EngineActs(target_of(lab))
    await acts.start(container_id)  # runs already: nothing happens
    with pytest.raises(ApiError, match="is not paused"):
        await acts.unpause(container_id)
    await acts.pause(container_id)
    with pytest.raises(Conflict, match="already paused"):
        await acts.pause(container_id)
    async with Engine(target_of(lab)) as engine:
        with pytest.raises(Conflict, match="is paused, unpause"):
            await engine.exec(container_id, ["true"], timeout=5)
        await acts.stop(container_id, timeout_s=1)
        assert await status(engine, container_id) is ContainerStatus.EXITED
        await acts.stop(container_id, timeout_s=1)  # stopped already
        for refused in (acts.kill(container_id), acts.pause(container_id)):
            with pytest.raises(Conflict, match="is not running"):
                await refused
        with pytest.raises(Conflict, match="is not running"):
            await engine.exec(container_id, ["true"], timeout=5)


async def test_signals_reach_the_first_process(lab: Lab) -> None:
    container_id = one(lab, script="trap 'echo got usr1' USR1; echo ready; while :; do sleep 0.05; done")
    async with (
        asyncio.timeout(SECONDS),
        Engine(target_of(lab)) as engine,
        engine.logs(container_id, follow=True, tail=None, timestamps=False, tty=False) as log,
    ):
        assert (await anext(log))[0].data == b"ready"
        await EngineActs(target_of(lab)).kill(container_id, "SIGUSR1")
        assert (await anext(log))[0].data == b"got usr1"
        assert await status(engine, container_id) is ContainerStatus.RUNNING


async def test_who_does_not_stop_is_killed(lab: Lab) -> None:
    container_id = one(lab, script="trap '' TERM; echo deaf; while :; do sleep 0.05; done")
    async with Engine(target_of(lab)) as engine:
        await printed(engine, container_id)
        before = time.monotonic()
        await EngineActs(target_of(lab)).stop(container_id, timeout_s=1)
        assert time.monotonic() - before >= 1
        assert (await engine.inspect(container_id)).state.exit_code == 137


async def test_a_stop_signal_of_its_own(lab: Lab) -> None:
    container_id = one(
        lab, script="trap 'exit 5' INT; echo on; while :; do sleep 0.05; done", stop_signal="SIGINT"
    )
    async with Engine(target_of(lab)) as engine:
        await printed(engine, container_id)
        await EngineActs(target_of(lab)).stop(container_id, timeout_s=10)
        assert (await engine.inspect(container_id)).state.exit_code == 5


async def test_a_first_process_without_a_handler(lab: Lab) -> None:
    container_id = one(lab, script="sleep 1000; exit 1")
    before = time.monotonic()
    await EngineActs(target_of(lab)).stop(container_id, timeout_s=2)
    if not lab.differs(Difference.NO_FIRST_PROCESS):
        assert time.monotonic() - before >= 2
    async with Engine(target_of(lab)) as engine:
        assert await status(engine, container_id) is ContainerStatus.EXITED


async def test_what_a_container_started_ends_with_it(lab: Lab) -> None:
    container_id = one(lab, script=f"(while :; do echo child; sleep 0.05; done) & {STAYS}")
    acts = EngineActs(target_of(lab))
    async with Engine(target_of(lab)) as engine:
        await printed(engine, container_id)
        await acts.kill(container_id)
        await until_ended(engine, container_id)
        assert len(await logged(engine, container_id)) == len(await logged(engine, container_id))
        with client_of(lab) as client, pytest.raises(Exception, match="is not running"):
            client.api.top(container_id)


async def test_a_paused_container_does_nothing(lab: Lab) -> None:
    container_id = one(lab, script=f"({TICKS}) & {STAYS}")
    acts = EngineActs(target_of(lab))
    async with (
        asyncio.timeout(SECONDS),
        Engine(target_of(lab)) as engine,
        engine.logs(container_id, follow=True, tail=0, timestamps=True, tty=False) as log,
    ):
        times = [_time(line) for line in await anext(log)]
        await acts.pause(container_id)
        await asyncio.sleep(0.5)  # long enough for ten ticks
        await acts.unpause(container_id)
        while max(((b - a).total_seconds() for a, b in pairwise(times)), default=0.0) < 0.4:
            times += [_time(line) for line in await anext(log)]


async def test_restarts_of_who_fails(lab: Lab) -> None:
    container_id = one(lab, script="echo again; exit 9", restart="on-failure", retries=2)
    async with Engine(target_of(lab)) as engine:
        container = await until_ended(engine, container_id)
        assert (container.restart_count, container.state.exit_code) == (2, 9)
        assert container.restart_policy == "on-failure"
        assert [line.data for line in await logged(engine, container_id)] == [b"again"] * 3


async def test_a_success_is_not_restarted_on_failure(lab: Lab) -> None:
    container_id = one(lab, script="exit 0", restart="on-failure")
    async with Engine(target_of(lab)) as engine:
        assert (await until_ended(engine, container_id)).restart_count == 0


async def test_a_stop_ends_the_restarts_and_a_start_begins_anew(lab: Lab) -> None:
    container_id = one(lab, script="sleep 0.1; exit 9", restart="always")
    acts = EngineActs(target_of(lab))
    async with Engine(target_of(lab)) as engine:
        await seen(engine, container_id, lambda each: each.restart_count >= 2)
        await acts.stop(container_id, timeout_s=5)
        assert await status(engine, container_id) is ContainerStatus.EXITED
        await asyncio.sleep(1.5)  # longer than its pause between two starts
        assert await status(engine, container_id) is ContainerStatus.EXITED
        await acts.start(container_id)
        assert (await engine.inspect(container_id)).restart_count < 2


async def test_a_program_that_is_not_there(lab: Lab) -> None:
    container_id = one(lab, script="exec /no/such/program")
    async with Engine(target_of(lab)) as engine:
        assert (await until_ended(engine, container_id)).state.exit_code == 127


def _time(line: LogLine) -> datetime:
    return datetime.fromisoformat(line.data[:26].decode())
