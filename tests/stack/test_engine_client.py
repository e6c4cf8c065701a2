"""The engine client and the acts on a real engine."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from lettaops.model.engine import ContainerStatus, cpu_percent
from lettaops.model.errors import (
    Conflict,
    DeadlineExceeded,
    NotFound,
    Unproven,
    Unreachable,
)
from lettaops.model.frames import STDOUT
from lettaops.model.secrets import Secret
from lettaops.sources.engine import CANNOT_START, Engine, stats_cost
from lettaops.sources.engine_acts import EngineActs
from lettaops.sources.target import EngineTarget
from tests.stack.containers import NOBODY, next_of, start
from tests.testbed.common import run
from tests.testbed.dockerd import PrivateDockerd
from tests.testbed.stub_images import STUB_IMAGE

# -- questions ---------------------------------------------------------------------------------


async def test_questions_about_a_real_engine(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container_id = start(stub_dockerd, "exec stub", "--name", "one", "-e", "API_KEY=hunter22", "-e", "A=b")
    version = await engine.negotiate()
    assert version.api == "1.41"
    assert version.engine.startswith("20.10")
    assert await engine.ping() < 1
    (row,) = await engine.containers()
    assert (row.id, row.name, row.state) == (container_id, "one", ContainerStatus.RUNNING)
    container = await engine.inspect(container_id)
    assert (container.name, container.image, container.tty) == ("one", STUB_IMAGE, False)
    assert container.environment.secret("API_KEY") == Secret("hunter22")
    assert container.environment.get("A") == "b"
    assert (await engine.inspect_raw("one"))["Id"] == container_id
    assert (await engine.info()).integer("ContainersRunning") == 1
    assert {network.text("Name") for network in await engine.networks()} >= {"bridge", "host", "none"}
    stub_dockerd.docker("kill", "one")
    assert await engine.containers(all=False) == ()
    assert (await engine.inspect(container_id)).state.exit_code == 137


async def test_what_is_not_there(engine: Engine, target: EngineTarget) -> None:
    for question in (
        engine.inspect(NOBODY),
        engine.stats(NOBODY),
        engine.exec(NOBODY, ["true"], timeout=5),
        EngineActs(target).start(NOBODY),
    ):
        with pytest.raises(NotFound, match="No such container") as raised:
            await question
        assert raised.value.next_step
    with pytest.raises(NotFound):
        async with engine.logs(NOBODY, follow=True, tail=1, timestamps=False, tty=False):
            pytest.fail("entered without a container")


async def test_a_socket_without_permission(stub_dockerd: PrivateDockerd) -> None:
    script = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from lettaops.sources.engine import Engine\n"
        "from lettaops.sources.target import resolve_target\n"
        "async def main():\n"
        "    async with Engine(resolve_target(sys.argv[1], None, {}, Path('/'))) as engine:\n"
        "        os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "        await engine.ping()\n"
        "try:\n"
        "    asyncio.run(main())\n"
        "except Exception as error:\n"
        "    print(type(error).__name__, error, error.next_step)\n"
    )
    done = run([sys.executable, "-c", script, stub_dockerd.host], cwd=Path(__file__).parents[2])
    assert done.stdout.startswith("Denied no permission"), done.stdout
    assert "usermod -aG docker" in done.stdout
    assert "sudo" in done.stdout
    assert "--context" in done.stdout


# -- statistics --------------------------------------------------------------------------------


async def test_statistics_of_running_and_stopped_containers(
    stub_dockerd: PrivateDockerd, engine: Engine
) -> None:
    busy = start(stub_dockerd, "while :; do :; done")
    strategy = await stats_cost(engine, busy)
    assert strategy.one_shot_seconds > 0.5, "20.10 is known to sleep before a second sample"
    assert not strategy.poll
    async with engine.stats_stream(busy) as samples:
        async with asyncio.timeout(10):
            first, second = await anext(samples), await anext(samples)
    percent = cpu_percent(first, second)
    assert percent is not None
    assert percent > 5
    assert (first.memory_bytes or 0) > 0
    assert first.received_bytes is not None
    stub_dockerd.docker("kill", busy)
    stopped = await engine.stats(busy)
    assert stopped.memory_bytes is None
    assert cpu_percent(second, stopped) is None
    with pytest.raises(Conflict):
        await stats_cost(engine, busy)


# -- commands ----------------------------------------------------------------------------------


async def test_exit_statuses_and_output_of_commands(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container_id = start(stub_dockerd)
    good = await engine.exec(
        container_id,
        ["sh", "-c", "echo $WORD; id -u; echo bad >&2"],
        environment={"WORD": Secret("hunter22")},
        user="0",
        timeout=10,
    )
    assert (good.exit_code, good.stdout, good.stderr) == (0, b"hunter22\n0\n", b"bad\n")
    assert (await engine.exec(container_id, ["sh", "-c", "exit 3"], timeout=10)).exit_code == 3
    assert (await engine.exec(container_id, ["/no/such"], timeout=10)).exit_code in (CANNOT_START, 127)
    stub_dockerd.docker("kill", container_id)
    with pytest.raises(Conflict, match="not running"):
        await engine.exec(container_id, ["true"], timeout=10)


async def test_input_of_commands(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container_id = start(stub_dockerd)
    data = os.urandom(5_000_000)
    echoed = await engine.exec(container_id, ["cat"], stdin=data, timeout=30)
    assert echoed.stdout == data
    assert (await engine.exec(container_id, ["wc", "-c"], stdin=b"", timeout=10)).stdout == b"0\n"


async def test_a_command_that_does_not_read_its_input(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container_id = start(stub_dockerd)
    result = await engine.exec(
        container_id, ["sh", "-c", "echo refused >&2; exit 7"], stdin=b"x" * 20_000_000, timeout=20
    )
    assert (result.exit_code, result.stderr) == (7, b"refused\n")


async def test_a_command_outlives_its_connection(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container_id = start(stub_dockerd)
    async with engine.exec_stream(container_id, ["sh", "-c", "echo $$; exec sleep 300"]) as process:
        async with asyncio.timeout(10):
            stream, data = await anext(process)
        assert stream == STDOUT
        with pytest.raises(DeadlineExceeded, match="still runs"):
            await process.exit_code(0.3)
    pid = data.decode().strip()
    assert (await engine.exec(container_id, ["kill", "-0", pid], timeout=10)).exit_code == 0
    await engine.exec(container_id, ["kill", "-9", pid], timeout=10)
    assert await process.exit_code(10) == 137


# -- acts --------------------------------------------------------------------------------------


async def test_every_act(stub_dockerd: PrivateDockerd, engine: Engine, target: EngineTarget) -> None:
    container_id = start(stub_dockerd, "trap 'echo got usr1' USR1; while :; do sleep 0.1; done")
    acts = EngineActs(target)

    async def status() -> ContainerStatus:
        return (await engine.inspect(container_id)).state.status

    await acts.pause(container_id)
    assert await status() is ContainerStatus.PAUSED
    with pytest.raises(Conflict):
        await acts.pause(container_id)
    await acts.unpause(container_id)
    assert await status() is ContainerStatus.RUNNING
    await acts.kill(container_id, "SIGUSR1")
    async with (
        asyncio.timeout(10),
        engine.logs(container_id, follow=True, tail=None, timestamps=False, tty=False) as log,
    ):
        assert (await anext(log))[0].data == b"got usr1"
    before = (await engine.inspect(container_id)).state.started_at
    await acts.restart(container_id, timeout_s=0)
    assert (await engine.inspect(container_id)).state.started_at != before
    await acts.stop(container_id, timeout_s=1)
    assert await status() is ContainerStatus.EXITED
    await acts.stop(container_id, timeout_s=1)
    with pytest.raises(Conflict, match="is not running"):
        await acts.kill(container_id)
    await acts.start(container_id)
    await acts.kill(container_id)
    assert (await engine.inspect(container_id)).state.exit_code == 137


async def test_an_act_whose_outcome_is_not_seen(stub_dockerd: PrivateDockerd, target: EngineTarget) -> None:
    container_id = start(stub_dockerd, "trap '' TERM; while :; do sleep 1; done")
    stopping = asyncio.create_task(EngineActs(target, deadline=3).stop(container_id, timeout_s=30))
    async with Engine(target) as engine, engine.events() as events:
        await next_of(events, "kill", container_id)
    stub_dockerd.kill()
    try:
        with pytest.raises(Unproven) as raised:
            await stopping
        assert "could not be seen" in raised.value.not_done
        with pytest.raises(Unreachable, match="is the engine running") as refused:
            await EngineActs(target).start(container_id)
        assert refused.value.not_done == "nothing was changed"
    finally:
        stub_dockerd.revive()
