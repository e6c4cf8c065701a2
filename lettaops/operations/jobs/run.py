"""Running a job's steps, forward or back, with a record before and after each."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from lettaops.model.errors import Cancelled, Exit, LettaopsError, Refused
from lettaops.model.journal import (
    Began,
    Closed,
    Ended,
    Entry,
    Job,
    JobState,
    Said,
    StepPlan,
    StepState,
    StepStory,
    Undoing,
    Undone,
    after,
)
from lettaops.model.secrets import presentable
from lettaops.model.text import Safe, clean

WORDS: Final = 2000  # characters of what a step says at once


class StepContext:
    """What a step may use while it runs: telling, remembering, and asking whether it shall stop."""

    def __init__(
        self,
        say: Callable[[str], None],
        facts: Mapping[str, Mapping[str, str]],
        cancelled: Callable[[], Safe],
    ) -> None:
        self.say = say
        self.facts: dict[str, str] = {}
        self._earlier = facts
        self._cancelled = cancelled

    def earlier(self, step: str) -> Mapping[str, str]:
        """What a step that was done has remembered, by the step's id."""
        return self._earlier.get(step, {})

    def stop_if_asked(self) -> None:
        """Where a step may be left: raises `Cancelled` when somebody asked for it."""
        if who := self._cancelled():
            raise Cancelled(f"{who} asked to stop")


class JobStep(ABC):
    """One step. What it does twice must be as if done once: a resumed job may run it again."""

    plan: StepPlan

    @abstractmethod
    async def run(self, context: StepContext) -> str:
        """Do it and say what came of it. Raises `LettaopsError`."""

    async def undo(self, context: StepContext) -> str:
        """Take it back, as far as it was done. Called only when the plan says how it is undone."""
        return ""

    async def probe(self, context: StepContext) -> bool | None:
        """Whether what it does is so already, by the real state; None when that can't be told."""
        return None


class JobRun:
    """One worker's run of a job. `append` writes a record and returns when it is on disk."""

    def __init__(
        self,
        job: Job,
        steps: Sequence[JobStep],
        append: Callable[[Entry], None],
        *,
        cancelled: Callable[[], Safe],
        undo_on_failure: bool,
    ) -> None:
        if [each.plan.id for each in steps] != [each.plan.id for each in job.steps]:
            raise Refused(
                f"job {job.opened.job_id} was planned by another version of lettaops",
                not_done="Nothing was done for it.",
                next_step="finish it with that version, or look at the services and mend by hand",
            )
        self._job = job
        self._steps = steps
        self._append = append
        self._cancelled = cancelled
        self._undo_on_failure = undo_on_failure

    @property
    def job(self) -> Job:
        """The job so far."""
        return self._job

    async def forward(self) -> Job:
        """Do what is left to do. A failure is undone where the kind of job says so.

        Raises `Refused` when the journal can't be written: then nothing more is done.
        """
        for number, step in enumerate(self._steps):
            story = self._job.steps[number]
            if story.state is StepState.DONE:
                continue
            try:
                if who := self._cancelled():
                    raise Cancelled(f"{who} asked to stop before: {step.plan.title}")
                await self._do(number, step, story)
            except LettaopsError as error:
                return await self._failed(error)
        return self._close(JobState.DONE, Exit.DONE, Safe())

    async def back(self, why: str = "undone as asked", status: Exit = Exit.ROLLED_BACK) -> Job:
        """Undo what was done, the last first; `status` is the job's exit status when that succeeds."""
        for number in reversed(range(len(self._steps))):
            step, story = self._steps[number], self._job.steps[number]
            if not story.plan.undo or story.state in {StepState.PENDING, StepState.UNDONE}:
                continue
            if not await self._undo(number, step):
                words = clean(f"undoing “{step.plan.title}” failed: {self._job.steps[number].words}")
                return self._close(JobState.NEEDS_PERSON, Exit.NEEDS_PERSON, words)
        return self._close(JobState.UNDONE, status, clean(why))

    async def _do(self, number: int, step: JobStep, story: StepStory) -> None:
        context = self._context(number)
        if story.state in {StepState.UNKNOWN, StepState.RUNNING} and await step.probe(context):
            self._tell(self._ended(number, Safe("was done already"), 0.0, ok=True, facts=context.facts))
            return
        self._tell(Began(at=_now(), step=number))
        started = time.monotonic()
        try:
            words = presentable(await step.run(context))
        except LettaopsError as error:
            words = presentable(" ".join(filter(None, (f"{error.what}.", error.not_done))))
            self._tell(self._ended(number, words, time.monotonic() - started, ok=False, facts=context.facts))
            raise
        self._tell(self._ended(number, words, time.monotonic() - started, ok=True, facts=context.facts))

    async def _undo(self, number: int, step: JobStep) -> bool:
        self._tell(Undoing(at=_now(), step=number))
        started, ok = time.monotonic(), True
        try:
            words = presentable(await step.undo(self._context(number)))
        except LettaopsError as error:
            words, ok = presentable(error.what), False
        self._tell(Undone(at=_now(), step=number, ok=ok, words=words, duration_s=time.monotonic() - started))
        return ok

    async def _failed(self, error: LettaopsError) -> Job:
        cancelled = isinstance(error, Cancelled)
        words = presentable(" ".join(filter(None, (error.what, error.next_step))))
        begun = [each for each in self._job.steps if each.state is not StepState.PENDING]
        if begun and self._undo_on_failure:
            return await self.back(words, Exit.CANCELLED if cancelled else Exit.ROLLED_BACK)
        if cancelled:
            return self._close(JobState.CANCELLED, Exit.CANCELLED, words)
        done = any(each.state is StepState.DONE for each in self._job.steps)
        state, status = (JobState.PARTIAL, Exit.PARTIAL) if done else (JobState.FAILED, error.exit)
        return self._close(state, status, words)

    def _context(self, number: int) -> StepContext:
        def say(words: str) -> None:
            self._tell(Said(at=_now(), step=number, words=clean(presentable(words), WORDS)))

        facts = {each.plan.id: each.facts for each in self._job.steps}
        context = StepContext(say, facts, self._cancelled)
        context.facts.update(self._job.steps[number].facts)
        return context

    def _ended(
        self, number: int, words: Safe, seconds: float, *, ok: bool, facts: Mapping[str, str]
    ) -> Ended:
        return Ended(
            at=_now(),
            step=number,
            ok=ok,
            words=clean(words, WORDS),
            duration_s=round(seconds, 3),
            facts=dict(facts),
        )

    def _close(self, state: JobState, status: Exit, words: Safe) -> Job:
        self._tell(Closed(at=_now(), state=state, exit=status, words=clean(words, WORDS)))
        return self._job

    def _tell(self, entry: Entry) -> None:
        self._append(entry)
        self._job = after(self._job, entry)


def _now() -> datetime:
    return datetime.now(UTC)
