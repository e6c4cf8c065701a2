"""Doing what a plan says: the one place where permission, identity, lock and record are enforced."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import ExitStack, asynccontextmanager
from typing import Final, Protocol

import msgspec

from lettaops.config.paths import StateDirectory
from lettaops.model.condition import exit_words
from lettaops.model.engine import Container, ContainerStatus
from lettaops.model.errors import Exit, LettaopsError, NotFound, Refused, Unproven, Unreachable
from lettaops.model.text import Safe, clean
from lettaops.operations.audit import AuditLog, Operator
from lettaops.operations.locks import lock
from lettaops.operations.plan import SIGKILLS, Act, Plan, Step, so_already, state_words
from lettaops.sources.engine import Engine
from lettaops.sources.engine_acts import EngineActs
from lettaops.sources.target import EngineTarget

PROOF_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 10.0  # for one look: an engine at work on a container keeps it locked meanwhile
_WANTED: Final = {
    Act.START: frozenset({ContainerStatus.RUNNING}),
    Act.RESTART: frozenset({ContainerStatus.RUNNING}),
    Act.STOP: frozenset({ContainerStatus.EXITED, ContainerStatus.DEAD}),
    Act.KILL: frozenset({ContainerStatus.EXITED, ContainerStatus.DEAD}),
    Act.PAUSE: frozenset({ContainerStatus.PAUSED}),
    Act.UNPAUSE: frozenset({ContainerStatus.RUNNING}),
}


class Inspector(Protocol):
    """Where the state of a container is read: `sources.engine.Engine` is one."""

    def inspect(self, container_id: str, timeout: float | None = None) -> Awaitable[Container]:
        """The container with this full id; raises `NotFound`."""
        ...


class Performer(Protocol):
    """What does an act: `sources.engine_acts.EngineActs` is one. Ids are full ids."""

    def start(self, container_id: str) -> Awaitable[None]: ...
    def stop(self, container_id: str, timeout_s: int) -> Awaitable[None]: ...
    def restart(self, container_id: str, timeout_s: int) -> Awaitable[None]: ...
    def kill(self, container_id: str, signal: str = "SIGKILL") -> Awaitable[None]: ...
    def pause(self, container_id: str) -> Awaitable[None]: ...
    def unpause(self, container_id: str) -> Awaitable[None]: ...


class Permission(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator's profile lets be done. `allow` None: everything."""

    read_only: bool = False
    read_only_origin: str = ""
    allow: tuple[str, ...] | None = None

    def check(self, act: str) -> None:
        """Raises `Refused` when the act isn't allowed."""
        if self.read_only:
            raise Refused(
                f"{act} is refused: this is a read-only session ({self.read_only_origin or 'by request'})",
                not_done="Nothing was done.",
                next_step="start lettaops without --read-only, or change the profile",
            )
        if self.allow is not None and act not in self.allow:
            raise Refused(
                f"{act} is refused: the profile allows only {', '.join(self.allow) or 'no act'}",
                not_done="Nothing was done.",
                next_step="add it to `allow` in the profile",
            )


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one step ended: `words` for people, the error's exit status for scripts."""

    step: Step
    exit: Exit
    words: Safe
    duration_s: float
    next_step: Safe = Safe()


