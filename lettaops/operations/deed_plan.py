"""What an act on something that isn't a container would do, before it is done. Pure."""

from enum import StrEnum

import msgspec

from lettaops.model.text import Safe, clean


class Deed(StrEnum):
    """What can be done; the names that a profile allows and the record holds."""

    CANCEL_SESSION = "session.cancel"
    TERMINATE_SESSION = "session.terminate"
    CANCEL_RUN = "run.cancel"


class DeedStep(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to act on.

    `name` is for people and begins its result, `detail` says more of it. `identity` names it for all time,
    for the lock and the record. `numbers`: what binds the deed to just this one. `effects`: what others will
    notice.
    """

    name: Safe
    identity: str
    detail: Safe = Safe()
    numbers: tuple[int, ...] = ()
    effects: tuple[Safe, ...] = ()


class DeedPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A deed and what it is done to. `where`: the database or server, for people."""

    deed: Deed
    project: Safe
    engine: Safe
    where: Safe
    steps: tuple[DeedStep, ...]


def deed_lines(title: str, plan: DeedPlan) -> tuple[Safe, ...]:
    """The plan in words: a heading, what it is done to, and what that will cost."""
    lines = [f"{title} in {plan.project} on {plan.engine} ({plan.where}):"]
    for step in plan.steps:
        lines.append(f"  {step.name}  {step.detail}".rstrip())
        lines += [f"    - {effect}" for effect in step.effects]
    return tuple(clean(each) for each in lines)
