"""`lettaops jobs`: what runs without a terminal, what ended, and what was interrupted."""

import asyncio
import os
import signal
from datetime import UTC, datetime
from typing import Final

import click

from lettaops.cli.question import confirm
from lettaops.cli.session import Session
from lettaops.model.errors import Exit, Refused
from lettaops.model.job_lines import job_sentence, state_words, step_lines
from lettaops.model.units import ago
from lettaops.operations.jobs.journal import Found, find_job, request_cancel
from lettaops.operations.jobs.journal import jobs as all_jobs
from lettaops.operations.jobs.kind import Surroundings
from lettaops.operations.jobs.kinds import KINDS
from lettaops.operations.jobs.launch import follow, start_worker
from lettaops.operations.jobs.worker import FORWARD, UNDO, work

_TITLES: Final = ("JOB", "WHEN", "WHO", "STATE", "WHAT")


@click.group(invoke_without_command=True)
@click.pass_context
def jobs(context: click.Context) -> None:
    """Acts that outlive the terminal: list, attach, cancel, resume, roll back."""
    if context.invoked_subcommand is None:
        context.invoke(list_jobs)


@jobs.command("list")
@click.option("--json", "as_json", is_flag=True, help="One object.")
@click.pass_obj
def list_jobs(session: Session, as_json: bool = False) -> int:
    """All jobs, newest first. Exit status 10 when one was interrupted."""
    found = list(all_jobs(session.state))
    interrupted = any(each.interrupted for each in found)
    if as_json:
        session.output.json({"schema": "lettaops/jobs/1", "jobs": [_document(each) for each in found]})
    elif not found:
        session.output.talk(f"no job is recorded in {session.state.path}")
    else:
        session.output.table(_TITLES, [_row(each) for each in found])
        if interrupted:
            session.output.talk("an interrupted job can be finished (jobs resume) or undone (jobs rollback)")
    return int(Exit.WARNING if interrupted else Exit.DONE)


@jobs.command()
@click.argument("job")
@click.pass_obj
def attach(session: Session, job: str) -> int:
    """Look on while a job runs, or see how it went. Ctrl-C leaves it running."""
    return asyncio.run(look_on(session, find_job(session.state, job).job_id))


@jobs.command()
@click.argument("job")
@click.pass_obj
def cancel(session: Session, job: str) -> int:
    """Ask a job to stop at the next point where it may."""
    found = find_job(session.state, job)
    if not found.working:
        session.output.line(f"job {found.job_id} doesn't run: there is nothing to stop")
        return int(Exit.FAILED)
    kind = KINDS.get(found.job.opened.kind) if found.job is not None else None
    session.permission.check(kind.act if kind is not None else "cancel")
    request_cancel(session.state, found.job_id, str(session.operator.sudo_user or session.operator.user))
    session.output.line(f"job {found.job_id} was asked to stop; it ends at the next point where it may")
    return int(Exit.DONE)


@jobs.command()
@click.argument("job")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.pass_obj
def resume(session: Session, job: str, yes: bool) -> int:
    """Finish a job that was interrupted: what is done already is not done again."""
    return _again(session, job, FORWARD, "Finish it", yes=yes)


@jobs.command()
@click.argument("job")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.pass_obj
def rollback(session: Session, job: str, yes: bool) -> int:
    """Undo what a job has done, the last step first."""
    return _again(session, job, UNDO, "Undo it", yes=yes)


@jobs.command("work", hidden=True)
@click.argument("job")
@click.option("--direction", type=click.Choice([FORWARD, UNDO]), default=FORWARD)
@click.pass_obj
def work_verb(session: Session, job: str, direction: str) -> int:
    """Do a job: what `lettaops` starts in a session of its own."""
    os.chdir("/")  # the operator's folder may be unmounted meanwhile
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    here = Surroundings(
        target=session.target,
        project=session.settings.profile.project,
        permission=session.permission,
        state=session.state,
        operator=session.operator,
        password=session.settings.password(),
    )
    return int(asyncio.run(work(job, direction, here, KINDS)))


async def look_on(session: Session, job_id: str) -> int:
    """Print a job's steps as they come; its exit status when it has ended."""
    output = session.output
    printed: list[str] = []
    last: Found | None = None
    async for found in follow(session.state, job_id):
        last = found
        if found.job is None:
            continue
        lines = list(step_lines(found.job))
        shown = [each for each in lines if not each.startswith("·")]
        for line in shown:
            if line not in printed:
                printed.append(line)
                output.line(line)
    if last is None or last.job is None:
        raise Refused(f"the journal of job {job_id} can't be trusted: {last.broken if last else ''}")
    output.line(job_sentence(last.job, working=last.working, now=datetime.now(UTC)))
    if last.interrupted:
        output.talk(f"  lettaops jobs resume {job_id}, or lettaops jobs rollback {job_id}")
        return int(Exit.NEEDS_PERSON)
    return int(last.job.exit if last.job.exit is not None else Exit.DONE)


def _again(session: Session, name: str, direction: str, question: str, *, yes: bool) -> int:
    found = find_job(session.state, name)
    job = found.job
    if job is None:
        raise Refused(f"the journal of job {found.job_id} can't be trusted: {found.broken}")
    if found.working:
        raise Refused(
            f"job {found.job_id} runs", not_done="Nothing was done.", next_step=f"jobs attach {found.job_id}"
        )
    for line in step_lines(job):
        session.output.talk(line)
    session.output.talk(job_sentence(job, working=False, now=datetime.now(UTC)))
    if not yes:
        confirm(question, f"jobs {'rollback' if direction == UNDO else 'resume'}")
    asyncio.run(start_worker(found.job_id, session.words, direction, session.state, session.environ))
    return asyncio.run(look_on(session, found.job_id))


def _row(found: Found) -> tuple[str, ...]:
    job = found.job
    if job is None:
        return (found.job_id, "–", "–", "broken", found.broken)
    now = datetime.now(UTC)
    state = state_words(job, working=found.working)
    words = job.opened.title if job.is_open or not job.words else f"{job.opened.title}: {job.words}"
    return (found.job_id, ago(job.opened.at, now), job.opened.user, state, words)


def _document(found: Found) -> dict[str, object]:
    job = found.job
    if job is None:
        return {"id": found.job_id, "state": "broken", "words": found.broken}
    return {
        "id": found.job_id,
        "kind": job.opened.kind,
        "title": job.opened.title,
        "opened_at": job.opened.at,
        "closed_at": job.closed_at,
        "user": job.opened.user,
        "state": state_words(job, working=found.working),
        "exit": int(job.exit) if job.exit is not None else None,
        "words": job.words,
        "steps": [
            {
                "id": each.plan.id,
                "title": each.plan.title,
                "state": each.state.value,
                "duration_s": each.duration_s,
                "words": each.words,
            }
            for each in job.steps
        ],
    }
