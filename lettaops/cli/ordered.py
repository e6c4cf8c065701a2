"""`lettaops restart --all`: in the order of dependency, by a worker that outlives the terminal."""

import asyncio
from collections.abc import Sequence

from lettaops.cli.jobs import look_on
from lettaops.cli.question import confirm
from lettaops.cli.session import Session
from lettaops.model.errors import Exit, LettaopsError
from lettaops.model.text import Safe
from lettaops.monitor.observe import observe
from lettaops.operations.jobs.kind import JobPlan
from lettaops.operations.jobs.launch import open_job, start_worker
from lettaops.operations.jobs.past import usual_seconds
from lettaops.operations.jobs.plan_lines import job_plan_lines
from lettaops.operations.jobs.restart import plan_restart
from lettaops.operations.jobs.worker import FORWARD
from lettaops.operations.plan import Act
from lettaops.sources.engine import Engine


def restart_in_order(
    session: Session, names: Sequence[str], *, yes: bool, dry_run: bool, grace_s: int | None
) -> int:
    """Show the plan, ask, start the job, look on. Gives the job's exit status."""
    session.permission.check(Act.RESTART)
    try:
        plan = asyncio.run(_plan(session, names, grace_s))
    except LettaopsError as error:
        error.not_done = error.not_done or Safe("Nothing was done.")
        raise
    lines = job_plan_lines(plan, usual_seconds(session.state, plan))
    if dry_run:
        for line in lines:
            session.output.line(line)
        return int(Exit.DONE)
    if not yes:
        for line in lines:
            session.output.talk(line)
        confirm("Restart in order", "restart --all")
    job_id = open_job(plan, session.state, session.operator)
    asyncio.run(start_worker(job_id, session.words, FORWARD, session.state, session.environ))
    session.output.talk(f"job {job_id} runs by itself; Ctrl-C leaves it running")
    return asyncio.run(look_on(session, job_id))


async def _plan(session: Session, names: Sequence[str], grace_s: int | None) -> JobPlan:
    async with Engine(session.target) as engine:
        seen = await observe(engine, session.settings.profile.project)
    return plan_restart(seen.stack, names, engine=session.target.name, grace_s=grace_s)
