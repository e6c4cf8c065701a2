"""An engine with the containers that a test wants: the sandbox's own, or a real one."""

import gc
import io
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import docker
import msgspec
from docker.errors import APIError, DockerException

from lettaops.sandbox.engine import Switches
from lettaops.sandbox.spec import (
    ContainerSpec,
    Healthcheck,
    RestartName,
    RestartPolicy,
    SandboxSpec,
    encode_spec,
)
from lettaops.sources.target import EngineTarget, resolve_target
from tests.contract.differences import Difference
from tests.testbed.common import BedError
from tests.testbed.stub_images import write_rootfs

STAYS = "trap 'exit 0' TERM; while :; do sleep 0.05; done"
NETWORK = "contract"
SERVICE_LABEL = "com.docker.compose.service"
IMAGE = "lettaops-contract/busybox:1"
ROOT = Path(__file__).parents[2]
_SECONDS = 30
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A container that a test wants; `script` is for a shell. `health`: a shell command, asked often."""

    name: str = "one"
    script: str = STAYS
    started: bool = True
    tty: bool = False
    environment: dict[str, str] = {}
    labels: dict[str, str] = {}
    health: str | None = None
    restart: RestartName = "no"
    retries: int = 0
    stop_signal: str = "SIGTERM"
    stop_timeout_s: int = 10
    files: dict[str, bytes] = {}


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A container that is there. Its name is unlike any other on the engine."""

    id: str
    name: str


class Lab(Protocol):
    """An engine and its containers. `image` is what they were made of."""

    host: str
    image: str

    @property
    def containers(self) -> dict[str, Made]:
        """By the name that the test gave them."""

    def make(self, *wanted: Wanted) -> None:
        """Make containers, in this order. Once in a test."""

    def differs(self, difference: Difference) -> bool:
        """Whether this engine may differ from a real one there."""


def one(lab: Lab, **wanted: Any) -> str:
    """Make a single container; its id."""
    lab.make(Wanted(**wanted))
    return lab.containers["one"].id


def target_of(lab: Lab) -> EngineTarget:
    """How to reach its engine."""
    return resolve_target(lab.host, None, {}, Path("/nonexistent"))


@contextmanager
def client_of(lab: Lab) -> Iterator[docker.DockerClient]:
    """docker-py, as its users use it."""
    client = docker.DockerClient(base_url=lab.host, timeout=_SECONDS)
    try:
        yield client
    finally:
        client.close()
        with warnings.catch_warnings():  # it leaves the sockets of its streams to the garbage collector
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


class SandboxLab:
    """The sandbox's engine in a process of its own. Its containers have to be known before it starts."""

    image = "contract:1"

    def __init__(self) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="lo-"))
        self.directory = self.root / "d"
        self.host = f"unix://{self.root}/e.sock"
        self.containers: dict[str, Made] = {}
        self.process: subprocess.Popen[bytes] | None = None

    def make(self, *wanted: Wanted) -> None:
        """Start an engine that has these containers, and start those that are to be."""
        self.start(SandboxSpec(network=NETWORK, containers=tuple(map(self._spec, wanted))))
        with client_of(self) as client:
            for each in wanted:
                made = client.containers.get(each.name)
                self.containers[each.name] = Made(id=str(made.id), name=each.name)
                if each.started:
                    made.start()

    def start(self, spec: SandboxSpec, *, start: bool = False) -> None:
        """Start an engine with this spec; with `start` it goes on to start all its containers."""
        file = self.root / "spec.json"
        file.write_bytes(encode_spec(spec))
        words = [sys.executable, "-m", "lettaops.sandbox.engine", str(file), "--with-parent"]
        words += ["--directory", str(self.directory), "--socket", self.host.removeprefix("unix://")]
        words += [] if start else ["--no-start"]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
        assert self.process.stdout is not None
        told = self.process.stdout.readline()
        assert b"listening" in told, told

    @property
    def switches(self) -> Switches:
        """Its faults."""
        return Switches(self.directory / "control.sock")

    def differs(self, difference: Difference) -> bool:
        """All of them may be met."""
        return bool(difference)

    def end(self) -> None:
        """End it, and all that it runs, in order."""
        process = self.process
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            status = process.wait(_SECONDS)
        finally:
            process.kill()
            process.wait()
            self.process = None
        assert status in (0, -signal.SIGKILL), "the engine ended in order, or was killed by the test"

    def close(self) -> None:
        """End it, and remove its files."""
        try:
            self.end()
        finally:
            shutil.rmtree(self.root, ignore_errors=True)

    def _spec(self, wanted: Wanted) -> ContainerSpec:
        health = None
        if wanted.health is not None:
            health = Healthcheck(argv=("sh", "-c", wanted.health), interval_s=0.2, timeout_s=5, retries=2)
        return ContainerSpec(
            name=wanted.name,
            service=wanted.labels.get(SERVICE_LABEL, wanted.name),
            image=self.image,
            command=("sh", "-c", wanted.script),
            environment=wanted.environment,
            process_environment={"PATH": _PATH},
            labels=wanted.labels,
            restart_policy=RestartPolicy(name=wanted.restart, maximum_retries=wanted.retries),
            health=health,
            stop_signal=wanted.stop_signal,
            stop_timeout_s=wanted.stop_timeout_s,
            files=wanted.files,
            tty=wanted.tty,
        )


