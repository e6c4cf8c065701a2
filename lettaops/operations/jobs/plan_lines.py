"""A job's plan in words: what `--dry-run` prints and the question shows. Pure."""

from collections.abc import Mapping

from lettaops.model.text import Safe, clean
from lettaops.model.units import duration
from lettaops.operations.jobs.kind import JobPlan


def job_plan_lines(plan: JobPlan, usual_s: Mapping[str, float]) -> tuple[Safe, ...]:
    """Title, what others will notice, the steps with how long they usually take and how they are undone."""
    lines = [f"{plan.title}:", *(f"  - {each}" for each in plan.lines)]
    for number, step in enumerate(plan.steps, start=1):
        took = usual_s.get(step.plan.id)
        usually = f" (usually {duration(took)})" if took is not None else ""
        lines.append(f"  {number:>2} {step.plan.title}{usually}")
        if step.plan.command:
            lines.append(f"       {step.plan.command}")
        if step.plan.undo:
            lines.append(f"       undone by: {step.plan.undo}")
    total = sum(usual_s.get(step.plan.id, 0.0) for step in plan.steps)
    lines.append(
        f"  in all usually {duration(total)}"
        if usual_s
        else "  how long it takes isn't known: it was never done here"
    )
    return tuple(clean(each) for each in lines)
