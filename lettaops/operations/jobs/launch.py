"""Beginning a job in a process that outlives the terminal, and looking on."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lettaops.config.paths import StateDirectory
from lettaops.model.errors import LettaopsError, Unproven
from lettaops.model.journal import FORMAT, Opened
from lettaops.model.secrets import presentable
from lettaops.operations.audit import Operator
from lettaops.operations.jobs.journal import Found, Journal, find_job, journal_path, new_job_id
from lettaops.operations.jobs.kind import JobPlan

CLAIM_SECONDS: Final = 20.0
LOOK_EVERY: Final = 0.2
_SYSTEMD: Final = Path("/run/systemd/system")
# What a worker needs of its surroundings; systemd starts it with none of them.
_PASSED: Final = (
    *("HOME", "PATH", "LANG", "LC_ALL", "PYTHONPATH", "XDG_CONFIG_HOME", "XDG_STATE_HOME"),
    *("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"),
    *("LETTAOPS_CONFIG", "LETTAOPS_STATE_DIR", "SUDO_USER", "SSH_CONNECTION"),
)


def open_job(plan: JobPlan, state: StateDirectory, operator: Operator) -> str:
    """Write a job's journal; gives its id. Nothing is done yet. Raises `Refused`."""
    opened = Opened(
        at=datetime.now(UTC),
        format=FORMAT,
        job_id=new_job_id(),
        kind=plan.kind,
        title=plan.title,
        target=plan.target,
        arguments=plan.arguments,
        user=operator.sudo_user or operator.user,
        host=operator.host,
        steps=tuple(each.plan for each in plan.steps),
    )
    Journal.create(state, opened).close()
    return opened.job_id


async def start_worker(
    job_id: str, options: Sequence[str], direction: str, state: StateDirectory, environ: Mapping[str, str]
) -> None:
    """Start the worker of a job and wait until it has taken it. `options`: global words of the command line.

    Raises `LettaopsError` with what the worker said when it ended before that.
    """
    before = find_job(state, job_id)
    log = journal_path(state, job_id).with_suffix(".log")
    words = (*(sys.executable, "-m", "lettaops"), *options, "jobs", "work", job_id, "--direction", direction)
    pid = _spawn(_command(words, job_id, environ), state, log, environ)
    try:
        async with asyncio.timeout(CLAIM_SECONDS):
            while not _taken(before, find_job(state, job_id)):
                if _has_ended(pid) and not _taken(before, find_job(state, job_id)):
                    raise LettaopsError(
                        f"the job's worker ended at once: {_last_words(log)}",
                        not_done="Nothing was done.",
                        next_step=f"lettaops jobs attach {job_id}",
                    )
                await asyncio.sleep(0.05)
    except TimeoutError as error:
        raise Unproven(
            f"the job's worker was started, but took up nothing within {CLAIM_SECONDS:g} s",
            next_step=f"lettaops jobs attach {job_id}",
        ) from error


def _spawn(words: Sequence[str], state: StateDirectory, log: Path, environ: Mapping[str, str]) -> int:
    """A process of a session of its own, that has nothing of our terminal; its pid."""
    output = state.open(str(log.relative_to(state.path)), os.O_WRONLY | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.posix_spawn(
            words[0],
            list(words),
            {name: environ[name] for name in _PASSED if name in environ},
            file_actions=[
                (os.POSIX_SPAWN_DUP2, nothing, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ],
            setsid=True,
        )
    finally:
        os.close(output)
        os.close(nothing)


async def follow(state: StateDirectory, job_id: str) -> AsyncIterator[Found]:
    """A job whenever there is more of it, until it ended or nobody works at it."""
    before: Found | None = None
    while True:
        found = find_job(state, job_id)
        if found != before:
            before = found
            yield found
        if not found.working:
            return
        await asyncio.sleep(LOOK_EVERY)


def _command(words: Sequence[str], job_id: str, environ: Mapping[str, str]) -> list[str]:
    """Under systemd, a unit of its own: logind may end all processes of a session that is left."""
    runner = shutil.which("systemd-run")
    if runner is None or os.geteuid() != 0 or not _SYSTEMD.is_dir():
        return list(words)
    passed = [f"--setenv={name}={environ[name]}" for name in _PASSED if name in environ]
    return [runner, "--quiet", "--collect", "--pipe", f"--unit=lettaops-{job_id}", *passed, "--", *words]


def _has_ended(pid: int) -> bool:
    return os.waitpid(pid, os.WNOHANG)[0] != 0


def _taken(before: Found, now: Found) -> bool:
    """Whether another worker than before has taken the job."""
    return now.job is not None and now.job.worker != (before.job.worker if before.job is not None else None)


def _last_words(log: Path) -> str:
    try:
        text = log.read_bytes()[-2000:].decode("utf-8", "replace")
    except OSError:
        return "its output can't be read"
    lines = [each.strip() for each in text.splitlines() if each.strip()]
    return presentable(" ".join(lines[-3:])) or "it said nothing"
