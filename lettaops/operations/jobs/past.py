"""How long steps took in the past, by the journals."""

from collections.abc import Mapping
from statistics import median
from typing import Final

from lettaops.config.paths import StateDirectory
from lettaops.model.journal import StepState
from lettaops.operations.jobs.journal import jobs
from lettaops.operations.jobs.kind import JobPlan

MOST_JOBS: Final = 20


def usual_seconds(state: StateDirectory, plan: JobPlan) -> Mapping[str, float]:
    """The median duration of each step in the newest jobs of this kind and target; absent: never done."""
    taken: dict[str, list[float]] = {}
    looked = 0
    for found in jobs(state):
        job = found.job
        if job is None or job.opened.kind != plan.kind or job.opened.target != plan.target:
            continue
        for step in job.steps:
            if step.state is StepState.DONE and step.duration_s:
                taken.setdefault(step.plan.id, []).append(step.duration_s)
        looked += 1
        if looked == MOST_JOBS:
            break
    return {name: median(values) for name, values in taken.items()}
