"""One verdict a container, with the reason that names the broken hop. Pure rules, one for each role.

`/v1/health/` of a Letta server says ok with its database gone, and docker-proxy takes connections
for a port on which nothing listens yet; so a service is ok only when what it is for was seen to work.
What the server was seen to do with its database counts more than what we could do with it ourselves.
"""

from datetime import datetime
from typing import Final

import msgspec

from lettaops.model.condition import Condition, condition_of
from lettaops.model.engine import ContainerStatus
from lettaops.model.probe import Answers, Outcome, Probe, ServerProbe
from lettaops.model.refusal import PORTS, aside, for_us, lost, refusal, waited
from lettaops.model.stack import Member, Role, Stack
from lettaops.model.text import clean
from lettaops.model.verdict import Judgement, Verdict

NOT_ASKED: Final = "not asked yet"
# How we may fail with a database that others can use: another network, another account, another way in.
_OURS: Final = frozenset({Outcome.UNREACHED, Outcome.UNRESOLVED, Outcome.DENIED})
_EXCUSED: Final = _OURS | {Outcome.REFUSED, Outcome.CLOSED, Outcome.GARBAGE}
_OURS_OUTSIDE: Final = _EXCUSED | {Outcome.TIMEOUT}  # between us and another host a firewall may stand
_UNKNOWN_PASSWORD: Final = "asks for a password that isn't known here"  # noqa: S105 - words


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A verdict in parts: the clause, what else is remarkable, and the cause where it is another's."""

    verdict: Verdict
    words: str = ""
    note: str = ""
    cause: str = ""
    cause_id: str | None = None


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """Why the database can't be used, as a clause. `ours`: the trouble may be with us, who asked."""

    words: str
    container_id: str | None = None
    ours: bool = False


class Scene:
    """What the rules look at: conditions by container id, and the database as the servers need it."""

    def __init__(self, stack: Stack, answers: Answers, now: datetime, *, live: bool) -> None:
        self.stack = stack
        self.answers = answers
        self.live = live
        self.conditions = {each.container.id: condition_of(each.container, now) for each in stack.members}

    def condition(self, member: Member) -> Condition:
        """What the engine says of a member."""
        return self.conditions[member.container.id]

    def counts(self, member: Member, probe: Probe | None) -> bool:
        """Whether the engine's word that a member doesn't run counts: not an old one against an answer."""
        return not self.condition(member).running and (self.live or probe is None or not probe.ok)

    @property
    def database(self) -> Member | None:
        """The database's container."""
        return self.stack.member(self.stack.database.container_id)

    @property
    def users(self) -> list[Member]:
        """The servers that were seen to use their database."""
        return [each for each in self.stack.of(Role.SERVER) if _uses(self.answers, each)]

    @property
    def database_seen(self) -> bool:
        """Whether the database answered us, wherever it is."""
        member = self.database
        probe = self.answers.databases.get(member.container.id) if member else self.answers.database
        return probe is not None and probe.ok

    @property
    def outside(self) -> str:
        """How our own question to a database elsewhere failed, as a clause; empty when it didn't."""
        probe, address = self.answers.database, self.stack.database.address
        if probe is None or probe.ok or address is None or self.database is not None:
            return ""
        return for_us(address.host, probe, address.port)

    def trouble(self) -> Trouble | None:
        """What speaks against the database; None when nothing is known against it."""
        route, member = self.stack.database, self.database
        if route.problem:
            return Trouble(words=route.problem)
        if route.embedded:
            return None
        if member is None:
            probe = self.answers.database
            if probe is None or probe.ok or route.address is None:
                return None
            words = refusal(probe, route.address.port, running=False)
            return Trouble(words=f"{route.address.host} {words}", ours=probe.outcome in _OURS_OUTSIDE)
        identity = member.container.id
        probe = self.answers.databases.get(identity)
        if self.counts(member, probe):
            return Trouble(words=f"{member.label} {self.condition(member).words}", container_id=identity)
        if probe is None or probe.ok:
            return None
        words = refusal(probe, PORTS[Role.DATABASE], running=True)
        return Trouble(words=f"{member.label} {words}", container_id=identity, ours=probe.outcome in _OURS)


def judge(member: Member, scene: Scene) -> Judgement:
    """The verdict about one member of the scene."""
    condition = scene.condition(member)
    probe = scene.answers.of(member.container.id)
    if scene.counts(member, probe):
        found, probe = _ended(member, condition, scene), None
    elif not scene.live and probe is None:
        found = Finding(verdict=Verdict.UNKNOWN, words="can't be known without the engine")
    else:
        match member.role:
            case Role.SERVER:
                found = _server(member, condition, scene)
            case Role.PROXY:
                found = _proxy(member, condition, scene)
            case Role.DATABASE | Role.CACHE:
                found = _backend(member, condition, scene)
            case _:
                found = _noted(condition, "runs")
    note = f"; {found.note}" if found.note else ""
    cause = f": {found.cause}" if found.cause else ""
    return Judgement(
        member=member,
        verdict=found.verdict,
        reason=clean(f"{found.words}{cause}{note}"),
        symptom=clean(f"{found.words}{note}"),
        cause_id=found.cause_id,
        probe=probe,
    )


