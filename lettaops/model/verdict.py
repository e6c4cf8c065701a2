"""One verdict a service, with the reason that names the broken hop. Pure rules.

`/v1/health/` of a Letta server says ok with its database gone, and docker-proxy takes connections
for a port on which nothing listens yet; so a service is ok only when what it is for was seen to work.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from lettaops.model.condition import Condition, condition_of
from lettaops.model.probe import Answers, Outcome, Probe
from lettaops.model.source import Link, SourceStatus
from lettaops.model.stack import Member, Role, Shape, Stack
from lettaops.model.text import Safe, clean
from lettaops.model.units import duration, milliseconds


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
    """The verdict about one container of the stack and the reason for it (empty when all is well)."""

    member: Member
    verdict: Verdict
    reason: Safe = Safe()
    probe: Probe | None = None


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """The verdicts of a stack in its order, the overall one, and the sentence that says how things are."""

    overall: Overall
    sentence: Safe
    judgements: tuple[Judgement, ...] = ()


_ROOTS_FIRST: Final = (Role.DATABASE, Role.CACHE, Role.SERVER, Role.PROXY, Role.OTHER)
_LISTENS: Final = {Role.SERVER: "8283", Role.DATABASE: "5432", Role.CACHE: "6379", Role.PROXY: "80"}


def assess(
    stack: Stack, answers: Answers, engine: SourceStatus, now: datetime, *, age: float | None = None
) -> Assessment:
    """Judge a stack by its containers' states and the probes' answers.

    `engine` is the state of the source that the container states come from, `age` the seconds since
    they were current; `now` the clock that their times are measured with.
    """
    rooms = _Rooms(stack, answers, engine, now)
    judgements = tuple(_judge(member, rooms) for member in stack.members)
    overall = _overall(stack, judgements, answers)
    return Assessment(
        overall=overall,
        sentence=_sentence(stack, judgements, answers, engine, age),
        judgements=judgements,
    )


class _Rooms:
    """What the rules look at: conditions by container id, and the database as the servers need it."""

    def __init__(self, stack: Stack, answers: Answers, engine: SourceStatus, now: datetime) -> None:
        self.stack = stack
        self.answers = answers
        self.live = engine.link is Link.LIVE
        self.conditions = {each.container.id: condition_of(each.container, now) for each in stack.members}

    def condition(self, member: Member) -> Condition:
        return self.conditions[member.container.id]

    @property
    def database(self) -> Member | None:
        return self.stack.member(self.stack.database.container_id)

    def database_trouble(self) -> str:
        """Why the database can't be used, as a clause; empty when nothing is known against it."""
        route = self.stack.database
        if route.problem:
            return route.problem
        member = self.database
        if member is not None and not route.embedded:
            condition = self.condition(member)
            if not condition.running:
                return f"{member.label} {condition.words}"
            probe = self.answers.databases.get(member.container.id)
            return (
                f"{member.label} {_refusal(probe, Role.DATABASE, condition)}"
                if probe and not probe.ok
                else ""
            )
        probe = self.answers.database or (self.answers.databases.get(member.container.id) if member else None)
        if probe is None or probe.ok:
            return ""
        host = (
            "the Postgres inside it"
            if route.embedded
            else f"{route.address.host if route.address else 'its host'}"
        )
        return f"{host} {_refusal(probe, Role.DATABASE, None)}"


def _judge(member: Member, rooms: _Rooms) -> Judgement:
    condition = rooms.condition(member)
    probe = rooms.answers.of(member.container.id)
    if not condition.running and (rooms.live or probe is None or not probe.ok):
        verdict = (
            Verdict.STOPPED if condition.stopped else Verdict.DOWN if condition.failed else Verdict.UNKNOWN
        )
        return Judgement(member=member, verdict=verdict, reason=condition.words)
    match member.role:
        case Role.SERVER:
            verdict, reason = _server(member, condition, rooms)
        case Role.PROXY:
            verdict, reason = _proxy(member, condition, rooms)
        case Role.DATABASE | Role.CACHE:
            verdict, reason = _backend(member, condition, probe)
        case _:
            verdict, reason = _other(condition)
    if not rooms.live and probe is None:
        verdict = Verdict.UNKNOWN
        reason = "the engine doesn't answer, and nothing else tells"
    return Judgement(member=member, verdict=verdict, reason=clean(reason), probe=probe)


def _server(member: Member, condition: Condition, rooms: _Rooms) -> tuple[Verdict, str]:
    answer = rooms.answers.servers.get(member.container.id)
    if answer is None:
        return Verdict.UNKNOWN, condition.note or "not asked yet"
    if not answer.health.ok:
        return _silent(answer.health, Role.SERVER, condition)
    trouble = rooms.database_trouble()
    deep = answer.database
    if deep is not None and deep.ok:
        return _with_note(condition)
    if trouble:
        return Verdict.DEGRADED, f"answers, but can't use its database: {trouble}"
    if deep is None:
        return _with_note(condition)
    if deep.outcome is Outcome.DENIED:
        seen = rooms.database is not None and rooms.answers.databases.get(rooms.database.container.id)
        if seen and seen.ok:
            verdict, note = _with_note(condition)
            return (
                verdict,
                note or "asks for a password that isn't known here; its database was checked directly",
            )
        return (
            Verdict.UNKNOWN,
            "answers, but asks for a password that isn't known here, so its database use wasn't seen",
        )
    if deep.outcome is Outcome.TIMEOUT:
        return (
            Verdict.DEGRADED,
            f"answers, but a request that needs the database got no reply in {_waited(deep)}",
        )
    return (
        Verdict.DEGRADED,
        f"answers, but a request that needs the database {_refusal(deep, Role.SERVER, None)}",
    )


