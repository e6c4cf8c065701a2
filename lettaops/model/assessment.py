"""How a whole deployment is, from the verdicts about its services. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from lettaops.model.probe import Answers, Outcome
from lettaops.model.rules import Scene, judge
from lettaops.model.sentence import sentence
from lettaops.model.source import Link, SourceStatus
from lettaops.model.stack import Role, Shape, Stack
from lettaops.model.verdict import Assessment, Judgement, Overall, Verdict

_DEAD: Final = frozenset({Verdict.DOWN, Verdict.STOPPED})
_IMPAIRED: Final = _DEAD | {Verdict.DEGRADED, Verdict.STARTING}


def assess(
    stack: Stack, answers: Answers, engine: SourceStatus, now: datetime, *, age: float | None = None
) -> Assessment:
    """Judge a stack by its containers' states and the probes' answers.

    `engine` is the state of the source that the container states come from, `age` the seconds since
    they were current; `now` the clock that their times are measured with.
    """
    scene = Scene(stack, answers, now, live=engine.link is Link.LIVE)
    judgements = tuple(judge(member, scene) for member in stack.members)
    return Assessment(
        overall=_overall(scene, judgements),
        sentence=sentence(judgements, answers, engine, age),
        judgements=judgements,
    )


def _overall(scene: Scene, judgements: Sequence[Judgement]) -> Overall:
    servers = [each.verdict for each in judgements if each.member.role is Role.SERVER]
    if scene.stack.shape is not Shape.OTHER and not servers:
        return Overall.DOWN
    needed = [*servers, _database(scene, judgements)] if servers else []
    if servers and (all(each in _DEAD for each in servers) or needed[-1] in _DEAD):
        return Overall.DOWN
    rest = [
        each.verdict
        for each in judgements
        if not (each.member.role is Role.OTHER and each.verdict is Verdict.STOPPED)
    ]
    everything = rest + needed
    if any(each in _IMPAIRED for each in everything):
        return Overall.DEGRADED
    return Overall.UNKNOWN if Verdict.UNKNOWN in everything or not everything else Overall.HEALTHY


def _database(scene: Scene, judgements: Sequence[Judgement]) -> Verdict:
    """The verdict about the database that the servers use, wherever it is."""
    route = scene.stack.database
    deep = [each.database for each in scene.answers.servers.values() if each.database is not None]
    if route.embedded:  # nobody but the server asks it
        failed = any(each.outcome is Outcome.STATUS for each in deep)
        return Verdict.DOWN if failed and not scene.users else Verdict.OK
    if scene.users and (route.container_id is None or route.problem):
        return Verdict.OK
    if route.container_id is not None:
        verdict = next(
            (each.verdict for each in judgements if each.member.container.id == route.container_id),
            Verdict.UNKNOWN,
        )
        return Verdict.DEGRADED if route.problem and verdict is Verdict.OK else verdict
    probe = scene.answers.database
    if probe is None or probe.ok:
        return Verdict.OK  # the server's deep probe tells
    trouble = scene.trouble()
    if trouble is not None and trouble.ours and all(each.outcome is Outcome.DENIED for each in deep):
        return Verdict.UNKNOWN
    limited = {Outcome.DENIED, Outcome.FULL, Outcome.STARTING, Outcome.UNREACHED}
    return Verdict.DEGRADED if probe.outcome in limited else Verdict.DOWN
