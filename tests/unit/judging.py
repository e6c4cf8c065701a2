"""What the tests of the verdicts share: the ways in which a service fails, and the judge."""

from typing import Any

from lettaops.model.assessment import assess
from lettaops.model.engine import Container
from lettaops.model.probe import Answers, Outcome, ServerProbe
from lettaops.model.source import SourceStatus
from lettaops.model.text import Safe
from lettaops.model.verdict import Assessment, Verdict
from tests.unit.build import LIVE, NOW, database, failed, proxy, server, stack_of

D, S, P = database().id, server().id, proxy().id
OUR_ERROR = failed(Outcome.STATUS, "An unknown error occurred", status=500)
NOBODY = ServerProbe(health=failed(Outcome.CLOSED, route=Safe("127.0.0.1:8283")))
BAD_GATEWAY = failed(Outcome.STATUS, "Host letta.localhost, answered by nginx", status=502)
NO_PASSWORD = failed(Outcome.DENIED, "Unauthorized", status=401)


def judge(*containers: Container, answers: Answers, engine: SourceStatus = LIVE, **more: Any) -> Assessment:
    return assess(stack_of(*containers), answers, engine, NOW, **more)


def verdicts(found: Assessment) -> dict[str, Verdict]:
    return {each.member.container.name: each.verdict for each in found.judgements}


def reason(found: Assessment, service: str) -> str:
    return next(each.reason for each in found.judgements if each.member.name == service)