class Executor:
    """Runs plans against one engine."""

    def __init__(
        self,
        inspector: Inspector,
        performer: Performer,
        *,
        permission: Permission,
        directory: StateDirectory,
        operator: Operator,
    ) -> None:
        self._inspector = inspector
        self._performer = performer
        self._permission = permission
        self._directory = directory
        self._operator = operator
        self._audit = AuditLog(directory, operator)

    async def run(self, plan: Plan) -> AsyncIterator[StepResult]:
        """Do the steps in order, one result each; the first that fails ends it.

        Raises `Refused` or `Locked` before anything is touched.
        """
        self._permission.check(plan.act)
        with ExitStack() as locks:
            for step in plan.steps:
                locks.enter_context(
                    lock(self._directory, step.container_id, plan.act, self._operator, name=step.name)
                )
            for step in plan.steps:
                result = await self._one(plan, step)
                yield result
                if result.exit is not Exit.DONE:
                    return

    async def _one(self, plan: Plan, step: Step) -> StepResult:
        started = time.monotonic()
        target = {
            "engine": plan.engine,
            "project": plan.project,
            "service": step.name,
            "container": step.container_name,
            "container_id": step.container_id,
        }
        grace = str(step.grace_s) if plan.act in {Act.STOP, Act.RESTART} else ""
        wishes = {"grace_s": grace, "signal": plan.signal}
        try:
            found = await self._same(step)
            if not step.changes and found.state.status in _WANTED[plan.act]:
                words = so_already(plan, step)
                return StepResult(
                    step=step, exit=Exit.DONE, words=words, duration_s=time.monotonic() - started
                )
            act_id = self._audit.intend(
                plan.act, target, {name: each for name, each in wishes.items() if each}
            )
        except LettaopsError as error:
            error.not_done = error.not_done or Safe("Nothing was done.")  # to this one
            return _failed(step, error, time.monotonic() - started)
        try:
            await self._perform(plan, step)
            words = await self._prove(plan, step)
        except LettaopsError as error:
            result = _failed(step, error, time.monotonic() - started)
        else:
            result = StepResult(step=step, exit=Exit.DONE, words=words, duration_s=time.monotonic() - started)
        outcome = {
            "result": result.exit.name.lower(),
            "words": result.words,
            "duration_s": f"{result.duration_s:.2f}",
        }
        try:
            self._audit.conclude(act_id, plan.act, target, outcome)
        except Refused as error:
            return msgspec.structs.replace(
                result, exit=result.exit or Exit.PARTIAL, words=clean(f"{result.words}, but {error.what}")
            )
        return result

    async def _same(self, step: Step) -> Container:
        """Refuse when the confirmed container is gone or renamed: another may have taken its place."""
        try:
            found = await self._inspector.inspect(step.container_id, LOOK_SECONDS)
        except NotFound as error:
            raise Refused(
                f"{step.name} was replaced or removed since it was confirmed "
                f"(container {step.container_id[:12]} is gone)",
                not_done="Nothing was done to whatever has its name now.",
                next_step="look again and repeat",
            ) from error
        if found.name != step.container_name:
            raise Refused(
                f"the container confirmed as {step.container_name} is now called {found.name}",
                not_done="Nothing was done.",
                next_step="look again and repeat",
            )
        return found

    async def _perform(self, plan: Plan, step: Step) -> None:
        match plan.act:
            case Act.START:
                await self._performer.start(step.container_id)
            case Act.STOP:
                await self._performer.stop(step.container_id, step.grace_s)
            case Act.RESTART:
                await self._performer.restart(step.container_id, step.grace_s)
            case Act.KILL:
                await self._performer.kill(step.container_id, plan.signal or "SIGKILL")
            case Act.PAUSE:
                await self._performer.pause(step.container_id)
            case Act.UNPAUSE:
                await self._performer.unpause(step.container_id)

    async def _prove(self, plan: Plan, step: Step) -> Safe:
        """Look until the container is as the act wants it. Raises `Unproven` when that isn't seen in time."""
        if plan.act is Act.KILL and plan.signal.upper() not in SIGKILLS:
            return clean(f"signal {plan.signal} was sent")
        deadline = time.monotonic() + PROOF_SECONDS
        pause = 0.02
        while True:
            try:
                found = await self._inspector.inspect(step.container_id, LOOK_SECONDS)
            except Unreachable as error:
                raise Unproven(
                    f"{plan.act} was sent, but whether it took effect isn't known: {error.what}",
                    next_step=error.next_step,
                ) from error
            except NotFound as error:
                if plan.act in {Act.STOP, Act.KILL}:
                    return Safe("ended and was removed (--rm)")
                raise LettaopsError(
                    f"{plan.act} was sent, and {step.name} is gone: it was removed",
                    next_step="look at `lettaops status`",
                ) from error
            if found.state.status in _WANTED[plan.act]:
                return _after(plan.act, found)
            if plan.act in {Act.START, Act.RESTART} and found.state.status is ContainerStatus.EXITED:
                raise LettaopsError(
                    f"{step.name} started and ended at once: {exit_words(found)}",
                    next_step=f"see its last log lines: docker logs --tail 20 {step.container_name}",
                )
            if time.monotonic() > deadline:
                raise Unproven(
                    f"{plan.act} was sent, but {step.name} is still {state_words(found.state.status)}",
                    next_step="look at `lettaops status`",
                )
            await asyncio.sleep(pause)
            pause = min(0.25, pause * 2)


@asynccontextmanager
async def executor_on(
    target: EngineTarget, *, permission: Permission, directory: StateDirectory, operator: Operator
) -> AsyncIterator[Executor]:
    """An executor of plans on an engine, with connections of its own."""
    async with Engine(target) as engine:
        acts = EngineActs(target)
        yield Executor(engine, acts, permission=permission, directory=directory, operator=operator)


def _after(act: Act, container: Container) -> Safe:
    match act:
        case Act.STOP | Act.KILL:
            return clean(f"is stopped: {exit_words(container)}")
        case Act.PAUSE:
            return Safe("is paused")
        case _:
            return Safe("runs")


def _failed(step: Step, error: LettaopsError, seconds: float) -> StepResult:
    what = error.what.removeprefix(f"{step.name} ")  # whoever shows the result names its step
    tail = f" {error.not_done}" if error.not_done else ""
    return StepResult(
        step=step,
        exit=error.exit,
        words=clean(f"{what}.{tail}" if tail else what),
        duration_s=seconds,
        next_step=error.next_step,
    )
