"""What the dashboard runs on: one engine client, one watch, one executor. No Textual."""

from collections.abc import AsyncIterator

from lettaops.config.paths import StateDirectory
from lettaops.model.secrets import Secret
from lettaops.monitor.ask import Asker
from lettaops.monitor.snapshot import Snapshot
from lettaops.monitor.watch import PROBE_EVERY, StackWatch
from lettaops.operations.audit import AuditLog, Operator
from lettaops.operations.execute import Executor, Permission, StepResult
from lettaops.operations.plan import Plan
from lettaops.sources.engine import Engine
from lettaops.sources.engine_acts import EngineActs
from lettaops.sources.letta import LettaApi
from lettaops.sources.target import EngineTarget


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
        self._project = project
        self._password = password
        self._operator = operator

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        """Snapshots as things change, until the iteration is left. Raises what ended the watch, a fault."""
        import asyncio

        async with Engine(self.target) as engine, LettaApi() as letta:
            watch = StackWatch(engine, Asker(engine, letta, password=self._password), project=self._project)
            watch.probe_every = self.probe_every
            self._watch = watch
            task = asyncio.create_task(watch.run())
            try:
                async for snapshot in watch.changes():
                    self.last = snapshot
                    yield snapshot
                await task
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def pace(self, seconds: float) -> None:
        """Ask the services every so many seconds from the next round on."""
        self.probe_every = seconds
        if self._watch is not None:
            self._watch.probe_every = seconds

    async def run(self, plan: Plan) -> AsyncIterator[StepResult]:
        """Do a plan. Raises what `Executor.run` raises."""
        async with Engine(self.target) as engine:
            executor = Executor(
                engine,
                EngineActs(self.target),
                permission=self.permission,
                directory=self.state,
                operator=self._operator,
            )
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
