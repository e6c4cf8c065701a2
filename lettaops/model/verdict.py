"""The verdict about a service, and the one about a deployment, with the words for them."""

from enum import StrEnum

import msgspec

from lettaops.model.probe import Probe
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
