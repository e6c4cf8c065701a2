"""The ordered restart: each service in the order of dependency, and none before the one it needs works."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import ClassVar, Final

import msgspec

from lettaops.model.assessment import assess
from lettaops.model.encoding import decode, encode
from lettaops.model.engine import Container, ContainerStatus
from lettaops.model.errors import LettaopsError, NotFound, Refused, Unproven, UsageError
from lettaops.model.journal import Opened, StepPlan
from lettaops.model.probe import Answers
from lettaops.model.source import Link, SourceStatus
from lettaops.model.stack import Member, Role, Stack
from lettaops.model.text import Safe, clean, clean_bytes
from lettaops.model.verdict import Judgement, Verdict
from lettaops.monitor.ask import Asker
from lettaops.monitor.observe import observe
from lettaops.operations.jobs.kind import JobKind, JobPlan, Surroundings
from lettaops.operations.jobs.run import JobStep, StepContext
from lettaops.operations.plan import Act
from lettaops.sources.engine import Engine
from lettaops.sources.engine.exec import ExecResult
from lettaops.sources.engine_acts import EngineActs

GATE_SECONDS: Final = 180.0
LOOK_SECONDS: Final = 10.0
LAST_RECORDS: Final = 20
_EVERY: Final = 0.5
_CLEAN_STOP_SECONDS: Final = 60
_NO_SERVER: Final = 3  # `pg_ctl status` when none runs
_NEEDED_FIRST: Final = (Role.DATABASE, Role.CACHE, Role.OTHER, Role.SERVER, Role.PROXY)
_GATES: Final = {
    Role.DATABASE: "accepts a query",
    Role.CACHE: "answers",
    Role.SERVER: "answers and reaches its database",
    Role.PROXY: "answers through to the server",
    Role.OTHER: "runs",
}


class Restarted(msgspec.Struct, frozen=True, kw_only=True):
    """One container to restart, as it was when the job was planned. `started_at`: then, as text."""

    id: str
    name: str
    container_name: str
    role: Role
    started_at: str
    grace_s: int
    embedded: bool = False


def plan_restart(stack: Stack, names: Sequence[str], *, engine: Safe, grace_s: int | None = None) -> JobPlan:
    """An ordered restart of the named services, of all that have a role in the chain when none is named.

    Raises `UsageError` for a name of no service, `Refused` when there is nothing to restart.
    """
    chosen = [each for name in names for each in _named(stack, name)] or [
        each for each in stack.members if each.role is not Role.OTHER
    ]
    if not chosen:
        raise Refused(f"{stack.project} has no service to restart", not_done="Nothing was done.")
    unique = {each.container.id: each for each in chosen}.values()
    ordered = sorted(unique, key=lambda each: (_NEEDED_FIRST.index(each.role), each.container.name))
    members = [_restarted(each, stack, grace_s) for each in ordered]
    who = "all services" if len(members) > 2 else " and ".join(each.name for each in members)
    return JobPlan(
        kind=OrderedRestart.name,
        title=clean(f"Restart {who} of {stack.project} in order"),
        target={"engine": str(engine), "project": str(stack.project)},
        arguments={"members": encode(members).decode()},
        steps=tuple(_steps(members, None)),
        lines=tuple(_effects(members, stack)),
    )


class OrderedRestart(JobKind):
    """Stops at the first gate that fails; what was restarted stays restarted, the rest is left alone."""

    name: ClassVar[str] = "restart in order"
    act: ClassVar[Act] = Act.RESTART

    def locks(self, arguments: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        """Every container that is restarted."""
        return [(each.id, each.name) for each in _members(arguments)]

    def open(self, opened: Opened, where: Surroundings) -> AbstractAsyncContextManager[Sequence[JobStep]]:
        """The steps with an engine and questions of their own."""
        return self._open(opened, where)

    @asynccontextmanager
    async def _open(self, opened: Opened, where: Surroundings) -> AsyncIterator[Sequence[JobStep]]:
        async with Engine(where.target) as engine, Asker(engine, password=where.password) as asker:
            project = opened.target.get("project") or where.project
            yield _steps(_members(opened.arguments), _Tools(engine, EngineActs(where.target), asker, project))


class _Tools:
    """What the steps work with."""

    def __init__(self, engine: Engine, acts: EngineActs, asker: Asker, project: str | None) -> None:
        self.engine, self.acts, self.asker, self.project = engine, acts, asker, project

    async def same(self, member: Restarted) -> Container:
        """The container that was planned. Raises `Refused` when another has taken its place."""
        try:
            found = await self.engine.inspect(member.id, LOOK_SECONDS)
        except NotFound as error:
            raise Refused(
                f"{member.name} was replaced or removed meanwhile (container {member.id[:12]} is gone)",
                not_done="Nothing was done to whatever has its name now.",
                next_step="look with `lettaops status`, then begin again",
            ) from error
        if found.name != member.container_name:
            raise Refused(f"the container {member.container_name} is now called {found.name}")
        return found

    async def judged(self, member: Restarted) -> Judgement | None:
        """The verdict about a member at this moment, after asking it."""
        stack = (await observe(self.engine, self.project)).stack
        found = stack.member(member.id)
        if found is None:
            return None
        answers = await self.asker.ask(stack) if found.container.state.running else Answers()
        status = SourceStatus(link=Link.LIVE)
        told = assess(stack, answers, status, datetime.now(UTC), age=0.0)
        return next((each for each in told.judgements if each.member.container.id == member.id), None)

    async def last_words(self, member: Restarted, say: StepContext) -> None:
        """Put a service's last log records into the journal."""
        container = await self.engine.inspect(member.id, LOOK_SECONDS)
        async with self.engine.logs(
            member.id, follow=False, tail=LAST_RECORDS, timestamps=False, tty=container.tty
        ) as lines:
            async for batch in lines:
                for line in batch:
                    say.say(f"  {member.name} | {clean_bytes(line.data)}")


