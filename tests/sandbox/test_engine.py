"""The sandbox's engine itself: order of starting, memory limits, refusals, bounds, and its own process."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError

from lettaops.model.engine import ContainerStatus
from lettaops.model.errors import DeadlineExceeded, LettaopsError
from lettaops.sandbox.engine import SandboxEngine
from lettaops.sandbox.engine.claim import RECORD
from lettaops.sandbox.spec import ContainerSpec, Healthcheck, MountSpec, SandboxSpec, decode_spec, encode_spec
from lettaops.sources.engine import Engine
from lettaops.sources.target import resolve_target
from tests.contract.differences import LEFT_OUT
from tests.contract.lab import ROOT, STAYS
from tests.contract.reading import logged, printed, seen, until_ended

RECORDED = ROOT / "tests" / "unit" / "data" / "inspect_recorded_20.10.json"


def container(name: str, script: str = STAYS, **fields: Any) -> ContainerSpec:
    return ContainerSpec(
        name=name,
        service=name,
        image="stub:1",
        command=("sh", "-c", script),
        process_environment={"PATH": os.environ["PATH"]},
        **fields,
    )


@asynccontextmanager
async def running(place: Path, *containers: ContainerSpec) -> AsyncIterator[tuple[SandboxEngine, Engine]]:
    """An engine in this process, and our client of it."""
    async with SandboxEngine(place / "d", place / "e.sock", containers, "net") as sandbox:
        target = resolve_target(f"unix://{sandbox.socket}", None, {}, Path("/nonexistent"))
        async with Engine(target, timeout=10) as engine:
            yield sandbox, engine


def depends(*services: str) -> dict[str, str]:
    label = ",".join(f"{each}:service_healthy:false" for each in services)
    return {"com.docker.compose.depends_on": label}


async def test_containers_start_after_those_that_they_need(tmp_path: Path) -> None:
    ready = Healthcheck(argv=("sh", "-c", f"test -f {tmp_path}/ready"), interval_s=0.1)
    specs = [
        container("proxy", labels=depends("server")),
        container("server", f"test -f {tmp_path}/ready || exit 1; {STAYS}", labels=depends("database")),
        container("database", f"sleep 0.3; touch {tmp_path}/ready; {STAYS}", health=ready),
    ]
    async with running(tmp_path, *specs) as (sandbox, engine):
        await sandbox.start_all()
        started = {}
        for each in ("proxy", "server", "database"):
            state = (await engine.inspect(sandbox.container(each).id)).state
            assert state.status is ContainerStatus.RUNNING
            assert state.started_at is not None
            started[each] = state.started_at
        assert started["database"] < started["server"] < started["proxy"]
        events = [(each.action, each.name) async for each in stopped(engine, sandbox)]
        assert [name for action, name in events if action == "die"] == ["proxy", "server", "database"]


async def stopped(engine: Engine, sandbox: SandboxEngine) -> AsyncIterator[Any]:
    async with engine.events() as events:
        await sandbox.stop_all()
        async with asyncio.timeout(10):
            async for event in events:
                yield event
                if (event.action, event.name) == ("stop", "database"):
                    return


async def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    never = Healthcheck(argv=("false",), interval_s=0.1)
    async with running(tmp_path, container("sick", health=never)) as (sandbox, _):
        with pytest.raises(DeadlineExceeded, match="sick did not get healthy"):
            await sandbox.start_all(timeout=0.5)
    async with running(tmp_path, container("dying", "echo no room; exit 4", health=never)) as (sandbox, _):
        with pytest.raises(LettaopsError, match="dying ended with 4 before it was healthy: no room"):
            await sandbox.start_all()
    missing = ContainerSpec(name="missing", service="missing", image="x", command=("nosuchprogram",))
    async with running(tmp_path, missing) as (sandbox, engine):
        with pytest.raises(LettaopsError, match=r"missing can't be started.*nosuchprogram.*not found"):
            await sandbox.start_all()
        state = (await engine.inspect("missing")).state
        assert (state.status, state.exit_code) == (ContainerStatus.CREATED, 127)
        assert "nosuchprogram" in state.error


async def test_who_takes_too_much_memory_is_killed_for_it(tmp_path: Path) -> None:
    greedy = f"exec {sys.executable} -c 'data = b\"x\" * 80_000_000; import time; time.sleep(1000)'"
    spec = container("greedy", greedy, memory_limit_bytes=50_000_000)
    modest = container("modest", memory_limit_bytes=50_000_000)
    async with running(tmp_path, spec, modest) as (sandbox, engine):
        await sandbox.start_all()
        killed = await until_ended(engine, sandbox.container("greedy").id)
        assert (killed.state.exit_code, killed.state.oom_killed) == (137, True)
        assert killed.memory_limit_bytes == 50_000_000
        assert (await engine.inspect("modest")).state.running
        assert (await engine.stats("modest")).memory_limit_bytes == 50_000_000


async def test_all_that_cannot_be_done_is_refused_in_words(tmp_path: Path) -> None:
    async with running(tmp_path, container("one")) as (sandbox, engine):
        client = docker.DockerClient(base_url=f"unix://{sandbox.socket}", timeout=10, version="1.41")
        api = client.api

        def refused() -> list[str]:
            found = []
            for act in (
                lambda: api.create_container("x", "true"),
                lambda: api.remove_container("one"),
                lambda: api.rename("one", "two"),
                lambda: api.update_container("one", mem_limit=10**9),
                lambda: api.create_network("n"),
                lambda: api.remove_image("x"),
                lambda: api.put_archive("one", "/", b""),
            ):
                with pytest.raises(APIError) as raised:
                    act()
                assert raised.value.status_code == 501
                found.append(str(raised.value.explanation))
            return found

        for words in await asyncio.to_thread(refused):
            assert words.startswith("The sandbox has its containers from the start and can't do ")
            assert words.endswith("use a real engine for that.")
        client.close()
        assert [row.name for row in await engine.containers()] == ["one"]


async def test_what_inspect_says_is_a_part_of_what_a_real_engine_says(tmp_path: Path) -> None:
    """Field by field against a recorded document of Engine 20.10; what is left out is listed."""
    data = MountSpec(name="data", source=str(tmp_path), destination="/data")
    spec = container("one", ports={"80/tcp": 18080}, address="10.1.1.2", mounts=(data,))
    recorded = next(each for each in json.loads(RECORDED.read_bytes()) if each["State"]["Running"])
    async with running(tmp_path, spec) as (sandbox, engine):
        await sandbox.start_all()
        document = await engine.inspect_raw("one")
        for part, left_out in LEFT_OUT.items():
            ours: Any = document[part] if part else document
            real: Any = recorded[part] if part else recorded
            assert set(ours) - set(real) <= {"StopSignal", "StopTimeout"}, part
            assert set(real) - set(ours) == left_out, part
            for name, value in ours.items():
                if value is not None and real.get(name) is not None:
                    assert type(value) is type(real[name]), f"{part}.{name}"
        (endpoint,) = document["NetworkSettings"]["Networks"].values()  # type: ignore[index] # raw JSON
        assert set(endpoint) == set(next(iter(recorded["NetworkSettings"]["Networks"].values())))
        one = await engine.inspect("one")
        (port,) = one.ports
        assert (port.container_port, port.host_ip, port.host_port) == (80, "127.0.0.1", 18080)
        (place,) = one.attachments
        assert (place.network, place.address) == ("net", "10.1.1.2")
        assert "one" in place.aliases
        (mount,) = one.mounts
        assert (mount.kind, mount.name, mount.destination) == ("volume", "data", "/data")
        assert {each.text("Name") for each in await engine.networks()} == {"net"}


async def test_a_flood_is_bounded_on_disk_and_the_end_of_it_is_kept(tmp_path: Path) -> None:
    flood = f"seq 1 600000; {STAYS}"
    async with running(tmp_path, container("flood", flood), container("quiet", "echo here")) as (
        sandbox,
        engine,
    ):
        await sandbox.start_all()
        await printed(engine, "quiet")
        assert await engine.ping() < 5, "it answers meanwhile"
        async with engine.logs("flood", follow=True, tail=1, timestamps=False, tty=False) as log:
            async with asyncio.timeout(60):
                async for lines in log:
                    if lines[-1].data == b"600000":
                        break
        (last,) = await logged(engine, "flood", tail=1)
        assert last.data == b"600000"
        kept = await logged(engine, "flood")
        assert 100_000 < len(kept) < 600_000
        numbers = [int(line.data) for line in kept]
        assert numbers == list(range(numbers[0], 600_001)), "no hole in what is kept"
        files = list((tmp_path / "d" / "containers").rglob("log.*"))
        assert sum(each.stat().st_size for each in files) < 18 * 1024 * 1024


async def test_a_slow_reader_of_a_log_holds_nobody_back(tmp_path: Path) -> None:
    flood = "while :; do seq 1000; sleep 0.01; done"
    async with running(tmp_path, container("flood", flood)) as (sandbox, engine):
        await sandbox.start_all()
        async with engine.logs("flood", follow=True, tail=0, timestamps=False, tty=False) as unread:
            await anext(unread)
            async with engine.logs("flood", follow=True, tail=0, timestamps=False, tty=False) as read:
                async with asyncio.timeout(20):
                    lines = 0
                    while lines < 50_000:
                        lines += len(await anext(read))


async def test_listeners_that_hang_up_are_forgotten(tmp_path: Path) -> None:
    async with running(tmp_path, container("one")) as (sandbox, engine):
        await sandbox.start_all()
        before = len(asyncio.all_tasks())
        for _ in range(5):
            async with engine.events(), engine.stats_stream("one") as samples:
                await anext(samples)
        async with asyncio.timeout(10):
            while len(asyncio.all_tasks()) > before + 2:  # noqa: ASYNC110 -- what is waited for has no event
                await asyncio.sleep(0.05)


async def test_nobody_else_may_connect(tmp_path: Path) -> None:
    async with running(tmp_path, container("one")) as (sandbox, _):
        for path in (sandbox.socket, sandbox.control):
            assert path.stat().st_mode & 0o077 == 0
        assert sandbox.directory.stat().st_mode & 0o066 == 0
        assert (sandbox.directory / RECORD).exists()


async def test_requests_that_are_none(tmp_path: Path) -> None:
    async with running(tmp_path, container("one")) as (sandbox, engine):
        await sandbox.start_all()
        for nonsense in (
            b"\x16\x03\x01\r\n\r\n",
            b"GET /containers/json\r\n\r\n",
            b"GET / HTTP/1.1\r\n" + b"x" * 200_000,
            b"POST /exec HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
            b"POST /containers/one/exec HTTP/1.1\r\nContent-Length: 5\r\n\r\n[1,2]",
            b"GET /containers/one/logs?stdout=1&since=noon HTTP/1.1\r\n\r\n",
            b"POST /containers/one/kill?signal=SIGNONE HTTP/1.1\r\n\r\n",
            b"POST /containers/one/stop?t=soon HTTP/1.1\r\n\r\n",
        ):
            reader, writer = await asyncio.open_unix_connection(sandbox.socket)
            writer.write(nonsense)
            writer.write_eof()
            async with asyncio.timeout(10):
                answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 400 "), nonsense[:40]
            writer.close()
        assert await engine.ping() >= 0


async def test_requests_in_chunks_and_one_after_the_other(tmp_path: Path) -> None:
    async with running(tmp_path, container("one")) as (sandbox, _):
        await sandbox.start_all()
        reader, writer = await asyncio.open_unix_connection(sandbox.socket)
        body = json.dumps({"Cmd": ["true"]}).encode()
        chunks = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (5, body[:5], len(body) - 5, body[5:])
        writer.write(b"POST /containers/one/exec HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        writer.write(b"GET /_ping HTTP/1.1\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(10):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 201 Created\r\n")
        assert b"HTTP/1.1 200 OK\r\n" in answer
        assert answer.endswith(b"OK")
        writer.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a process as another user")
async def test_processes_of_another_user(tmp_path: Path) -> None:
    spec = container("nobody", f"id -u; id -g; id -G; {STAYS}", run_as=(65534, 65533))
    async with running(tmp_path, spec) as (sandbox, engine):
        await sandbox.start_all()
        await printed(engine, "nobody", 3)
        assert [line.data for line in await logged(engine, "nobody")] == [b"65534", b"65533", b"65533"]
        assert (await engine.exec("nobody", ["id", "-u"], timeout=10)).stdout == b"65534\n"
        assert (await engine.exec("nobody", ["id", "-u"], user="root", timeout=10)).stdout == b"0\n"
        await seen(engine, "nobody", lambda each: each.state.running)


def test_a_spec_survives_its_file() -> None:
    spec = SandboxSpec(
        network="n",
        containers=(container("one", files={"/a": b"\x00\xff"}, health=Healthcheck(argv=("true",))),),
    )
    assert decode_spec(encode_spec(spec)) == spec


@pytest.mark.parametrize(
    ("spec", "socket", "words"),
    [
        (b"{}", "e.sock", "missing required field"),
        (b"", "e.sock", "truncated"),
        (None, "e.sock", "No such file"),
        (b'{"network":"n","containers":[]}', "e" * 200, "too long"),
    ],
)
def test_its_process_says_what_is_wrong(tmp_path: Path, spec: bytes | None, socket: str, words: str) -> None:
    if spec is not None:
        (tmp_path / "spec").write_bytes(spec)
    place = ["--directory", str(tmp_path / "d"), "--socket", str(tmp_path / socket)]
    done = subprocess.run(
        [sys.executable, "-m", "lettaops.sandbox.engine", str(tmp_path / "spec"), *place],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert words in json.loads(done.stdout)["error"]
    assert not done.stderr
    assert not (tmp_path / "d").exists()


async def test_a_socket_that_nobody_listens_on_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(tmp_path / "e.sock"))
    async with running(tmp_path, container("one")) as (_, engine):
        assert await engine.ping() >= 0
