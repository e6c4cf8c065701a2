"""The journals of jobs as files: written before and after each step, synced, locked while a worker runs."""

import fcntl
import os
import re
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

import msgspec

from lettaops.config.paths import StateDirectory
from lettaops.model.errors import Denied, Locked, Refused, UsageError
from lettaops.model.journal import BrokenJournal, Entry, Job, Opened, Said, entry_line, job_of
from lettaops.model.text import Safe, clean

FOLDER: Final = "jobs"
SUFFIX: Final = ".jsonl"
_GLANCE_S: Final = 0.5  # whoever looks whether a worker lives holds the lock for a moment
_ID: Final = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """A journal in the state directory. `working`: a worker holds it. `job` None: `broken` says why."""

    job_id: str
    job: Job | None
    working: bool
    broken: Safe = Safe()

    @property
    def interrupted(self) -> bool:
        """Whether its worker ended without writing how the job ended."""
        return not self.working and (self.job is None or self.job.is_open)


def new_job_id() -> str:
    """A job's id: the moment and eight random digits. Newer ids sort behind older ones."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"


class Journal:
    """A job's journal, open for the one worker that may write it."""

    def __init__(self, descriptor: int, job_id: str) -> None:
        self._descriptor = descriptor
        self.job_id = job_id

    @classmethod
    def create(cls, directory: StateDirectory, opened: Opened) -> Self:
        """Begin a journal. Raises `Refused` when it can't be written."""
        try:
            descriptor = directory.open(_name(opened.job_id), os.O_RDWR | os.O_APPEND | os.O_EXCL)
            journal = cls._locked(descriptor, opened.job_id)
            _sync_folder(directory.path / FOLDER)
        except OSError as error:
            raise Refused(
                f"the job's journal can't be made in {directory.path}: {error.strerror}",
                not_done="Nothing was done: a job needs a journal first.",
                next_step="free space or mend the permissions of the state directory",
            ) from error
        journal.append(opened)
        return journal

    @classmethod
    def take(cls, directory: StateDirectory, job_id: str) -> Self:
        """Go on with a journal. Raises `UsageError` (none), `Locked` (a worker has it), `Denied`."""
        path = directory.path / _name(job_id)
        if not path.is_file():
            raise UsageError(f"there is no job {clean(job_id)}", next_step="lettaops jobs list")
        try:
            return cls._locked(directory.open(_name(job_id), os.O_RDWR | os.O_APPEND), job_id)
        except OSError as error:
            raise Denied(f"the journal of job {job_id} can't be opened: {error.strerror}") from error

    @classmethod
    def _locked(cls, descriptor: int, job_id: str) -> Self:
        until = time.monotonic() + _GLANCE_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > until:
                    os.close(descriptor)
                    raise Locked(
                        f"a worker is at job {job_id} already", next_step=f"lettaops jobs attach {job_id}"
                    ) from error
                time.sleep(0.01)
            else:
                return cls(descriptor, job_id)

    def read(self) -> Job:
        """The job so far; what was cut off at the end is removed, so that the next record stands alone.

        Raises `Refused` when the journal can't be trusted.
        """
        data = _all_of(self._descriptor)
        try:
            job = job_of(data)
        except BrokenJournal as error:
            raise Refused(
                f"the journal of job {self.job_id} can't be trusted: {error}",
                not_done="Nothing was done for it.",
                next_step="look at the services with `lettaops status`, and mend by hand what it left",
            ) from error
        if job is None:
            raise Refused(f"the journal of job {self.job_id} holds no record", not_done="Nothing was done.")
        if job.cut:
            os.ftruncate(self._descriptor, len(data) - job.cut)
        return job

    def append(self, entry: Entry) -> None:
        """Write a record; on disk when this returns (`Said` alone may wait). Raises `Refused`."""
        line = entry_line(entry)
        end = os.fstat(self._descriptor).st_size
        try:
            while line:
                line = line[os.write(self._descriptor, line) :]
            if not isinstance(entry, Said):
                os.fsync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, end)  # half a record would hide the ones behind it
            raise Refused(
                f"the journal of job {self.job_id} can't be written: {error.strerror}",
                next_step="free space in the state directory, then `lettaops jobs`",
            ) from error

    def close(self) -> None:
        """Let it go: another worker may take it."""
        os.close(self._descriptor)


