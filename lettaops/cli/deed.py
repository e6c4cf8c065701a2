"""Doing what isn't done to containers: preview, question, results. For the verbs `sessions` and `runs`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from lettaops.actions import DEEDS, DeedAction
from lettaops.cli.question import confirm
from lettaops.cli.session import Session
from lettaops.model.errors import Exit, LettaopsError
from lettaops.model.text import Safe
from lettaops.model.units import duration
from lettaops.operations.deed_plan import Deed, DeedPlan, deed_lines
from lettaops.operations.deeds import DeedExecutor, DeedResult


def action_of(deed: Deed) -> DeedAction:
    """What the registry says of a deed."""
    return next(each for each in DEEDS if each.deed is deed)


def planned(session: Session, deed: Deed, plan: Callable[[], Awaitable[DeedPlan]], *, yes: bool) -> DeedPlan:
    """The plan, permitted and confirmed. Raises `Refused`, `Cancelled` and what planning raises."""
    action = action_of(deed)
    session.permission.check(deed)

    async def make() -> DeedPlan:
        return await plan()

    try:
        made = asyncio.run(make())
    except LettaopsError as error:
        error.not_done = error.not_done or Safe("Nothing was done.")
        raise
    if not yes:
        for line in deed_lines(action.title, made):
            session.output.talk(line)
        confirm(action.title, " ".join(action.verb))
    return made


def executor(session: Session) -> DeedExecutor:
    """The executor of this session."""
    return DeedExecutor(permission=session.permission, directory=session.state, operator=session.operator)


async def told(session: Session, results: AsyncIterator[DeedResult]) -> int:
    """Print each result as it comes; gives the exit status: of the last failure, or partial."""
    done, worst = 0, Exit.DONE
    async for result in results:
        joint = " " if result.exit is Exit.DONE else ": "
        session.output.line(f"{result.step.name}{joint}{result.words} ({duration(result.duration_s)})")
        if result.exit is Exit.DONE:
            done += 1
        else:
            worst = result.exit
            if result.next_step:
                session.output.talk(f"  {result.next_step}")
    return int(Exit.PARTIAL if done and worst is not Exit.DONE else worst)