class _Step(JobStep):
    def __init__(self, plan: StepPlan, member: Restarted, tools: _Tools | None) -> None:
        self.plan = plan
        self._member = member
        self._given = tools

    @property
    def _tools(self) -> _Tools:
        if self._given is None:
            raise UsageError("this job is only planned")
        return self._given


class _CleanStop(_Step):
    """Postgres inside the server's container: nothing else ends it cleanly before the container stops."""

    async def run(self, context: StepContext) -> str:
        container = await self._tools.same(self._member)
        if not container.state.running:
            return f"{self._member.name} doesn't run"
        done = await self._pg_ctl(container, "-m", "fast", "-w", "-t", str(_CLEAN_STOP_SECONDS), "stop")
        if done.exit_code:
            said = clean_bytes(done.stderr or done.stdout, 200)
            raise LettaopsError(
                f"Postgres in {self._member.name} could not be shut down cleanly: {said}",
                not_done="The container was not restarted.",
                next_step="look at its log; `lettaops restart` without --all restarts it all the same",
            )
        return "Postgres is shut down cleanly"

    async def probe(self, context: StepContext) -> bool | None:
        container = await self._tools.same(self._member)
        if not container.state.running:
            return True
        return (await self._pg_ctl(container, "status")).exit_code == _NO_SERVER

    async def _pg_ctl(self, container: Container, *words: str) -> ExecResult:
        folder = container.environment.get("PGDATA") or "/var/lib/postgresql/data"
        return await self._tools.engine.exec(
            container.id,
            ["pg_ctl", "-D", str(folder), *words],
            user="postgres",
            timeout=_CLEAN_STOP_SECONDS + LOOK_SECONDS,
        )

    async def undo(self, context: StepContext) -> str:
        await self._tools.acts.restart(self._member.id, self._member.grace_s)
        return f"{self._member.name} was restarted, and its Postgres with it"


class _Restart(_Step):
    async def run(self, context: StepContext) -> str:
        found = await self._tools.same(self._member)
        if found.state.running:
            await self._tools.acts.restart(self._member.id, self._member.grace_s)
        else:
            await self._tools.acts.start(self._member.id)
        until = time.monotonic() + LOOK_SECONDS
        while not await self.probe(context):
            if time.monotonic() > until:
                raise Unproven(
                    f"restart was sent, but {self._member.name} isn't seen to run",
                    next_step="look at `lettaops status`",
                )
            await asyncio.sleep(_EVERY)
        return "runs"

    async def probe(self, context: StepContext) -> bool | None:
        found = await self._tools.same(self._member)
        return found.state.running and str(found.state.started_at) != self._member.started_at

    async def undo(self, context: StepContext) -> str:
        found = await self._tools.same(self._member)
        if found.state.running:
            return "it runs"
        await self._tools.acts.start(self._member.id)
        return "it was started again"