def _ended(member: Member, condition: Condition, scene: Scene) -> Finding:
    if condition.stopped:
        return Finding(verdict=Verdict.STOPPED, words=condition.words)
    state = member.container.state
    died = state.status in {ContainerStatus.EXITED, ContainerStatus.DEAD, ContainerStatus.RESTARTING}
    by_itself = died and not state.oom_killed and state.exit_code != 137
    return Finding(
        verdict=Verdict.DOWN if condition.failed else Verdict.UNKNOWN,
        words=condition.words,
        note=_likely(scene) if by_itself and member.role is Role.SERVER else "",
    )


def _likely(scene: Scene) -> str:
    """A mistake in the settings that a server can die of."""
    problem = scene.stack.database.problem
    return f"likely cause: {problem}" if problem else ""


def _server(member: Member, condition: Condition, scene: Scene) -> Finding:
    answer = scene.answers.servers.get(member.container.id)
    if answer is None:
        return _not_asked(condition)
    if not answer.health.ok:
        found = _silent(answer.health, Role.SERVER, condition)
        likely = _likely(scene) if found.verdict is Verdict.DOWN else ""
        return msgspec.structs.replace(found, note="; ".join(filter(None, (found.note, likely))))
    if answer.database is not None and answer.database.ok:
        return _using(condition, scene)
    return _not_using(answer, condition, scene)


def _using(condition: Condition, scene: Scene) -> Finding:
    """A server that was seen to use its database, whatever else speaks against that database."""
    found = _noted(condition, "works")
    if found.verdict is not Verdict.OK:
        return found
    if problem := scene.stack.database.problem:
        return Finding(verdict=Verdict.OK, words=f"works, although {problem}", note=condition.warning)
    if scene.outside:
        words = f"works and uses its database, though {scene.outside}"
        return Finding(verdict=Verdict.OK, words=words, note=condition.warning)
    return found


def _not_using(answer: ServerProbe, condition: Condition, scene: Scene) -> Finding:
    """A server that is well and wasn't seen to use its database."""
    deep, trouble = answer.database, scene.trouble()
    unseen = deep is None or deep.outcome is Outcome.DENIED
    if trouble is not None and not (trouble.ours and (unseen or scene.users)):
        return Finding(
            verdict=Verdict.DEGRADED,
            words="answers, but can't use its database",
            note=condition.warning,
            cause=trouble.words,
            cause_id=trouble.container_id,
        )
    if deep is None and trouble is None:
        return _noted(condition, "works")
    if deep is None or deep.outcome is Outcome.DENIED:
        asks = _UNKNOWN_PASSWORD if deep is not None else "was asked nothing that needs its database"
        if scene.database_seen:
            checked = f"{asks}; its database was checked directly"
            if condition.unhealthy or condition.looping:
                return Finding(
                    verdict=Verdict.DEGRADED, words=f"works, but {condition.warning}", note=checked
                )
            return Finding(verdict=Verdict.OK, words=checked, note=condition.warning)
        return Finding(
            verdict=Verdict.UNKNOWN,
            words=f"answers, but {asks}, so its database use wasn't seen",
            note="; ".join(filter(None, (scene.outside, condition.warning))),
        )
    return Finding(
        verdict=Verdict.DEGRADED,
        words=f"answers, but a request that needs the database {lost(deep)}",
        note=condition.warning,
    )


def _proxy(member: Member, condition: Condition, scene: Scene) -> Finding:
    probe = scene.answers.proxies.get(member.container.id)
    if probe is None:
        return _not_asked(condition)
    if probe.ok:
        return _noted(condition, "works")
    if probe.outcome is Outcome.STATUS and probe.status in {502, 503, 504}:
        return _bad_gateway(probe, condition, scene)
    if probe.outcome is Outcome.STATUS and probe.status == 404:
        words = f"is up, but answers 404: no server block passes this on{aside(probe.detail)}"
        return Finding(verdict=Verdict.DEGRADED, words=words, note=condition.warning)
    broken = _broken(scene)
    if probe.outcome is Outcome.TIMEOUT and broken is not None:
        if _starts(broken, scene):
            return Finding(
                verdict=Verdict.STARTING, words=f"is up and waits for {broken.label}, which is starting"
            )
        words = f"is up and waits for {broken.label}, which doesn't answer"
        return Finding(verdict=Verdict.DEGRADED, words=words, note=condition.warning)
    return _silent(probe, Role.PROXY, condition)


