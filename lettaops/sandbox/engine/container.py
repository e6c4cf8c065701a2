"""One container: a process that is started, watched, and started again as its policy says."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from lettaops.model.errors import LettaopsError
from lettaops.sandbox.engine import clock
from lettaops.sandbox.engine.child import Child
from lettaops.sandbox.engine.claim import MARKER as SANDBOX_MARKER
from lettaops.sandbox.engine.errors import CannotStart, WrongState
from lettaops.sandbox.engine.events import Events
from lettaops.sandbox.engine.execs import probe
from lettaops.sandbox.engine.health import HealthMonitor
from lettaops.sandbox.engine.logfile import LogFile
from lettaops.sandbox.engine.members import MARKER, Members
from lettaops.sandbox.spec import ContainerSpec

FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 60.0
STEADY_SECONDS: Final = 10.0  # who ran that long begins with the first pause again
_KILL_SECONDS: Final = 10.0
_LATE_SECONDS: Final = 0.1


class Status(StrEnum):
    """`State.Status`."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    EXITED = "exited"


class State(msgspec.Struct, kw_only=True):
    """How the container is. Times in nanoseconds since 1970, 0: never."""

    status: Status = Status.CREATED
    pid: int = 0
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    started_at: int = 0
    finished_at: int = 0

    @property
    def up(self) -> bool:
        """Whether it has a process."""
        return self.status in (Status.RUNNING, Status.PAUSED)


