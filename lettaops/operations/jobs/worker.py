"""The worker: the process that does a job, whoever looks on."""

import os
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from lettaops.model.errors import Exit, LettaopsError, Refused
from lettaops.model.journal import Claimed, Closed, Job, JobState
from lettaops.model.secrets import presentable
from lettaops.model.text import Safe, clean
from lettaops.operations.audit import AuditLog
from lettaops.operations.jobs.journal import Journal, cancel_request, forget_cancel
from lettaops.operations.jobs.kind import JobKind, Surroundings
from lettaops.operations.jobs.run import JobRun
from lettaops.operations.locks import lock

FORWARD = "forward"
UNDO = "undo"


async def work(job_id: str, direction: str, where: Surroundings, kinds: Mapping[str, JobKind]) -> Exit:
    """Do a job, or undo it, to its end; everything it does is in its journal and in the audit record.

    Raises `LettaopsError` when the journal can't be had or written: then the job is interrupted.
    """
    journal = Journal.take(where.state, job_id)
    try:
        job = journal.read()
        kind = kinds.get(job.opened.kind)
        if kind is None:
            raise Refused(
                f"this lettaops knows no job of the kind {clean(job.opened.kind)}",
                not_done="Nothing was done for it.",
                next_step="finish it with the version that began it",
            )
        journal.append(_claim(where, direction))
        if direction == FORWARD:
            forget_cancel(where.state, job_id)  # an older request was about an older worker
        try:
            job = await _audited(journal, job, kind, direction, where)
        except LettaopsError as error:
            journal.append(_refused(error))
            raise
        return job.exit or Exit.DONE
    finally:
        journal.close()


async def _audited(journal: Journal, job: Job, kind: JobKind, direction: str, where: Surroundings) -> Job:
    """Permission, locks and the record of who does what, around the run."""
    where.permission.check(kind.act)
    opened = job.opened
    audit = AuditLog(where.state, where.operator)
    with ExitStack() as locks:
        for container_id, name in kind.locks(opened.arguments):
            doing = f"{kind.name} (job {opened.job_id})"
            locks.enter_context(lock(where.state, container_id, doing, where.operator, name=name))
        detail = {"job": opened.job_id, "title": opened.title, "direction": direction}
        act_id = audit.intend(kind.name, opened.target, detail)
        async with kind.open(opened, where) as steps:
            run = JobRun(
                journal.read(),
                steps,
                journal.append,
                cancelled=lambda: cancel_request(where.state, opened.job_id),
                undo_on_failure=kind.undo_on_failure,
            )
            done = await (run.back() if direction == UNDO else run.forward())
        result = {"result": str(done.state), "words": done.words, "job": opened.job_id}
        audit.conclude(act_id, kind.name, opened.target, result)
        return done


def _claim(where: Surroundings, direction: str) -> Claimed:
    return Claimed(
        at=datetime.now(UTC),
        pid=os.getpid(),
        pid_started=_start_ticks(),
        boot_id=_boot_id(),
        user=where.operator.sudo_user or where.operator.user,
        direction=direction,
    )


def _refused(error: LettaopsError) -> Closed:
    """The end of a run that was refused before its first step."""
    words = presentable(" ".join(filter(None, (f"{error.what}.", error.not_done, error.next_step))))
    return Closed(at=datetime.now(UTC), state=JobState.FAILED, exit=error.exit, words=words)


def _start_ticks() -> int:
    try:
        return int(Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0


def _boot_id() -> str:
    try:
        return Safe(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
    except OSError:
        return ""