def find_job(directory: StateDirectory, job_id: str) -> Found:
    """One job as it is. `job_id` may be its beginning. Raises `UsageError` for none or several."""
    known = [each for each in _ids(directory) if each.startswith(job_id)] if job_id else []
    if len(known) != 1:
        raise UsageError(
            f"{clean(job_id)} names {'several jobs' if known else 'no job'}", next_step="lettaops jobs list"
        )
    return _found(directory, known[0])


def jobs(directory: StateDirectory) -> Iterator[Found]:
    """All jobs of the state directory, newest first."""
    for job_id in sorted(_ids(directory), reverse=True):
        yield _found(directory, job_id)


def journal_path(directory: StateDirectory, job_id: str) -> Path:
    """Where a job's journal is."""
    return directory.path / _name(job_id)


def request_cancel(directory: StateDirectory, job_id: str, user: str) -> None:
    """Ask a job's worker to stop at the next point where it may. Raises `Denied`."""
    try:
        descriptor = directory.open(_cancel_name(job_id), os.O_WRONLY | os.O_TRUNC)
    except OSError as error:
        raise Denied(f"job {job_id} can't be asked to stop: {error.strerror}") from error
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(clean(user, 80))


def cancel_request(directory: StateDirectory, job_id: str) -> Safe:
    """Who asked a job to stop; empty when nobody did."""
    try:
        text = (directory.path / _cancel_name(job_id)).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Safe()
    return clean(text, 80) or Safe("somebody")


def forget_cancel(directory: StateDirectory, job_id: str) -> None:
    """Take a request to stop back."""
    (directory.path / _cancel_name(job_id)).unlink(missing_ok=True)


def _ids(directory: StateDirectory) -> Iterator[str]:
    try:
        names = os.listdir(directory.path / FOLDER)
    except OSError:
        return
    for name in names:
        if name.endswith(SUFFIX) and _ID.fullmatch(name.removesuffix(SUFFIX)):
            yield name.removesuffix(SUFFIX)


def _found(directory: StateDirectory, job_id: str) -> Found:
    try:
        descriptor = os.open(directory.path / _name(job_id), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        words = clean(f"its journal can't be read: {error.strerror}")
        return Found(job_id=job_id, job=None, working=False, broken=words)
    try:
        working = _is_held(descriptor)
        job = job_of(_all_of(descriptor))
    except BrokenJournal as error:
        return Found(job_id=job_id, job=None, working=working, broken=clean(str(error)))
    finally:
        os.close(descriptor)
    words = Safe() if job is not None else Safe("its journal holds no record: it was cut off at the start")
    return Found(job_id=job_id, job=job, working=working, broken=words)


def _is_held(descriptor: int) -> bool:
    """Whether a worker holds the journal's lock, which the system takes from a dead one."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _all_of(descriptor: int) -> bytes:
    parts, at = [], 0
    while part := os.pread(descriptor, 1 << 20, at):
        parts.append(part)
        at += len(part)
    return b"".join(parts)


def _name(job_id: str) -> str:
    if not _ID.fullmatch(job_id):
        raise UsageError(f"{clean(job_id)} is no job's id", next_step="lettaops jobs list")
    return f"{FOLDER}/{job_id}{SUFFIX}"


def _cancel_name(job_id: str) -> str:
    return _name(job_id).removesuffix(SUFFIX) + ".cancel"


def _sync_folder(folder: Path) -> None:
    """So that a power cut doesn't take the new file's name away."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
