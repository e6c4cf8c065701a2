"""What the dashboard runs on: one engine client, one watch, one executor. No Textual."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from lettaops.config.paths import StateDirectory
from lettaops.model.engine import Container
from lettaops.model.secrets import Secret
from lettaops.model.text import Safe
from lettaops.model.timeline import Entry, Weight
from lettaops.monitor.ask import Asker
from lettaops.monitor.logs import FeedOptions, LogFeed
from lettaops.monitor.snapshot import Snapshot
from lettaops.monitor.watch import PROBE_EVERY, StackWatch
from lettaops.operations.audit import AuditLog, Operator
from lettaops.operations.execute import Permission, StepResult, executor_on
from lettaops.operations.plan import Plan
from lettaops.operations.underway import Underway, underway
from lettaops.sources.engine import Engine
from lettaops.sources.sockets import connections
from lettaops.sources.target import EngineTarget

PACES: Final = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds between two rounds of questions


class Dashboard:
    """The backends of one dashboard. Made before the event loop; connects when `snapshots` is iterated."""

    def __init__(
        self,
        target: EngineTarget,
        *,
        project: str | None,
        profile: str,
        password: Secret | None,
        permission: Permission,
        state: StateDirectory,
        operator: Operator,
    ) -> None:
        self.target = target
        self.profile = profile
        self.permission = permission
        self.state = state
        self.last: Snapshot | None = None
        self.probe_every = PROBE_EVERY
        self._watch: StackWatch | None = None
        self._feeds: set[LogFeed] = set()
        self._project = project
        self._password = password
        self._operator = operator

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        """Snapshots as things change, until the iteration is left. Raises what ended the watch, a fault."""
        import asyncio

        async with Engine(self.target) as engine, Asker(engine, password=self._password) as asker:
            watch = StackWatch(engine, asker, project=self._project)
            watch.probe_every = self.probe_every
            self._watch = watch
            task = asyncio.create_task(watch.run())
            try:
                async for snapshot in watch.changes():
                    self.last = snapshot
                    yield snapshot
                await task
            finally:
                self._watch = None
                task.cancel()
                await asyncio.gather(task, *(feed.aclose() for feed in self._feeds), return_exceptions=True)

    @asynccontextmanager
    async def log_feed(self, options: FeedOptions) -> AsyncIterator[LogFeed | None]:
        """The logs of the stack that is watched; None while none is. They end when the watch does."""
        if self._watch is None:
            yield None
            return
        watch = self._watch.engine_watch
        async with LogFeed(watch.engine, options, watch=watch) as feed:
            self._feeds.add(feed)
            try:
                yield feed
            finally:
                self._feeds.discard(feed)

    def pace_by(self, step: int) -> float:
        """Ask the services more (-1) or less often from the next round on; every so many seconds."""
        at = min(range(len(PACES)), key=lambda each: abs(PACES[each] - self.probe_every))
        self.probe_every = PACES[max(0, min(len(PACES) - 1, at + step))]
        if self._watch is not None:
            self._watch.probe_every = self.probe_every
        return self.probe_every

    @property
    def user(self) -> Safe:
        """Who acts here: behind sudo the person."""
        return self._operator.sudo_user or self._operator.user

    def note(self, subject: Safe, words: Safe, weight: Weight) -> None:
        """Put an entry into the timeline of the snapshots that follow."""
        if self._watch is not None:
            self._watch.note(Entry(at=datetime.now(UTC), subject=subject, words=words, weight=weight))

    def underway(self) -> Mapping[str, Underway]:
        """What is being done to the stack's containers at this moment, by whomever."""
        members = self.last.stack.members if self.last is not None and self.last.stack is not None else ()
        return underway(self.state, [each.container.id for each in members])

    def connections(self, containers: Iterable[Container]) -> Mapping[str, int]:
        """How many connections stand with containers, where that can be seen from here."""
        return connections(containers) if self.target.is_local else {}

    async def run(self, plan: Plan) -> AsyncIterator[StepResult]:
        """Do a plan. Raises what `Executor.run` raises."""
        async with executor_on(
            self.target, permission=self.permission, directory=self.state, operator=self._operator
        ) as executor:
            async for result in executor.run(plan):
                yield result

    async def inspected(self, container_id: str) -> dict[str, object]:
        """The inspect document of a container as it is. Raises what the engine raises."""
        async with Engine(self.target) as engine:
            return await engine.inspect_raw(container_id)

    def record_reveal(self) -> None:
        """Record that secrets are shown. Raises `Refused` when that can't be written."""
        stack = self.last.stack if self.last is not None else None
        target = {"engine": str(self.target.name), "project": str(stack.project if stack else "")}
        AuditLog(self.state, self._operator).intend("reveal", target, {})