def _proxy(member: Member, condition: Condition, rooms: _Rooms) -> tuple[Verdict, str]:
    probe = rooms.answers.proxies.get(member.container.id)
    if probe is None:
        return Verdict.UNKNOWN, condition.note or "not asked yet"
    if probe.ok:
        return _with_note(condition)
    servers = rooms.stack.of(Role.SERVER)
    healthy = [each for each in servers if _answers(each, rooms)]
    broken = next((each for each in servers if each not in healthy), None)
    if probe.outcome is Outcome.STATUS and probe.status in {502, 503, 504}:
        if not healthy and broken is not None:
            return (
                Verdict.DEGRADED,
                f"is up and answers {probe.status}, because {broken.label} doesn't answer",
            )
        return Verdict.DEGRADED, (
            f"is up, but answers {probe.status} while {healthy[0].label if healthy else 'the server'} "
            f"answers directly: its upstream is wrong or can't be reached{_quoted(probe.detail)}"
        )
    if probe.outcome is Outcome.STATUS and probe.status == 404:
        return (
            Verdict.DEGRADED,
            f"is up, but answers 404: no server block passes this on{_quoted(probe.detail)}",
        )
    if probe.outcome is Outcome.TIMEOUT and not healthy and broken is not None:
        return Verdict.DEGRADED, f"is up and waits for {broken.label}, which doesn't answer"
    return _silent(probe, Role.PROXY, condition)


def _backend(member: Member, condition: Condition, probe: Probe | None) -> tuple[Verdict, str]:
    if probe is None:
        return Verdict.UNKNOWN, condition.note or "not asked yet"
    if probe.ok:
        return _with_note(condition)
    return _silent(probe, member.role, condition)


def _other(condition: Condition) -> tuple[Verdict, str]:
    if condition.unhealthy or condition.looping:
        return Verdict.DEGRADED, condition.note
    return Verdict.OK, condition.note


def _with_note(condition: Condition) -> tuple[Verdict, str]:
    """It works: degraded all the same when the engine tells of a loop or a failing healthcheck."""
    if condition.unhealthy or condition.looping:
        return Verdict.DEGRADED, f"works, but {condition.note}"
    return Verdict.OK, "" if condition.starting else condition.note


def _silent(probe: Probe, role: Role, condition: Condition) -> tuple[Verdict, str]:
    """It runs and doesn't give the right answer: starting, limited or down, by how it fails."""
    words = _refusal(probe, role, condition)
    note = f"; {condition.note}" if condition.note else ""
    if condition.looping:
        return Verdict.DOWN, condition.note
    if probe.outcome in {Outcome.STARTING, Outcome.REFUSED, Outcome.CLOSED} and condition.starting:
        port = _LISTENS.get(role, "its port")
        because = probe.detail if probe.outcome is Outcome.STARTING else f"nothing answers on {port} yet"
        return Verdict.STARTING, f"is starting: {because}"
    if probe.outcome is Outcome.STARTING:
        return Verdict.STARTING, f"{words}{note}"
    if probe.outcome is Outcome.UNREACHED:
        return Verdict.UNKNOWN, f"{words}{note}"
    if probe.outcome in {Outcome.DENIED, Outcome.FULL}:
        return Verdict.DEGRADED, f"{words}{note}"
    return Verdict.DOWN, f"{words}{note}"


def _refusal(probe: Probe, role: Role, condition: Condition | None) -> str:
    """A failed probe as a clause."""
    port = _LISTENS.get(role, "its port")
    match probe.outcome:
        case Outcome.REFUSED | Outcome.CLOSED:
            runs = "runs, but " if condition is not None and condition.running else ""
            return f"{runs}nothing answers on {port} ({_route(probe)}connection {probe.outcome})"
        case Outcome.TIMEOUT:
            return f"takes connections, but gives no reply in {_waited(probe)}{_quoted(probe.detail)}"
        case Outcome.UNRESOLVED:
            return f"has a name that doesn't resolve{_quoted(probe.detail)}"
        case Outcome.STATUS:
            verb = "answers" if condition is not None else "is answered with"
            return f"{verb} HTTP {probe.status}{_quoted(probe.detail)}"
        case Outcome.DENIED:
            return f"refuses us{_quoted(probe.detail)}"
        case Outcome.STARTING:
            return f"isn't ready{_quoted(probe.detail)}"
        case Outcome.FULL:
            return f"has no connection slot left{_quoted(probe.detail)}"
        case Outcome.UNREACHED:
            return f"can't be reached from here{_quoted(probe.detail)}"
        case _:
            return f"gives an answer that makes no sense{_quoted(probe.detail)}"


