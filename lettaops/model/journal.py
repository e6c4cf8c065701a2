"""The journal of a job: what is written before and after each step, and what it says when it is read. Pure.

A journal is a file of JSON lines. A line that is cut off at the end was never finished, so it says
nothing; a line that is no record anywhere else means that the journal can't be trusted.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final, cast

import msgspec

from lettaops.model.encoding import decode, encode
from lettaops.model.errors import Exit
from lettaops.model.text import Safe

FORMAT: Final = 1
MAX_RECORD_BYTES: Final = 256 * 1024


class StepState(StrEnum):
    """How far a step is. UNKNOWN: it was begun (or its undoing), and nothing tells whether it ended."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"
    UNKNOWN = "unknown"


class JobState(StrEnum):
    """How a job is. RUNNING says the journal only: whether its worker lives must be asked of the system."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # nothing is changed
    PARTIAL = "partial"  # what was done stands
    CANCELLED = "cancelled"
    UNDONE = "undone"
    NEEDS_PERSON = "needs a person"


class StepPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One step as it is planned. `command`: the call or command it makes, redacted. `undo`: what undoing
    it does, empty when there is nothing to undo."""

    id: str
    title: Safe
    command: Safe = Safe()
    undo: Safe = Safe()


class Opened(msgspec.Struct, frozen=True, kw_only=True, tag="opened"):
    """The first record: what the job is. `arguments` are what its kind needs to be made again, no secrets."""

    at: datetime
    format: int
    job_id: str
    kind: str
    title: Safe
    target: dict[str, str]
    arguments: dict[str, str]
    user: Safe
    host: Safe
    steps: tuple[StepPlan, ...]


class Claimed(msgspec.Struct, frozen=True, kw_only=True, tag="claimed"):
    """A worker took the job. `pid_started`: ticks since boot, as /proc/<pid>/stat has them.

    `direction`: "forward", or "undo".
    """

    at: datetime
    pid: int
    pid_started: int
    boot_id: str
    user: Safe
    direction: str = "forward"


class Began(msgspec.Struct, frozen=True, kw_only=True, tag="began"):
    """A step is about to be done."""

    at: datetime
    step: int


class Said(msgspec.Struct, frozen=True, kw_only=True, tag="said"):
    """What a step has to tell while it runs."""

    at: datetime
    step: int
    words: Safe


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """A step ended. `ok`: done. `facts`: what undoing it or a later step needs."""

    at: datetime
    step: int
    ok: bool
    words: Safe
    duration_s: float
    facts: dict[str, str] = {}


class Undoing(msgspec.Struct, frozen=True, kw_only=True, tag="undoing"):
    """A step is about to be undone."""

    at: datetime
    step: int


class Undone(msgspec.Struct, frozen=True, kw_only=True, tag="undone"):
    """An undoing ended."""

    at: datetime
    step: int
    ok: bool
    words: Safe
    duration_s: float


class Closed(msgspec.Struct, frozen=True, kw_only=True, tag="closed"):
    """The last record: how the job ended. `exit` is an exit status of the command line."""

    at: datetime
    state: JobState
    exit: Exit
    words: Safe


Entry = Opened | Claimed | Began | Said | Ended | Undoing | Undone | Closed
_ENTRY: Final = cast("type[Entry]", Entry)


