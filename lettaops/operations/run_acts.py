"""Cancelling runs of agents: the plan, and how it is done and proven."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from lettaops.model.database.runs import Run, RunStatus
from lettaops.model.errors import LettaopsError, Refused, Unproven
from lettaops.model.text import Safe, clean
from lettaops.model.units import duration
from lettaops.operations.deed_plan import Deed, DeedPlan, DeedStep
from lettaops.operations.deeds import DeedExecutor, DeedResult

if TYPE_CHECKING:
    from lettaops.sources.letta_runs import LettaRuns

PROOF_SECONDS: Final = 10.0
_NOTHING: Final = "Nothing was done."


def plan_on_runs(
    runs: Sequence[Run], *, project: Safe, engine: Safe, server: Safe, now: datetime
) -> DeedPlan:
    """Plan to cancel runs. Raises `Refused` for one that has ended: a cancel would claim success."""
    for run in runs:
        if not run.cancellable:
            raise Refused(
                f"{run.id} has ended already ({_how(run)}): there is nothing to cancel", not_done=_NOTHING
            )
    return DeedPlan(
        deed=Deed.CANCEL_RUN,
        project=project,
        engine=engine,
        where=server,
        steps=tuple(
            DeedStep(
                name=each.id,
                identity=f"{engine}/{project}/{each.id}",
                detail=clean(f"of {each.agent_id}, {_how(each)}, began {duration(each.age(now))} ago"),
                effects=(_effect(each),),
            )
            for each in {run.id: run for run in runs}.values()
        ),
    )


class RunActs:
    """Does plans on runs through a server's API."""

    def __init__(self, api: "LettaRuns", executor: DeedExecutor) -> None:
        self._api = api
        self._executor = executor

    async def run(self, plan: DeedPlan) -> AsyncIterator[DeedResult]:
        """One result a step. Raises `Refused` or `Locked` before anything is touched."""
        async for result in self._executor.run(plan, self._cancel):
            yield result

    async def _cancel(self, step: DeedStep) -> Safe:
        """Cancel, and look what became of it: the answer to a cancel is no proof."""
        before = await self._api.run(step.name)
        if not before.cancellable:
            raise Refused(f"{step.name} has ended since it was looked at ({_how(before)})", not_done=_NOTHING)
        await self._api.cancel(before)
        deadline, pause = time.monotonic() + PROOF_SECONDS, 0.05
        while True:
            run = await self._api.run(step.name)
            if run.status is RunStatus.CANCELLED:
                return Safe("is cancelled")
            if not run.status.active and run.status is not before.status:
                raise LettaopsError(f"{step.name} ended before the cancel reached it ({_how(run)})")
            if time.monotonic() > deadline:
                raise Unproven(
                    f"{step.name} took the cancel, but is still {run.status}",
                    next_step="without redis a run sees it at its next step only; look again",
                )
            await asyncio.sleep(pause)
            pause = min(1.0, pause * 2)


def _how(run: Run) -> str:
    return f"{run.status}, {run.stop_reason}" if run.stop_reason else str(run.status)


def _effect(run: Run) -> Safe:
    if run.status.active:
        return Safe("its agent stops at the next chance; its client sees the end of the stream, “cancelled”")
    return Safe("the tool's use that waits for approval is denied")