class _Gate(_Step):
    async def run(self, context: StepContext) -> str:
        until, said = time.monotonic() + GATE_SECONDS, Safe()
        while True:
            context.stop_if_asked()
            judged = await self._tools.judged(self._member)
            if judged is not None and judged.verdict is Verdict.OK:
                return "it does" if self._member.role is not Role.OTHER else "it runs"
            reason = judged.reason if judged is not None else Safe("is gone")
            if reason != said:
                said = reason
                context.say(f"{self._member.name} {reason}")
            ended = judged is None or _has_ended(judged.member.container)
            if ended or time.monotonic() > until:
                await self._tools.last_words(self._member, context)
                waited = "it ended" if ended else f"not within {GATE_SECONDS:g} s"
                raise LettaopsError(
                    f"{self._member.name} {reason or 'does not work'} ({waited})",
                    not_done="The services that come after it were left alone.",
                    next_step=f"see its last records above; lettaops logs {self._member.name}",
                )
            await asyncio.sleep(_EVERY)

    async def probe(self, context: StepContext) -> bool | None:
        return False  # it costs nothing to wait once more


def _has_ended(container: Container) -> bool:
    ended = {ContainerStatus.EXITED, ContainerStatus.DEAD}
    return container.state.status in ended and container.restart_policy in {"", "no"}


def _named(stack: Stack, name: str) -> tuple[Member, ...]:
    found = stack.named(name)
    if not found:
        known = ", ".join(each.name for each in stack.members)
        raise UsageError(f"{stack.project} has no service {clean(name)}", next_step=f"known: {known}")
    return found


def _restarted(member: Member, stack: Stack, grace_s: int | None) -> Restarted:
    container = member.container
    return Restarted(
        id=container.id,
        name=str(member.name),
        container_name=str(container.name),
        role=member.role,
        started_at=str(container.state.started_at),
        grace_s=container.stop_grace_s if grace_s is None else grace_s,
        embedded=stack.database.embedded and member.role is Role.SERVER,
    )


def _steps(members: Sequence[Restarted], tools: _Tools | None) -> list[JobStep]:
    steps: list[JobStep] = []
    for each in members:
        if each.embedded:
            plan = StepPlan(
                id=f"postgres:{each.container_name}",
                title=clean(f"shut Postgres in {each.name} down cleanly"),
                command=clean(f"exec {each.container_name}: pg_ctl -m fast stop"),
                undo=clean(f"restart {each.name}"),
            )
            steps.append(_CleanStop(plan, each, tools))
        restart = StepPlan(
            id=f"restart:{each.container_name}",
            title=clean(f"restart {each.name}"),
            command=clean(f"POST /containers/{each.id[:12]}/restart?t={each.grace_s}"),
            undo=clean(f"start {each.name} if it doesn't run"),
        )
        steps.append(_Restart(restart, each, tools))
        gate = StepPlan(
            id=f"gate:{each.container_name}",
            title=clean(f"wait until {each.name} {_GATES[each.role]}"),
        )
        steps.append(_Gate(gate, each, tools))
    return steps


def _effects(members: Sequence[Restarted], stack: Stack) -> list[Safe]:
    roles = {each.role for each in members}
    lines = []
    servers = len(stack.of(Role.SERVER))
    if Role.DATABASE in roles:
        lines.append("agents can't be served from the database's stop until the last gate")
    elif Role.SERVER in roles and servers == 1:
        lines.append("agents can't be served while the server restarts; requests under way are cut off")
    elif Role.SERVER in roles:
        lines.append(f"the {servers} servers are restarted one at a time: the others go on serving")
    if any(each.embedded for each in members):
        lines.append("Postgres runs inside the server's container: it is shut down cleanly first")
    return [clean(each) for each in lines]


def _members(arguments: Mapping[str, str]) -> list[Restarted]:
    try:
        return decode(arguments["members"], list[Restarted])
    except (KeyError, msgspec.MsgspecError) as error:
        raise Refused("the journal doesn't say what to restart", not_done="Nothing was done.") from error
