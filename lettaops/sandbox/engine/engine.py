"""The engine stand-in: containers that are processes of this machine, under an engine's API."""

import asyncio
import hashlib
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from lettaops.model.engine import DEPENDS_LABEL
from lettaops.model.errors import DeadlineExceeded, LettaopsError
from lettaops.sandbox.engine import procfs
from lettaops.sandbox.engine.backend import Backend
from lettaops.sandbox.engine.claim import Claim
from lettaops.sandbox.engine.container import Container
from lettaops.sandbox.engine.errors import BadRequest
from lettaops.sandbox.engine.events import Events
from lettaops.sandbox.engine.faults import Command, ControlServer, Faults
from lettaops.sandbox.engine.health import HEALTHY
from lettaops.sandbox.engine.logfile import Selection, parts
from lettaops.sandbox.engine.server import Server
from lettaops.sandbox.engine.stats import memory_bytes
from lettaops.sandbox.spec import ContainerSpec

START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.02
_MEMORY_SECONDS: Final = 1.0
_TOLD_LINES: Final = 5


class SandboxEngine:
    """A whole engine within one event loop; use as an asynchronous context manager.

    `directory` becomes its own: it must be empty, new, or an earlier sandbox's, whose leavings are
    cleared away first. Entering listens on `socket` and on `control`, the switches of faults;
    leaving ends all processes, and removes sockets and directory. Raises `Refused` when another
    process has the directory.
    """

    def __init__(
        self, directory: Path, socket: Path, containers: Sequence[ContainerSpec], network: str
    ) -> None:
        self.directory = directory.absolute()
        self.socket = socket.absolute()
        self.control = self.directory / "control.sock"
        self.faults = Faults()
        self._specs = containers
        self._claim = Claim(self.directory)
        self._backend = Backend(network, Events())
        self._server = Server(self.socket, self._backend, self.faults)
        self._switches = ControlServer(self.control, self._command)
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._claim.take()
        try:
            for path in (self.socket, self.control):
                self._claim.add_socket(path)
            for spec in self._specs:
                self._add(spec)
            await self._server.start()
            await self._switches.start()
        except BaseException:
            await self._close()
            raise
        if any(spec.memory_limit_bytes for spec in self._specs):
            self._watching = asyncio.create_task(self._watch_memory())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.stop_all(_STOP_SECONDS)
        finally:
            await self._close()

    def container(self, name: str) -> Container:
        """The container of a name. Raises `KeyError`."""
        return next(each for each in self._backend.containers.values() if each.spec.name == name)

    async def start_all(self, timeout: float = START_SECONDS) -> None:
        """Start all containers, each once those it depends on are running, or healthy if they can be.

        Raises `DeadlineExceeded` when that takes more than `timeout` seconds, and `LettaopsError`
        for a container that can't be started or has ended.
        """
        ends_at = time.monotonic() + timeout
        try:
            for level in self._levels():
                async with asyncio.TaskGroup() as starting:
                    for container in level:
                        starting.create_task(self._start(container, ends_at))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures

    async def stop_all(self, timeout_s: float | None = None) -> None:
        """Stop all containers, those that others depend on last; `timeout_s` at most for each."""
        for level in reversed(self._levels()):
            async with asyncio.TaskGroup() as stopping:
                for container in level:
                    seconds: float = container.spec.stop_timeout_s
                    if timeout_s is not None:
                        seconds = min(seconds, timeout_s)
                    stopping.create_task(container.stop(seconds))

    # -- inside ----------------------------------------------------------------------------

    def _add(self, spec: ContainerSpec) -> None:
        identity = hashlib.sha256(f"{self.directory} {spec.name}".encode()).hexdigest()
        home = self.directory / "containers" / identity[:12]
        made = Container(
            spec, identity, home, str(self.directory), self._backend.events, self._note_processes
        )
        self._backend.containers[identity] = made
        made.tell("create")

    def _note_processes(self) -> None:
        self._claim.set_processes(
            [each.state.pid for each in self._backend.containers.values() if each.state.pid]
        )

    def _levels(self) -> list[list[Container]]:
        """Containers that depend on nothing, then those that only depend on these, and so on.

        A circle, which compose would refuse, comes last.
        """
        waiting = list(self._backend.containers.values())
        levels: list[list[Container]] = []
        while waiting:
            missing = {each.spec.service for each in waiting}
            level = [
                each for each in waiting if not missing.intersection(_dependencies(each.spec))
            ] or waiting
            levels.append(level)
            waiting = [each for each in waiting if each not in level]
        return levels

    async def _start(self, container: Container, ends_at: float) -> None:
        name, health = container.spec.name, container.health
        try:
            await container.start()
        except BadRequest as error:
            raise LettaopsError(f"{name} can't be started: {error}") from error
        while health is not None and health.status != HEALTHY:
            if not container.state.up:
                raise LettaopsError(
                    f"{name} ended with {container.state.exit_code} before it was healthy"
                    f"{await _last_lines(container)}"
                )
            if time.monotonic() > ends_at:
                raise DeadlineExceeded(f"{name} did not get healthy in time{await _last_lines(container)}")
            await asyncio.sleep(_POLL_SECONDS)

    async def _watch_memory(self) -> None:
        while True:
            await asyncio.sleep(_MEMORY_SECONDS)
            processes = procfs.table()
            for each in self._backend.containers.values():
                limit = each.spec.memory_limit_bytes
                if limit and each.state.up and memory_bytes(each.members.quick(processes)) > limit:
                    await each.kill_for_memory()

    async def _command(self, command: Command) -> None:
        if command.inject is not None:
            self.faults.inject(command.inject)
        if command.clear is not None:
            self.faults.clear(command.clear)
        if command.cut:
            await self._server.cut()
        if command.vanish or command.restart is not None:
            await self._server.stop()
        if command.restart is not None:
            await asyncio.sleep(command.restart)
        if command.appear or command.restart is not None:
            await self._server.start()
        if command.start_all:
            await self.start_all()
        if command.stop_all:
            await self.stop_all()

    async def _close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self._server.stop()
        await self._switches.stop()
        try:
            await self._backend.close()
        finally:
            self._claim.release()


def _dependencies(spec: ContainerSpec) -> Iterable[str]:
    """Services of compose's label: "service:condition:restart", separated by commas."""
    label = spec.labels.get(DEPENDS_LABEL, "")
    return (each.partition(":")[0] for each in label.split(",") if each)


async def _last_lines(container: Container) -> str:
    lines: list[bytes] = []
    async for records in container.log.read(Selection(tail=_TOLD_LINES)):
        lines += [parts(each)[2].strip() for each in records]
    return ": " + b" / ".join(lines).decode(errors="replace") if lines else ""
