"""Commands in containers: execs of the API, and healthchecks."""

import asyncio
import os
import secrets
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import msgspec

from lettaops.sandbox.engine.child import Child, Sink
from lettaops.sandbox.engine.errors import BadRequest, CannotStart, WrongState

if TYPE_CHECKING:
    from lettaops.sandbox.engine.container import Container

CANNOT_START: Final = 126
_ROOT: Final = ("root", "0")


class ExecConfig(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """What `POST /containers/{id}/exec` takes."""

    cmd: list[str] = []
    env: list[str] | None = None
    user: str = ""
    working_dir: str = ""
    tty: bool = False
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False


class Exec:
    """One command in a container, which runs once. `exit_code` None: not known yet."""

    def __init__(self, container: "Container", config: ExecConfig) -> None:
        self.id = secrets.token_hex(32)
        self.container = container
        self.config = config
        self.running = False
        self.exit_code: int | None = None
        self.pid = 0
        self._child: Child | None = None
        self._tell("exec_create")

    async def start(self) -> Child:
        """Start it, for `finish`. Raises `WrongState`, and `CannotStart` with the exit status noted."""
        if self._child is not None or self.exit_code is not None:
            raise WrongState(f"Error: Exec command {self.id} has already run")
        check_runs(self.container)
        config, container = self.config, self.container
        added = dict(each.split("=", 1) for each in config.env or () if "=" in each)
        try:
            self._child = await Child.start(
                config.cmd,
                environment={**container.environment, **added},
                directory=config.working_dir or container.directory,
                stdin=config.attach_stdin,
                tty=config.tty,
                run_as=None if config.user.partition(":")[0] in _ROOT else container.spec.run_as,
            )
        except CannotStart:
            self.exit_code = CANNOT_START
            raise
        self.running, self.pid = True, self._child.pid
        container.execs[self.id] = self.pid
        self._tell("exec_start")
        return self._child

    async def finish(self, child: Child, sink: Sink, stdin: asyncio.StreamReader | None = None) -> int:
        """Hand its output to `sink` until it has ended; the exit status."""
        try:
            self.exit_code = code = await child.run(sink, stdin=stdin)
        finally:
            self.running = False
            self.container.execs.pop(self.id, None)
        self._tell("exec_die", exitCode=str(code))
        return code

    def resize(self, rows: int, columns: int) -> None:
        """The size of its terminal."""
        if self._child is not None:
            self._child.resize(rows, columns)

    def kill(self) -> None:
        """SIGKILL it and what it started in its session."""
        if self.running:
            with suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def _tell(self, action: str, **attributes: str) -> None:
        # The last word has no command: a listener knows it by the exec's id.
        words = "" if action == "exec_die" else f": {' '.join(self.config.cmd)}"
        self.container.tell(action + words, {"execID": self.id, **attributes})


def check_runs(container: "Container") -> None:
    """Raises `WrongState` unless commands can run in it."""
    if container.state.status == "paused":
        raise WrongState(f"Container {container.spec.name} is paused, unpause the container before exec")
    if not container.state.up:
        raise WrongState(f"Container {container.id} is not running")


def exec_config(body: bytes) -> ExecConfig:
    """Raises `BadRequest`."""
    try:
        config = msgspec.json.decode(body, type=ExecConfig)
    except msgspec.DecodeError as error:
        raise BadRequest(f"the exec can't be read: {error}") from error
    if not config.cmd:
        raise BadRequest("No exec command specified")
    return config


async def probe(container: "Container", argv: tuple[str, ...], timeout_s: float) -> tuple[int, bytes] | None:
    """Exit status and output of a healthcheck; None when it took longer, and was killed."""
    output = bytearray()

    async def keep(_stream: int, data: bytes) -> None:
        output.extend(data)

    check = Exec(container, ExecConfig(cmd=list(argv), attach_stdout=True, attach_stderr=True))
    try:
        child = await check.start()
    except (CannotStart, WrongState) as error:
        return check.exit_code or 1, str(error).encode()
    running = asyncio.create_task(check.finish(child, keep))
    try:
        await asyncio.wait([running], timeout=timeout_s)
        return (running.result(), bytes(output)) if running.done() else None
    finally:
        check.kill()
        await asyncio.wait([running])
