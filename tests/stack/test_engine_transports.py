"""A real engine behind a proxy and over TLS."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from lettaops.model.errors import (
    Denied,
    LettaopsError,
    ProtocolError,
)
from lettaops.model.text import Safe
from lettaops.sources.engine import Engine
from lettaops.sources.engine_acts import EngineActs
from lettaops.sources.target import EngineTarget, TlsFiles, resolve_target
from tests.stack.containers import NOBODY, logged, next_of, start
from tests.testbed.cache import Cache
from tests.testbed.common import free_ports, run, wait_until
from tests.testbed.dockerd import PrivateDockerd, throwaway
from tests.testbed.stub_images import STUB_IMAGE, import_stub_images

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
