"""The engine client and the acts on a real engine: killed, frozen, behind a proxy and over TLS."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from lettaops.model.engine import ContainerStatus, Event, cpu_percent
from lettaops.model.errors import (
    Conflict,
    DeadlineExceeded,
    Denied,
    LettaopsError,
    NotFound,
    ProtocolError,
    Unproven,
    Unreachable,
)
from lettaops.model.frames import STDERR, STDOUT, LogLine
from lettaops.model.secrets import Secret
from lettaops.model.text import Safe
from lettaops.sources.engine import CANNOT_START, DocumentStream, Engine, stats_cost
from lettaops.sources.engine_acts import EngineActs
from lettaops.sources.target import EngineTarget, TlsFiles, resolve_target
from tests.testbed.cache import Cache
from tests.testbed.common import free_ports, run, wait_until
from tests.testbed.dockerd import PrivateDockerd, throwaway
from tests.testbed.stub_images import STUB_IMAGE, import_stub_images

NOBODY = "f" * 64


@pytest.fixture
def target(stub_dockerd: PrivateDockerd) -> EngineTarget:
    return resolve_target(stub_dockerd.host, None, {}, Path("/nonexistent"))


@pytest.fixture
async def engine(target: EngineTarget) -> AsyncIterator[Engine]:
    async with Engine(target) as client:
        yield client


def start(daemon: PrivateDockerd, script: str = "exec stub", *options: str) -> str:
    """Run a container of the stub image; its full id."""
    (container_id,) = daemon.lines("run", "-d", *options, STUB_IMAGE, "sh", "-c", script)
    return container_id


async def logged(
    engine: Engine, container_id: str, *, tail: int | None = None, timestamps: bool = False, tty: bool = False
) -> list[LogLine]:
    lines: list[LogLine] = []
    async with engine.logs(
        container_id, follow=False, tail=tail, timestamps=timestamps, tty=tty, timeout=10
    ) as log:
        async for batch in log:
            lines += batch
    return lines


async def next_of(events: DocumentStream[Event], action: str, container_id: str) -> Event:
    async with asyncio.timeout(20):
        async for event in events:
            if event.id == container_id and event.action == action:
                return event
    raise AssertionError(f"the stream ended before {action}")


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


# -- logs --------------------------------------------------------------------------------------


async def test_logs_keep_streams_apart_and_give_the_tail(
    stub_dockerd: PrivateDockerd, engine: Engine
) -> None:
    container_id = start(stub_dockerd, "seq 5; echo wrong >&2; printf end")
    stub_dockerd.docker("wait", container_id)
    lines = await logged(engine, container_id)
    assert [line.data for line in lines if line.stream == STDOUT] == [b"1", b"2", b"3", b"4", b"5", b"end"]
    assert [line.data for line in lines if line.stream == STDERR] == [b"wrong"]
    stamped = await logged(engine, container_id, tail=2, timestamps=True)
    assert len(stamped) == 2
    assert all(line.data[:2] == b"20" and line.data[30:31] == b" " for line in stamped)


async def test_logs_of_a_terminal(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container_id = start(stub_dockerd, "echo out; echo err >&2", "-t")
    stub_dockerd.docker("wait", container_id)
    container = await engine.inspect(container_id)
    assert container.tty
    assert await logged(engine, container_id, tty=container.tty) == [
        LogLine(STDOUT, b"out"),
        LogLine(STDOUT, b"err"),
    ]


async def test_a_line_of_ten_megabytes(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container_id = start(stub_dockerd, "head -c 10000000 /dev/zero | tr '\\0' x; echo; echo next")
    stub_dockerd.docker("wait", container_id)
    for timestamps in (False, True):
        long, following = await logged(engine, container_id, timestamps=timestamps)
        stamp = 31 if timestamps else 0
        assert len(long.data) == 16 * 1024
        assert len(long.data) + long.dropped == 10_000_000 + stamp
        assert following.data[stamp:] == b"next"


async def test_random_bytes_in_a_log(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container_id = start(stub_dockerd, "head -c 300000 /dev/urandom; echo; echo last")
    stub_dockerd.docker("wait", container_id)
    lines = await logged(engine, container_id)
    assert lines[-1].data == b"last"
    assert len(lines) > 500


async def test_an_engine_that_keeps_no_log_says_so(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container_id = start(stub_dockerd, "echo x", "--log-driver", "none")
    with pytest.raises(LettaopsError, match="does not support reading"):
        await logged(engine, container_id)


async def test_following_a_log_ends_with_the_container(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container_id = start(stub_dockerd, "echo first; exec stub")
    async with (
        asyncio.timeout(20),
        engine.logs(container_id, follow=True, tail=None, timestamps=False, tty=False) as log,
    ):
        assert (await anext(log))[0].data == b"first"
        await asyncio.to_thread(stub_dockerd.docker, "kill", container_id)
        async for _ in log:
            pass


# -- a daemon that dies, freezes and comes back ------------------------------------------------


@pytest.mark.parametrize("how", ["kill", "stop"])
async def test_streams_of_a_daemon_that_ends(
    stub_dockerd: PrivateDockerd, target: EngineTarget, how: str
) -> None:
    container_id = start(stub_dockerd)
    async with Engine(target) as engine:
        async with (
            engine.events() as events,
            engine.logs(container_id, follow=True, tail=0, timestamps=False, tty=False) as log,
            engine.stats_stream(container_id) as samples,
        ):
            await asyncio.to_thread(getattr(stub_dockerd, how))
            for stream in (events, log, samples):
                async with asyncio.timeout(20):
                    try:
                        async for _ in stream:
                            pass
                    except Unreachable as error:
                        assert error.next_step  # noqa: PT017 -- an end and a cut are both right
        with pytest.raises(Unreachable, match="is the engine running"):
            await engine.ping()
        await asyncio.to_thread(stub_dockerd.start)
        # The same client goes on working.
        assert [row.id for row in await engine.containers(timeout=20)] == [container_id]
        async with engine.events() as events:
            await asyncio.to_thread(stub_dockerd.docker, "restart", "-t", "0", container_id)
            assert (await next_of(events, "start", container_id)).type == "container"


async def test_events_since_a_moment_and_without_execs(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container_id = start(stub_dockerd, "exit 3")
    stub_dockerd.docker("wait", container_id)
    created = (await engine.containers())[0].created_at
    assert created is not None
    other = start(stub_dockerd)
    async with engine.events(since=created.timestamp() - 1) as events:
        died = await next_of(events, "die", container_id)
        assert died.exit_code == 3
        assert (await engine.exec(other, ["true"], timeout=10)).exit_code == 0
        stub_dockerd.docker("pause", other)
        async with asyncio.timeout(20):
            async for event in events:
                assert not event.action.startswith("exec")
                if event.action == "pause":
                    break
        stub_dockerd.docker("unpause", other)


async def test_a_frozen_daemon_runs_into_every_deadline(
    stub_dockerd: PrivateDockerd, engine: Engine, target: EngineTarget
) -> None:
    container_id = start(stub_dockerd)
    await engine.containers()
    acts = EngineActs(target, deadline=1)
    stub_dockerd.freeze()
    try:
        for question in (
            engine.ping(timeout=0.5),
            engine.containers(timeout=0.5),
            engine.inspect(container_id, timeout=0.5),
            engine.exec(container_id, ["true"], timeout=0.5),
        ):
            with pytest.raises(DeadlineExceeded):
                await question
        with pytest.raises(DeadlineExceeded):
            async with engine.events(timeout=0.5):
                pytest.fail("entered a frozen engine's stream")
        with pytest.raises((Unproven, Unreachable)):
            await acts.pause(container_id)
    finally:
        stub_dockerd.thaw()
    assert [row.id for row in await engine.containers(timeout=20)] == [container_id]


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


# -- in front of the engine --------------------------------------------------------------------


HAPROXY = """
global
    maxconn 200
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout tunnel 60s
frontend plain
    bind {plain}
    default_backend engine
