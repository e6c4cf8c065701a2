"""What a job's journal says, in lines for people. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from lettaops.model.journal import Job, JobState, StepState, StepStory
from lettaops.model.text import Safe, clean
from lettaops.model.units import ago, duration

_SIGNS: Final = {
    StepState.PENDING: "·",
    StepState.RUNNING: "▸",
    StepState.DONE: "✓",
    StepState.FAILED: "✕",
    StepState.UNDONE: "↶",
    StepState.UNKNOWN: "?",
}


def state_words(job: Job, *, working: bool) -> Safe:
    """How a job is, in one word or few. `working`: whether a worker holds its journal."""
    if job.state is JobState.RUNNING and not working:
        return Safe("interrupted")
    if working and job.worker is not None and job.worker.direction == "undo":
        return Safe("being undone")
    return Safe(job.state.value)


def job_sentence(job: Job, *, working: bool, now: datetime) -> Safe:
    """The job in one sentence: what, how far, how it ended and what can be done next."""
    title, steps = job.opened.title, len(job.steps)
    done = sum(each.state is StepState.DONE for each in job.steps)
    current = next((each for each in job.steps if each.state is StepState.RUNNING), None)
    if working and current is not None:
        number = job.steps.index(current) + 1
        return clean(f"{title}: step {number} of {steps}, {current.plan.title}")
    if not job.is_open:
        return clean(f"{title}: {job.state}. {job.words}" if job.words else f"{title}: {job.state}")
    if working:
        return clean(f"{title}: {done} of {steps} steps are done")
    began = job.worker.at if job.worker is not None else job.opened.at
    return clean(
        f"{title}: interrupted, its worker is gone; {done} of {steps} steps are known to be done "
        f"(begun {ago(began, now)})"
    )


def step_lines(job: Job) -> Iterator[Safe]:
    """A line for each step, with its duration, and below it what it said."""
    for number, step in enumerate(job.steps, start=1):
        yield step_line(number, step)
        for said in step.said:
            yield clean(f"      {said}")


def step_line(number: int, step: StepStory) -> Safe:
    """One step: sign, title, what came of it and how long it took."""
    took = f" ({duration(step.duration_s)})" if step.duration_s is not None else ""
    words = f": {step.words}" if step.words else ""
    return clean(f"{_SIGNS[step.state]} {number:>2} {step.plan.title}{words}{took}")
