"""The verdict about a service, and the one about a deployment, with the words for them."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec

from lettaops.model.probe import Probe
from lettaops.model.signs import shown_names
from lettaops.model.stack import Member
from lettaops.model.text import Safe


class Verdict(StrEnum):
    """How a service is. STOPPED ended by request, DOWN by itself or doesn't answer."""

    OK = "ok"
    STARTING = "starting"
    DEGRADED = "degraded"
    STOPPED = "stopped"
    DOWN = "down"
    UNKNOWN = "unknown"


class Overall(StrEnum):
    """How the deployment is: DOWN when agents can't be served at all."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict about one container of the stack.

    `reason` is a clause whose subject is the service, empty when there is nothing to say; an ok service may
    have one that qualifies its verdict. It ends with its cause where that is known; `symptom` is the reason
    without it, and `cause_id` the container at fault when it is another one of the stack.
    """

    member: Member
    verdict: Verdict
    reason: Safe = Safe()
    symptom: Safe = Safe()
    cause_id: str | None = None
    probe: Probe | None = None


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """The verdicts of a stack in its order, the overall one, and the sentence that says how things are."""

    overall: Overall
    sentence: Safe
    judgements: tuple[Judgement, ...] = ()


def names_of(judgements: Sequence[Judgement]) -> dict[str, Safe]:
    """What each of all the containers of a stack is called, by its id."""
    members = [each.member for each in judgements]
    shown = shown_names([each.name for each in members], [each.container.name for each in members])
    return dict(zip((each.container.id for each in members), shown, strict=True))