def _bad_gateway(probe: Probe, condition: Condition, scene: Scene) -> Finding:
    servers = scene.stack.of(Role.SERVER)
    broken = _broken(scene)
    answering = [each for each in servers if _answers(each, scene)]
    wrong = f"its upstream is wrong or can't be reached{aside(probe.detail)}"
    verdict = Verdict.DEGRADED
    if not servers:
        words = f"answers {probe.status}; no Letta server is in this project"
    elif answering:
        words = f"is up, but answers {probe.status} while {answering[0].label} answers directly: {wrong}"
    elif broken is None:  # nobody knows about the servers
        words = f"is up, but answers {probe.status}: {wrong}"
    elif _starts(broken, scene):
        verdict, words = (
            Verdict.STARTING,
            f"is up and answers {probe.status}, because {broken.label} is starting",
        )
    else:
        words = f"is up and answers {probe.status}, because {broken.label} doesn't answer"
    return Finding(verdict=verdict, words=words, note=condition.warning)


def _backend(member: Member, condition: Condition, scene: Scene) -> Finding:
    probe = scene.answers.of(member.container.id)
    if probe is None:
        return _not_asked(condition)
    if probe.ok:
        return _noted(condition, "works")
    users = scene.users if member == scene.database and not scene.stack.database.problem else []
    if not users:
        return _silent(probe, member.role, condition)
    names = ", ".join(dict.fromkeys(each.label for each in users))
    works = f"works for {names}"
    if probe.outcome in {Outcome.TIMEOUT, Outcome.FULL}:
        silent = f"gives us no reply in {waited(probe)}"
        limit = silent if probe.outcome is Outcome.TIMEOUT else refusal(probe, None, running=True)
        return Finding(verdict=Verdict.DEGRADED, words=f"{works}, but {limit}", note=condition.warning)
    if probe.outcome not in _EXCUSED:
        return _silent(probe, member.role, condition)
    found = _noted(condition, works)
    return msgspec.structs.replace(
        found, words=f"{found.words or works}; {for_us('it', probe, PORTS[member.role])}"
    )


def _noted(condition: Condition, works: str) -> Finding:
    """It works: degraded all the same when the engine tells of a loop or a failing healthcheck."""
    if condition.unhealthy or condition.looping:
        return Finding(verdict=Verdict.DEGRADED, words=f"{works}, but {condition.warning}")
    return Finding(verdict=Verdict.OK, words=f"{works}; {condition.warning}" if condition.warning else "")


def _not_asked(condition: Condition) -> Finding:
    return Finding(verdict=Verdict.UNKNOWN, words=NOT_ASKED, note=condition.note)


def _silent(probe: Probe, role: Role, condition: Condition) -> Finding:
    """It runs and doesn't give the right answer: starting, limited or down, by how it fails."""
    port = PORTS.get(role)
    words = refusal(probe, port, running=condition.running)
    if condition.looping:
        return Finding(verdict=Verdict.DOWN, words=condition.note)
    if probe.outcome in {Outcome.STARTING, Outcome.REFUSED, Outcome.CLOSED} and condition.starting:
        because = probe.detail if probe.outcome is Outcome.STARTING else f"nothing answers on {port} yet"
        because = f": {because}" if because else ""
        return Finding(verdict=Verdict.STARTING, words=f"is starting{because}", note=condition.warning)
    verdicts = {
        Outcome.STARTING: Verdict.STARTING,
        Outcome.UNREACHED: Verdict.UNKNOWN,
        Outcome.DENIED: Verdict.DEGRADED,
        Outcome.FULL: Verdict.DEGRADED,
    }
    return Finding(verdict=verdicts.get(probe.outcome, Verdict.DOWN), words=words, note=condition.note)


def _uses(answers: Answers, server: Member) -> bool:
    answer = answers.servers.get(server.container.id)
    return answer is not None and answer.health.ok and answer.database is not None and answer.database.ok


def _answers(server: Member, scene: Scene) -> bool:
    answer = scene.answers.servers.get(server.container.id)
    return answer is not None and answer.health.ok and not scene.counts(server, answer.health)


def _broken(scene: Scene) -> Member | None:
    """A server that is seen not to answer, where none does; one that starts before the others."""
    servers = scene.stack.of(Role.SERVER)
    if any(_answers(each, scene) for each in servers):
        return None
    known = [each for each in servers if judge(each, scene).verdict is not Verdict.UNKNOWN]
    return next((each for each in known if _starts(each, scene)), known[0] if known else None)


def _starts(server: Member, scene: Scene) -> bool:
    return judge(server, scene).verdict is Verdict.STARTING