class RealLab:
    """A real engine. Its containers are made of an image with a shell, and removed at the end."""

    def __init__(self, host: str, image: str) -> None:
        self.host = host
        self.image = image
        self.containers: dict[str, Made] = {}

    def make(self, *wanted: Wanted) -> None:
        """Create these containers, and start those that are to be."""
        with client_of(self) as client:
            for each in wanted:
                self._make(client.api, each)

    def differs(self, difference: Difference) -> bool:
        """None is allowed."""
        return not difference

    def close(self) -> None:
        """Remove the containers."""
        with client_of(self) as client:
            for each in self.containers.values():
                with suppress(APIError):
                    client.api.remove_container(each.id, force=True, v=True)

    def _make(self, api: docker.APIClient, wanted: Wanted) -> None:
        health = None
        if wanted.health is not None:
            health = docker.types.Healthcheck(
                test=["CMD", "sh", "-c", wanted.health],
                interval=200_000_000,
                timeout=5_000_000_000,
                retries=2,
            )
        name = f"lettaops-contract-{secrets.token_hex(4)}-{wanted.name}"
        made = api.create_container(
            self.image,
            ["sh", "-c", wanted.script],
            name=name,
            tty=wanted.tty,
            environment=wanted.environment,
            labels=wanted.labels,
            healthcheck=health,
            stop_signal=wanted.stop_signal,
            host_config=api.create_host_config(
                restart_policy={"Name": wanted.restart, "MaximumRetryCount": wanted.retries}
            ),
        )
        self.containers[wanted.name] = Made(id=str(made["Id"]), name=name)
        if wanted.files:
            api.put_archive(made["Id"], "/", _tar(wanted.files))
        if wanted.started:
            api.start(made["Id"])


def host_nearby() -> str:
    """The engine of `DOCKER_HOST`, or of the default socket; LookupError when nobody listens there."""
    host = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if host.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as tried:
            try:
                tried.connect(host.removeprefix("unix://"))
            except OSError as error:
                raise LookupError(f"no real engine answers at {host}: {error.strerror}") from error
    return host


@contextmanager
def image_nearby(host: str) -> Iterator[str]:
    """An image on an engine that has a shell: of this machine's static busybox; it is removed again.

    Nothing is pulled. LookupError when it can't be made.
    """
    client = docker.DockerClient(base_url=host, timeout=_SECONDS)
    repository, tag = IMAGE.split(":")
    try:
        try:
            with tempfile.TemporaryDirectory() as scratch:
                rootfs = Path(scratch) / "rootfs.tar"
                write_rootfs(rootfs)
                client.api.import_image_from_file(str(rootfs), repository, tag, changes=["ENV PATH=/bin"])
        except (BedError, DockerException) as error:
            raise LookupError(f"no image can be had for the engine at {host}: {error}") from error
        yield IMAGE
        client.api.remove_image(IMAGE, force=True)
    finally:
        client.close()


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name.lstrip("/"))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()