frontend modern
    bind {modern}
    http-request return status 505 if HTTP_1.0
    default_backend engine
backend engine
    server engine {engine}
"""


class Proxy(NamedTuple):
    """Sockets of a proxy: one that takes any HTTP/1, one that refuses HTTP/1.0."""

    plain: Path
    modern: Path


@pytest.fixture
def haproxy(stub_dockerd: PrivateDockerd, tmp_path: Path) -> Iterator[Proxy]:
    proxy = Proxy(tmp_path / "plain.sock", tmp_path / "modern.sock")
    config = tmp_path / "haproxy.cfg"
    config.write_text(
        HAPROXY.format(plain=proxy.plain, modern=proxy.modern, engine=f"unix@{stub_dockerd.socket}")
    )
    log = tmp_path / "haproxy.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(["haproxy", "-db", "-f", str(config)], stdout=sink, stderr=sink)
    try:
        wait_until(lambda: proxy.plain.exists() and proxy.modern.exists(), "haproxy to listen", 10, log=log)
        yield proxy
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("which", ["plain", "modern"])
async def test_everything_works_through_haproxy(
    stub_dockerd: PrivateDockerd, haproxy: Proxy, which: str
) -> None:
    container_id = start(stub_dockerd, "seq 20000; exec stub")
    socket = getattr(haproxy, which)
    target = EngineTarget(kind="unix", path=str(socket), name=Safe(which), origin=Safe("--host"))
    async with Engine(target) as engine:
        assert [row.id for row in await engine.containers()] == [container_id]
        async with (
            asyncio.timeout(30),
            engine.logs(container_id, follow=True, tail=None, timestamps=False, tty=False) as log,
        ):
            numbers: list[bytes] = []
            while len(numbers) < 20_000:
                numbers += [line.data for line in await anext(log)]
        assert numbers[:20_000] == [b"%d" % number for number in range(1, 20_001)]
        async with engine.events() as events, engine.stats_stream(container_id) as samples:
            assert (await anext(samples)).cpu_ns
            result = await engine.exec(container_id, ["sh", "-c", "echo out; exit 5"], timeout=10)
            assert (result.exit_code, result.stdout) == (5, b"out\n")
            # HAProxy takes the Upgrade header off requests that have a body.
            with pytest.raises(ProtocolError, match="doesn't let input through"):
                await engine.exec(container_id, ["cat"], stdin=b"in", timeout=10)
            await EngineActs(target).restart(container_id, timeout_s=0)
            assert (await next_of(events, "die", container_id)).exit_code is not None


# -- TLS ---------------------------------------------------------------------------------------


class Certificates(NamedTuple):
    """Folders with ca.pem, cert.pem and key.pem, in the layout of DOCKER_CERT_PATH."""

    server: Path
    client: Path
    stranger: Path


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    root = tmp_path_factory.mktemp("tls")

    def authority(name: str) -> tuple[Path, Path]:
        key, cert = root / f"{name}.key", root / f"{name}.pem"
        request: list[str | Path] = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        run([*request, "-subj", f"/CN={name}", "-keyout", key, "-out", cert])
        return key, cert

    def issue(name: str, signer: tuple[Path, Path], trusted: Path, extension: str) -> Path:
        folder = root / name
        folder.mkdir()
        (folder / "ca.pem").write_bytes(trusted.read_bytes())
        (root / "ext").write_text(extension)
        key, request, cert = folder / "key.pem", folder / "csr", folder / "cert.pem"
        new_key: list[str | Path] = [
            "openssl",
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            f"/CN={name}",
        ]
        run([*new_key, "-keyout", key, "-out", request])
        sign: list[str | Path] = ["openssl", "x509", "-req", "-days", "2", "-CAcreateserial", "-in", request]
        run([*sign, "-CA", signer[1], "-CAkey", signer[0], "-extfile", root / "ext", "-out", cert])
        return folder

    ours, foreign = authority("test-ca"), authority("other-ca")
    return Certificates(
        server=issue("server", ours, ours[1], "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth"),
        client=issue("client", ours, ours[1], "extendedKeyUsage=clientAuth"),
        stranger=issue("stranger", foreign, ours[1], "extendedKeyUsage=clientAuth"),
    )


class TlsEngine(NamedTuple):
    """An engine that also listens on a TCP port, with TLS."""

    daemon: PrivateDockerd
    port: int

    def target(self, files: Path | None, host: str = "127.0.0.1", ca: Path | None = None) -> EngineTarget:
        tls = TlsFiles()
        if files is not None:
            cert, key = str(files / "cert.pem"), str(files / "key.pem")
            tls = TlsFiles(ca=str(ca or files / "ca.pem"), cert=cert, key=key)
        return EngineTarget(
            kind="tcp", host=host, port=self.port, tls=tls, name=Safe(f"tcp://{host}"), origin=Safe("--host")
        )


@pytest.fixture(scope="module")
def tls_engine(cache: Cache, certificates: Certificates) -> Iterator[TlsEngine]:
    (port,) = free_ports(1)
    files = certificates.server
    args = ["--host", f"tcp://127.0.0.1:{port}", "--tlsverify", f"--tlscacert={files / 'ca.pem'}"]
    args += [f"--tlscert={files / 'cert.pem'}", f"--tlskey={files / 'key.pem'}"]
    with throwaway(cache.daemons, name="tls", cli_config=cache.cli_config, args=args) as daemon:
        import_stub_images(daemon, [STUB_IMAGE])
        yield TlsEngine(daemon, port)


async def test_everything_works_over_tls(tls_engine: TlsEngine, certificates: Certificates) -> None:
    container_id = start(tls_engine.daemon, "seq 5000; exec stub")
    environ = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(certificates.client)}
    target = resolve_target(f"tcp://127.0.0.1:{tls_engine.port}", None, environ, Path("/nonexistent"))
    async with Engine(target) as engine:
        assert [row.id for row in await engine.containers()] == [container_id]
        assert len(await logged(engine, container_id, tail=5000)) == 5000
        data = os.urandom(3_000_000)
        result = await engine.exec(container_id, ["sh", "-c", "cat; exit 5"], stdin=data, timeout=30)
        assert (result.exit_code, result.stdout == data) == (5, True)
        async with engine.events() as events:
            await EngineActs(target).restart(container_id, timeout_s=0)
            assert (await next_of(events, "die", container_id)).exit_code is not None


async def test_certificates_that_are_not_accepted(tls_engine: TlsEngine, certificates: Certificates) -> None:
    cases = {
        "the engine refuses a stranger": tls_engine.target(certificates.stranger),
        "the system knows no such CA": tls_engine.target(None),
        "the certificate names another host": tls_engine.target(certificates.client, host="localhost"),
        "the file is missing": tls_engine.target(certificates.client, ca=certificates.client / "nosuch.pem"),
    }
    for case, target in cases.items():
        async with Engine(target) as engine:
            with pytest.raises(Denied) as raised:
                await engine.ping()
            assert raised.value.next_step, case
        with pytest.raises(Denied) as raised:
            await EngineActs(target).start(NOBODY)
        assert raised.value.next_step, case


async def test_plain_tcp_where_tls_is_spoken(tls_engine: TlsEngine) -> None:
    target = resolve_target(f"tcp://127.0.0.1:{tls_engine.port}", None, {}, Path("/nonexistent"))
    async with Engine(target) as engine:
        with pytest.raises(LettaopsError) as raised:
            await engine.ping()
    assert raised.value.next_step


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