class StepStory(msgspec.Struct, frozen=True, kw_only=True):
    """A step and what became of it."""

    plan: StepPlan
    state: StepState = StepState.PENDING
    began_at: datetime | None = None
    duration_s: float | None = None
    words: Safe = Safe()
    said: tuple[Safe, ...] = ()
    facts: dict[str, str] = {}


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A job as its journal tells it. `worker`: the last process that took it; `cut`: bytes at the end of
    the journal that are no whole record."""

    opened: Opened
    steps: tuple[StepStory, ...]
    worker: Claimed | None = None
    state: JobState = JobState.RUNNING
    exit: Exit | None = None
    words: Safe = Safe()
    closed_at: datetime | None = None
    cut: int = 0

    @property
    def is_open(self) -> bool:
        """Whether no end is written."""
        return self.state is JobState.RUNNING


class BrokenJournal(ValueError):
    """The journal can't be trusted: a record in it is none, or doesn't follow from those before."""


def entry_line(entry: Entry) -> bytes:
    """A record as it is written, with its line feed."""
    return encode(entry) + b"\n"


def entries_of(data: bytes) -> tuple[list[Entry], int]:
    """The records of a journal's bytes, and how many bytes at its end are no whole record.

    Raises `BrokenJournal`.
    """
    whole, feed, rest = data.rpartition(b"\n")
    entries: list[Entry] = []
    for number, line in enumerate((whole + feed).splitlines(), start=1):
        try:
            entries.append(decode(line, _ENTRY))
        except (msgspec.DecodeError, msgspec.ValidationError, RecursionError) as error:
            raise BrokenJournal(f"line {number} is no record") from error
    return entries, len(rest)


def job_of(data: bytes) -> Job | None:
    """The job that a journal's bytes tell of; None when not even its first record is whole.

    Raises `BrokenJournal`.
    """
    entries, cut = entries_of(data)
    return fold(entries, cut=cut) if entries else None


def fold(entries: Iterable[Entry], *, cut: int = 0) -> Job:
    """The job that some records tell of. Raises `BrokenJournal` when they contradict each other."""
    told = iter(entries)
    opened = next(told, None)
    if not isinstance(opened, Opened):
        raise BrokenJournal("the first record doesn't say what the job is")
    if opened.format != FORMAT:
        raise BrokenJournal(f"it is written in format {opened.format}, and this lettaops reads {FORMAT}")
    job = Job(opened=opened, steps=tuple(StepStory(plan=each) for each in opened.steps), cut=cut)
    for entry in told:
        job = after(job, entry)
    return job


def after(job: Job, entry: Entry) -> Job:
    """The job after one more record. Raises `BrokenJournal` when it doesn't follow."""
    match entry:
        case Opened():
            raise BrokenJournal("it begins twice")
        case Claimed():
            steps = tuple(_abandoned(each) for each in job.steps)
            return msgspec.structs.replace(
                job,
                worker=entry,
                steps=steps,
                state=JobState.RUNNING,
                exit=None,
                closed_at=None,
                words=Safe(),
            )
        case Closed():
            return msgspec.structs.replace(
                job,
                state=entry.state,
                exit=entry.exit,
                words=entry.words,
                closed_at=entry.at,
                steps=tuple(_abandoned(each) for each in job.steps),
            )
    if job.worker is None:
        raise BrokenJournal("a step was begun by nobody")
    if not 0 <= entry.step < len(job.steps):
        raise BrokenJournal(f"it tells of a step {entry.step}, which there is not")
    told = list(job.steps)
    told[entry.step] = _step_told(told[entry.step], entry)
    return msgspec.structs.replace(job, steps=tuple(told))


def _step_told(step: StepStory, entry: Began | Said | Ended | Undoing | Undone) -> StepStory:
    change = msgspec.structs.replace
    match entry:
        case Began() | Undoing():
            return change(step, state=StepState.RUNNING, began_at=entry.at, duration_s=None, words=Safe())
        case Said():
            return change(step, said=(*step.said, entry.words))
        case Ended():
            return change(
                step,
                state=StepState.DONE if entry.ok else StepState.FAILED,
                words=entry.words,
                duration_s=entry.duration_s,
                facts=entry.facts,
            )
        case Undone():
            return change(
                step,
                state=StepState.UNDONE if entry.ok else StepState.FAILED,
                words=entry.words,
                duration_s=entry.duration_s,
            )


def _abandoned(step: StepStory) -> StepStory:
    if step.state is not StepState.RUNNING:
        return step
    return msgspec.structs.replace(step, state=StepState.UNKNOWN)
