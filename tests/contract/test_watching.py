"""Events, statistics, health and the list of processes."""

import asyncio
import time
from typing import Any

import pytest

from lettaops.model.engine import ContainerStatus, cpu_percent
from lettaops.model.errors import Conflict
from lettaops.sources.engine import Engine, stats_cost
from lettaops.sources.engine_acts import EngineActs
from tests.contract.differences import Difference
from tests.contract.lab import STAYS, Lab, Wanted, client_of, one, target_of
from tests.contract.reading import SECONDS, actions, seen


async def test_events_since_a_moment_and_without_execs(lab: Lab) -> None:
    before = time.time() - 1
    lab.make(Wanted(name="ended", script="exit 3", labels={"colour": "blue"}), Wanted(name="other"))
    ended, other = lab.containers["ended"].id, lab.containers["other"].id
    async with Engine(target_of(lab)) as engine, engine.events(since=before) as events:
        async with asyncio.timeout(SECONDS):
            async for event in events:
                if event.id == ended and event.action == "die":
                    break
        assert event.exit_code == 3
        assert event.name == lab.containers["ended"].name
        assert event.attributes.items() >= {"colour": "blue", "image": lab.image}.items()
        assert event.time_ns / 1e9 > before
        assert (await engine.exec(other, ["true"], timeout=10)).exit_code == 0
        await EngineActs(target_of(lab)).pause(other)
        assert (await actions(events, other, "pause"))[-1:] == ["pause"]


def test_filters_of_events(lab: Lab) -> None:
    before = int(time.time()) - 1
    lab.make(Wanted(name="a", script="exit 2"), Wanted(name="b", script="exit 2"))
    with client_of(lab) as client:
        for made in lab.containers.values():
            client.containers.get(made.id).wait(timeout=20)

        def told(**filters: Any) -> list[tuple[str, str]]:
            names = {made.id: name for name, made in lab.containers.items()}
            found = client.api.events(since=before, until=int(time.time()) + 1, filters=filters, decode=True)
            return [(names[each["id"]], each["Action"]) for each in found if each.get("id") in names]

        assert set(told(event="die")) == {("a", "die"), ("b", "die")}
        assert told(container=lab.containers["a"].name, event=["start", "die"]) == [
            ("a", "start"),
            ("a", "die"),
        ]
        assert told(type="network", event="start") == []


async def test_statistics_of_running_and_stopped_containers(lab: Lab) -> None:
    busy = one(lab, script="while :; do :; done")
    async with Engine(target_of(lab)) as engine:
        strategy = await stats_cost(engine, busy)
        assert strategy.poll or not lab.differs(Difference.STATISTICS_AT_ONCE)
        async with engine.stats_stream(busy) as samples, asyncio.timeout(SECONDS):
            first, second = await anext(samples), await anext(samples)
        percent = cpu_percent(first, second)
        assert percent is not None
        assert percent > 5
        assert (first.memory_bytes or 0) > 0
        assert (first.memory_limit_bytes or 0) > (first.memory_bytes or 0)
        assert first.pids == 1
        assert first.received_bytes is not None or lab.differs(Difference.NO_NETWORK_COUNTERS)
        await EngineActs(target_of(lab)).kill(busy)
        stopped = await engine.stats(busy)
        assert stopped.memory_bytes is None
        assert cpu_percent(second, stopped) is None
        with pytest.raises(Conflict):
            await stats_cost(engine, busy)


def test_a_single_sample_with_the_one_before_it(lab: Lab) -> None:
    busy = one(lab, script="while :; do :; done")
    with client_of(lab) as client:
        document: Any = client.api.stats(busy, stream=False)
        assert document["id"] == busy
        assert document["name"] == f"/{lab.containers['one'].name}"
        used = document["cpu_stats"]["cpu_usage"]["total_usage"]
        assert used > document["precpu_stats"]["cpu_usage"]["total_usage"]
        assert document["cpu_stats"]["system_cpu_usage"] > document["precpu_stats"]["system_cpu_usage"] > 0


async def test_health_comes_and_goes(lab: Lab) -> None:
    container_id = one(
        lab,
        script=f"touch /tmp/$NAME.ok; {STAYS}",
        health="echo asked; test -f /tmp/$NAME.ok",
        environment={"NAME": f"lettaops-contract-{time.time_ns()}"},
    )
    async with Engine(target_of(lab)) as engine, engine.events(since=time.time() - 30) as events:
        async with asyncio.timeout(SECONDS):
            details = []
            async for event in events:
                if event.id == container_id and event.action == "health_status":
                    details.append(event.detail)
                    if len(details) == 2:
                        break
                    container = await engine.inspect(container_id)
                    assert container.has_healthcheck
                    assert container.state.health is not None
                    assert container.state.health.status == "healthy"
                    assert container.state.health.last_output == "asked"
                    assert container.state.health.last_exit_code == 0
                    await engine.exec(container_id, ["sh", "-c", "rm /tmp/$NAME.ok"], timeout=10)
        assert details == ["healthy", "unhealthy"]
        health = (await engine.inspect(container_id)).state.health
        assert health is not None
        assert (health.status, health.last_exit_code) == ("unhealthy", 1)
        assert health.failing_streak >= 2
        row = next(each for each in await engine.containers() if each.id == container_id)
        assert row.status.endswith("(unhealthy)")


def test_the_processes_of_a_container(lab: Lab) -> None:
    container_id = one(lab, script="sleep 1000 & sleep 2000 & wait")
    with client_of(lab) as client:
        ends_at = time.monotonic() + 20
        while True:
            found = client.api.top(container_id, ps_args="-o pid,args")
            commands = sorted(row[1] for row in found["Processes"])
            if len(commands) == 3:
                break
            assert time.monotonic() < ends_at, commands
            time.sleep(0.05)
        assert found["Titles"] == ["PID", "COMMAND"]
        assert commands[:2] == ["sh -c sleep 1000 & sleep 2000 & wait", "sleep 1000"]
        pid = client.api.inspect_container(container_id)["State"]["Pid"]
        assert str(pid) in [row[0] for row in found["Processes"]]
        default = client.api.top(container_id)
        assert default["Titles"][:2] == ["UID", "PID"]
        assert len(default["Processes"]) == 3


def test_waiting_for_an_end(lab: Lab) -> None:
    container_id = one(lab, script="sleep 0.3; exit 8")
    with client_of(lab) as client:
        assert client.api.wait(container_id, timeout=20)["StatusCode"] == 8
        assert client.api.wait(container_id, timeout=20)["StatusCode"] == 8


async def test_a_container_that_restarts_all_the_time_says_so(lab: Lab) -> None:
    container_id = one(lab, script="exit 9", restart="always")
    async with Engine(target_of(lab)) as engine:
        await seen(engine, container_id, lambda each: each.state.status is ContainerStatus.RESTARTING)
        container = await seen(engine, container_id, lambda each: each.restart_count >= 3)
        assert container.state.status in (ContainerStatus.RESTARTING, ContainerStatus.RUNNING)
        assert any(each.id == container_id for each in await engine.containers(all=False))