def _answers(member: Member, rooms: _Rooms) -> bool:
    answer = rooms.answers.servers.get(member.container.id)
    return rooms.condition(member).running and answer is not None and answer.health.ok


def _overall(stack: Stack, judgements: tuple[Judgement, ...], answers: Answers) -> Overall:
    dead = {Verdict.DOWN, Verdict.STOPPED}
    by_role: dict[Role, list[Verdict]] = {}
    for each in judgements:
        by_role.setdefault(each.member.role, []).append(each.verdict)
    servers = by_role.get(Role.SERVER, [])
    if stack.shape is not Shape.OTHER and not servers:
        return Overall.DOWN
    needed = servers + ([_database_verdict(stack, judgements, answers)] if servers else [])
    if servers and (all(each in dead for each in servers) or needed[-1] in dead):
        return Overall.DOWN
    rest = [
        each.verdict
        for each in judgements
        if not (each.member.role is Role.OTHER and each.verdict is Verdict.STOPPED)
    ]
    everything = rest + needed
    if any(each in dead or each in {Verdict.DEGRADED, Verdict.STARTING} for each in everything):
        return Overall.DEGRADED
    return Overall.UNKNOWN if Verdict.UNKNOWN in everything or not everything else Overall.HEALTHY


def _database_verdict(stack: Stack, judgements: tuple[Judgement, ...], answers: Answers) -> Verdict:
    """The verdict about the database that the servers use, wherever it is."""
    if stack.database.embedded:
        return Verdict.OK  # part of the server's own verdict
    if stack.database.container_id is not None:
        verdict = next(
            (e.verdict for e in judgements if e.member.container.id == stack.database.container_id),
            Verdict.UNKNOWN,
        )
        return Verdict.DEGRADED if stack.database.problem and verdict is Verdict.OK else verdict
    if answers.database is None:
        return Verdict.OK  # the server's deep probe tells
    return (
        Verdict.OK
        if answers.database.ok
        else Verdict.DOWN
        if answers.database.outcome is Outcome.REFUSED
        else Verdict.DEGRADED
    )


def _sentence(
    stack: Stack, judgements: tuple[Judgement, ...], answers: Answers, engine: SourceStatus, age: float | None
) -> Safe:
    """Causes first, then what suffers from them, then a word about what is fine."""
    parts: list[str] = []
    if engine.link is not Link.LIVE:
        seen = (
            f"container states are {duration(age)} old"
            if age is not None
            else "no container state was ever seen"
        )
        parts.append(f"the engine doesn't answer ({engine.reason or engine.link}); {seen}")
    if not judgements:
        parts.append("no container of this stack is left")
    ordered = sorted(judgements, key=lambda each: _ROOTS_FIRST.index(each.member.role))
    bad = [each for each in ordered if each.verdict is not Verdict.OK]
    quiet = [each for each in bad if each.member.role is Role.OTHER and each.verdict is Verdict.STOPPED]
    bad = [each for each in bad if each not in quiet]
    told: list[str] = []
    for each in bad:
        clause = f"{_name(each, judgements)} {_verb(each)}{each.reason}"
        told.append(clause)
        for cause in told[:-1]:
            clause = clause.removesuffix(f": {cause}")  # said already, as the cause
        parts.append(clause)
    fine = [each for each in ordered if each.verdict is Verdict.OK and each.member.role is not Role.OTHER]
    if bad and fine:
        names = ", ".join(_name(each, judgements) for each in fine)
        parts.append(f"{names} {'is' if len(fine) == 1 else 'are'} fine")
    elif not parts:
        parts.append(_all_well(judgements, answers))
    text = "; ".join(parts)
    return clean(f"{text[:1].upper() + text[1:] if text.startswith('the ') else text}.")


def _verb(judgement: Judgement) -> str:
    return "is not known: " if judgement.verdict is Verdict.UNKNOWN else ""


def _name(judgement: Judgement, all_of_them: tuple[Judgement, ...]) -> Safe:
    """The service's name, or the container's where a service has several."""
    same = [each for each in all_of_them if each.member.name == judgement.member.name]
    return judgement.member.container.name if len(same) > 1 else judgement.member.name


def _all_well(judgements: tuple[Judgement, ...], answers: Answers) -> str:
    count = len([each for each in judgements if each.verdict is Verdict.OK])
    agents = next((each.agents for each in answers.servers.values() if each.agents is not None), None)
    tail = f"; {agents} {'agent' if agents == 1 else 'agents'} served" if agents is not None else ""
    return f"all {count} services work{tail}"


def _quoted(detail: str) -> str:
    return f": {detail}" if detail else ""


def _waited(probe: Probe) -> Safe:
    return milliseconds(probe.latency_ms)


def _route(probe: Probe) -> str:
    return f"{probe.route}: " if probe.route else ""