class Container:
    """A container of the sandbox.

    `home`: its own directory. `changed` is called when its process was started or has ended.
    Acts raise `WrongState` when its state doesn't allow them, `CannotStart` when the command can't be run.
    """

    def __init__(
        self,
        spec: ContainerSpec,
        identity: str,
        home: Path,
        sandbox: str,
        events: Events,
        changed: Callable[[], None],
    ) -> None:
        self.spec = spec
        self.id = identity
        self.created_at = clock.now()
        self.state = State()
        self.restart_count = 0
        self.log = LogFile(home / "log")
        self.health = HealthMonitor(spec.health, self._probe, self.tell) if spec.health else None
        self.execs: dict[str, int] = {}  # the pid of each one that runs
        self.members = Members(identity, lambda: [*filter(None, [self.state.pid]), *self.execs.values()])
        self.directory = spec.working_directory or str(home / "work")
        self._sandbox = sandbox
        self._events = events
        self._changed = changed
        self._child: Child | None = None
        self._life: asyncio.Task[None] | None = None
        self._stay_down = asyncio.Event()
        self._exited = asyncio.Event()
        self._acting = asyncio.Lock()
        if not spec.working_directory:
            Path(self.directory).mkdir(parents=True, exist_ok=True)
            if spec.run_as:
                os.chown(self.directory, *spec.run_as)

    @property
    def hostname(self) -> str:
        """As its processes are told."""
        return self.spec.hostname or self.id[:12]

    @property
    def environment(self) -> dict[str, str]:
        """What its processes get."""
        ours = {SANDBOX_MARKER: self._sandbox, MARKER: self.id, "HOSTNAME": self.hostname}
        return {**ours, **self.spec.environment, **self.spec.process_environment}

    def tell(self, action: str, attributes: Mapping[str, str] | None = None) -> None:
        """Tell those who listen for events."""
        spec = self.spec
        fixed = {"image": spec.image, "name": spec.name}
        self._events.emit("container", action, self.id, {**spec.labels, **(attributes or {}), **fixed})

    # -- acts ------------------------------------------------------------------------------

    async def start(self) -> bool:
        """False when it runs already."""
        async with self._acting:
            if self.state.up or self.state.status is Status.RESTARTING:
                return False
            await self._start_anew()
            return True

    async def stop(self, timeout_s: float | None = None) -> bool:
        """Its stop signal, and SIGKILL after `timeout_s`; False when it doesn't run.

        Without a time its own counts; a negative one is for ever.
        """
        if not self.state.up and self.state.status is not Status.RESTARTING:
            return False
        await self._stop(self.spec.stop_timeout_s if timeout_s is None else timeout_s)
        self.tell("stop")
        return True

    async def restart(self, timeout_s: float | None = None) -> None:
        """Stop it, if it runs, and start it."""
        async with self._acting:
            await self.stop(timeout_s)
            await self._start_anew()
        self.tell("restart")

    async def kill(self, number: signal.Signals) -> None:
        """A signal to its first process; returns once that ended, if the signal is SIGKILL."""
        if not self.state.up:
            raise WrongState(f"Cannot kill container: {self.spec.name}: Container {self.id} is not running")
        if number in (signal.SIGKILL, signal.Signals[self.spec.stop_signal]):
            self._stay_down.set()
        self._signal(number)
        if number is signal.SIGKILL:
            await self._down_within(_KILL_SECONDS)

    async def pause(self) -> None:
        """Stop all its processes where they are."""
        async with self._acting:
            if self.state.status is Status.PAUSED:
                raise WrongState(f"Container {self.spec.name} is already paused")
            if self.state.status is not Status.RUNNING:
                raise WrongState(f"Container {self.spec.name} is not running")
            self.state.status = Status.PAUSED
            if self.health:
                self.health.freeze(True)
            await self.members.freeze()
        self.tell("pause")

    async def unpause(self) -> bool:
        """Let them go on; False when it isn't paused."""
        async with self._acting:
            if self.state.status is not Status.PAUSED:
                return False
            self._thaw()
        self.tell("unpause")
        return True

    async def kill_for_memory(self) -> None:
        """What the kernel does to a container that takes more memory than it may."""
        if self.state.up:
            self.state.oom_killed = True
            self.tell("oom")
            await self.members.kill()

    async def next_exit(self) -> int:
        """The exit status, once its process has ended the next time."""
        await self._exited.wait()
        return self.state.exit_code

    def resize(self, rows: int, columns: int) -> None:
        """The size of its terminal."""
        if self._child is not None:
            self._child.resize(rows, columns)

    async def close(self) -> None:
        """End it for good, at once."""
        self._stay_down.set()
        if self.health:
            await self.health.stop()
        ends_at = time.monotonic() + _KILL_SECONDS
        await self.members.kill()
        while not await self._down_within(_LATE_SECONDS) and time.monotonic() < ends_at:
            await self.members.kill()  # it was just being started, and bore no marker yet
        self.log.close()

    # -- its life --------------------------------------------------------------------------

    async def _start_anew(self) -> None:
        self._stay_down.clear()
        self.restart_count = 0
        await self._launch()
        self._life = asyncio.create_task(self._live())

    async def _launch(self) -> None:
        spec = self.spec
        try:
            self._child = await Child.start(
                spec.command,
                environment=self.environment,
                directory=self.directory,
                tty=spec.tty,
                run_as=spec.run_as,
                death_signal=spec.death_signal,
            )
        except CannotStart as error:
            self.state = State(
                status=self.state.status, exit_code=127 if error.missing else 126, error=str(error)
            )
            raise
        self.state = State(
            status=Status.RUNNING,
            pid=self._child.pid,
            started_at=clock.now(),
            finished_at=self.state.finished_at,
        )
        self._exited = asyncio.Event()
        self.log.open()
        if self.health:
            self.health.freeze(False)
            self.health.start()
        self._changed()
        self.tell("start")

    async def _live(self) -> None:
        pause = 0.0
        while True:
            began = time.monotonic()
            code = await self._until_ended()
            steady = time.monotonic() - began >= STEADY_SECONDS
            again = self._shall_restart(code)
            self._note_end(code, again=again)
            if not again:
                return
            pause = FIRST_PAUSE_SECONDS if steady or not pause else min(pause * 2, LONGEST_PAUSE_SECONDS)
            if not await self._launch_after(pause):
                self.state.status = Status.EXITED
                return

    async def _until_ended(self) -> int:
        child = self._child
        if child is None:  # it could not be started
            return self.state.exit_code
        code = await child.run(self._take, at_exit=self._end_the_rest)
        self._child = None
        self.log.end()
        return code

    async def _end_the_rest(self) -> None:
        if self.health:
            await self.health.stop()
        with suppress(LettaopsError):  # who doesn't die now is tried again when the engine ends
            await self.members.kill()

    def _note_end(self, code: int, *, again: bool) -> None:
        state = self.state
        state.pid, state.exit_code, state.finished_at = 0, code, clock.now()
        state.status = Status.RESTARTING if again else Status.EXITED
        if again:
            self.restart_count += 1
        self._changed()
        self.tell("die", {"exitCode": str(code)})
        self._exited.set()

    def _shall_restart(self, code: int) -> bool:
        policy = self.spec.restart_policy
        if self._stay_down.is_set() or policy.name == "no":
            return False
        if policy.name == "on-failure":
            allowed = policy.maximum_retries == 0 or self.restart_count < policy.maximum_retries
            return code != 0 and allowed
        return True

    async def _launch_after(self, seconds: float) -> bool:
        """Wait, and start again; False when it was told to stay down meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._stay_down.wait()
            return False
        except TimeoutError:
            pass
        try:
            await self._launch()
        except CannotStart:
            self._child = None
        if self._stay_down.is_set():
            self._signal(signal.Signals[self.spec.stop_signal])
        return True

    async def _take(self, stream: int, data: bytes) -> None:
        self.log.append(stream, data)

    async def _stop(self, timeout_s: float) -> None:
        self._stay_down.set()
        if self.state.up:
            self._signal(signal.Signals[self.spec.stop_signal])
            if self.state.status is Status.PAUSED:
                self._thaw()
        if not await self._down_within(timeout_s if timeout_s >= 0 else None):
            self._signal(signal.SIGKILL)
            await self._down_within(_KILL_SECONDS)

    async def _down_within(self, seconds: float | None) -> bool:
        if self._life is None:
            return True
        done, _ = await asyncio.wait([self._life], timeout=seconds)
        return bool(done)

    def _signal(self, number: signal.Signals) -> None:
        self.tell("kill", {"signal": str(int(number))})
        if self._child is not None:
            self._child.signal(number)

    def _thaw(self) -> None:
        self.members.thaw()
        self.state.status = Status.RUNNING
        if self.health:
            self.health.freeze(False)

    async def _probe(self, argv: tuple[str, ...], timeout_s: float) -> tuple[int, bytes] | None:
        return await probe(self, argv, timeout_s)
