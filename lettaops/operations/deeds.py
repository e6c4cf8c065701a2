"""Acts on what isn't a container, as sessions and runs: permission, lock, record, deed, record."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack

import msgspec

from lettaops.config.paths import StateDirectory
from lettaops.model.errors import Exit, LettaopsError, Refused
from lettaops.model.text import Safe, clean
from lettaops.operations.audit import AuditLog, Operator
from lettaops.operations.deed_plan import DeedPlan, DeedStep
from lettaops.operations.execute import Permission
from lettaops.operations.locks import lock


class DeedResult(msgspec.Struct, frozen=True, kw_only=True):
    """How one step ended: `words` for people, the error's exit status for scripts."""

    step: DeedStep
    exit: Exit
    words: Safe
    duration_s: float
    next_step: Safe = Safe()


class DeedExecutor:
    """Does plans. A step that fails keeps no other from being tried: they are independent."""

    def __init__(self, *, permission: Permission, directory: StateDirectory, operator: Operator) -> None:
        self._permission = permission
        self._directory = directory
        self._operator = operator
        self._audit = AuditLog(directory, operator)

    async def run(
        self, plan: DeedPlan, do: Callable[[DeedStep], Awaitable[Safe]]
    ) -> AsyncIterator[DeedResult]:
        """Do the steps in order, one result each. `do` gives words for what came of it, or raises.

        Raises `Refused` or `Locked` before anything is touched.
        """
        self._permission.check(plan.deed)
        with ExitStack() as locks:
            for step in plan.steps:
                locks.enter_context(
                    lock(self._directory, step.identity, plan.deed, self._operator, name=step.name)
                )
            for step in plan.steps:
                yield await self._one(plan, step, do)

    async def _one(
        self, plan: DeedPlan, step: DeedStep, do: Callable[[DeedStep], Awaitable[Safe]]
    ) -> DeedResult:
        started = time.monotonic()
        target = {
            "engine": plan.engine,
            "project": plan.project,
            "where": plan.where,
            "service": step.name,
            "identity": step.identity,
        }
        try:
            act_id = self._audit.intend(plan.deed, target, {"detail": step.detail})
        except LettaopsError as error:
            return _failed(step, error, time.monotonic() - started)
        try:
            words = await do(step)
        except LettaopsError as error:
            result = _failed(step, error, time.monotonic() - started)
        else:
            result = DeedResult(step=step, exit=Exit.DONE, words=words, duration_s=time.monotonic() - started)
        outcome = {"result": result.exit.name.lower(), "words": result.words}
        try:
            self._audit.conclude(
                act_id, plan.deed, target, outcome | {"duration_s": f"{result.duration_s:.2f}"}
            )
        except Refused as error:
            return msgspec.structs.replace(
                result, exit=result.exit or Exit.PARTIAL, words=clean(f"{result.words}, but {error.what}")
            )
        return result


def _failed(step: DeedStep, error: LettaopsError, seconds: float) -> DeedResult:
    what = error.what.removeprefix(f"{step.name} ")  # whoever shows the result names its step
    return DeedResult(
        step=step,
        exit=error.exit,
        words=clean(f"{what}. {error.not_done}" if error.not_done else what),
        duration_s=seconds,
        next_step=error.next_step,
    )
