"""The dashboard on scripted snapshots: what the screens show must depend on nothing else."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec

from lettaops.config.paths import StateDirectory
from lettaops.dashboard import Dashboard
from lettaops.model.assessment import assess
from lettaops.model.engine import Container
from lettaops.model.host import HostSample
from lettaops.model.probe import Answers, Outcome
from lettaops.model.source import Link, SourceStatus
from lettaops.model.stack import Stack
from lettaops.model.text import Safe
from lettaops.model.timeline import Entry, Weight
from lettaops.model.verdict import Assessment, Overall
from lettaops.monitor.snapshot import Load, Snapshot
from lettaops.operations.execute import Permission, StepResult
from lettaops.operations.plan import Plan
from lettaops.sources.target import EngineTarget
from tests.unit import build

HOST: Final = HostSample(
    name=Safe("prod-3"),
    cpu_percent=31.0,
    load_1m=1.2,
    cores=8,
    memory_used_bytes=6_500_000_000,
    memory_total_bytes=16_700_000_000,
    disk_path=Safe("/var/lib/docker"),
    disk_used_bytes=71,
    disk_total_bytes=100,
)
TARGET: Final = EngineTarget(
    kind="unix", path="/var/run/docker.sock", name=Safe("unix:///var/run/docker.sock"), origin=Safe("default")
)


HEALTH_RUNS: Final = (
    (5, 0, "the first of six: engines keep five\n"),
    (15, 0, "/var/run/postgresql:5432 - accepting connections\n"),
    (25, 0, "/var/run/postgresql:5432 - accepting connections\n"),
    (35, 2, "/var/run/postgresql:5432 - no response \x1b[31m(password=hunter2)\x1b[0m\nretried\r\n"),
    (45, 0, "/var/run/postgresql:5432 - accepting connections\n"),
    (55, 0, "/var/run/postgresql:5432 - accepting connections\n"),
)


class ScriptedDashboard(Dashboard):
    """Gives the snapshots it is told to, and remembers the plans it is to run."""

    def __init__(
        self,
        folder: Path,
        first: Snapshot,
        *,
        read_only: bool = False,
        profile_name: str = "default",
        target: EngineTarget = TARGET,
    ) -> None:
        super().__init__(
            target,
            project=None,
            profile=profile_name,
            password=None,
            permission=Permission(read_only=read_only),
            state=StateDirectory(path=folder / "state", shared=False),
            operator=build.operator(),
        )
        self.plans: list[Plan] = []
        self.results: list[StepResult] = []
        self.counted: dict[str, int] = {}
        self.hold = asyncio.Event()  # what acts wait for
        self.hold.set()
        self.fault: Exception | None = None  # of acts and of looks at containers
        self._queue: asyncio.Queue[Snapshot] = asyncio.Queue()
        self._queue.put_nowait(first)

    def tell(self, snapshot: Snapshot) -> None:
        """Give one more snapshot."""
        self._queue.put_nowait(snapshot)

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        while True:
            self.last = await self._queue.get()
            yield self.last

    async def inspected(self, container_id: str) -> dict[str, object]:
        config = {"Image": "letta/letta:latest", "Env": ["LETTA_DEBUG=True", f"LETTA_PG_URI={build.PG_URI}"]}
        if self.fault is not None:
            raise self.fault
        runs = [
            {"Start": f"2026-11-22T11:59:{second:02}Z", "End": f"2026-11-22T11:59:{second + 1:02}Z",
             "ExitCode": code, "Output": output}
            for second, code, output in HEALTH_RUNS
        ]  # fmt: skip
        health = {"Status": "healthy", "Log": runs}
        state = {"Status": "running", "OOMKilled": False, "Pid": 100, "Health": health}
        settings = {"Ports": {"8283/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8283"}]}}
        return {"Id": container_id, "Name": "/letta-letta_server-1", "State": state, "Config": config,
                "NetworkSettings": settings}  # fmt: skip

    async def run(self, plan: Plan) -> AsyncIterator[StepResult]:
        self.plans.append(plan)
        await self.hold.wait()
        if self.fault is not None:
            raise self.fault
        for result in self.results:
            yield result

    def note(self, subject: Safe, words: Safe, weight: Weight) -> None:
        if self.last is not None:
            timeline = self.last.timeline
            entry = Entry(at=build.NOW, subject=subject, words=words, weight=weight, number=len(timeline) + 1)
            self.tell(msgspec.structs.replace(self.last, timeline=(*timeline, entry)))

    def connections(self, containers: Iterable[Container]) -> Mapping[str, int]:
        return {each.id: self.counted[each.id] for each in containers if each.id in self.counted}


def snapshot(
    stack: Stack | None,
    answers: Answers | None = None,
    *,
    engine: SourceStatus = build.LIVE,
    seen_age_s: float | None = 0.0,
    timeline: Iterable[Entry] = (),
    others: int = 0,
) -> Snapshot:
    """A snapshot of a stack at `build.NOW`."""
    found = answers or Answers()
    if stack is not None:
        assessment = assess(stack, found, engine, build.NOW, age=seen_age_s)
    else:
        assessment = Assessment(
            overall=Overall.UNKNOWN, sentence=engine.reason or Safe("no Letta server is here")
        )
    loads = {
        each.container.id: Load(
            cpu_percent=2.5, memory_bytes=471 << 20, received_rate=2048.0, sent_rate=512.0
        )
        for each in (stack.members if stack is not None else ())
        if each.container.state.running
    }
    sidecars = [build.sidecar(f"unrelated-{number}", service="") for number in range(others)]
    return Snapshot(
        taken_at=build.NOW,
        engine_name=TARGET.name,
        engine=engine,
        seen_age_s=seen_age_s,
        stack=stack,
        answers=found,
        assessment=assessment,
        loads=loads,
        others=tuple(build.row_of(each) for each in sidecars),
        timeline=tuple(timeline),
        host=HOST,
    )


def healthy() -> Snapshot:
    """All is well."""
    state = build.running(health=build.health("healthy"))
    containers = (build.proxy(), build.server(), build.database(state=state, has_healthcheck=True))
    return snapshot(
        build.stack_of(*containers),
        _all_good(containers[0].id, containers[1].id, containers[2].id),
        others=14,
    )


def database_gone() -> Snapshot:
    """The database was killed for lack of memory."""
    state = msgspec.structs.replace(build.exited(137), oom_killed=True)
    containers = (build.proxy(), build.server(), build.database(state=state, memory_limit_bytes=512 << 20))
    answers = Answers(
        servers={containers[1].id: build.answering(build.failed(Outcome.STATUS, status=500))},
        proxies={containers[0].id: build.good()},
    )
    timeline = (
        Entry(
            at=build.NOW - timedelta(seconds=44),
            subject=Safe("letta_db"),
            words=Safe("ran out of memory"),
            weight=Weight.FAULT,
            number=1,
        ),
        Entry(
            at=build.NOW - timedelta(seconds=40),
            subject=Safe("letta_db"),
            words=Safe("ended: exit 137"),
            weight=Weight.FAULT,
            number=2,
        ),
    )
    return snapshot(build.stack_of(*containers), answers, timeline=timeline)


def wrong_upstream() -> Snapshot:
    """The proxy can't reach a server that answers."""
    containers = (build.proxy(), build.server(), build.database())
    good = _all_good(containers[0].id, containers[1].id, containers[2].id)
    proxies = {
        containers[0].id: build.failed(Outcome.STATUS, "Host letta.localhost, answered by nginx", status=502)
    }
    return snapshot(build.stack_of(*containers), msgspec.structs.replace(good, proxies=proxies))


def stale() -> Snapshot:
    """The engine stopped answering a while ago; the services were asked directly."""
    before = healthy()
    status = SourceStatus(
        link=Link.STALE, reason=Safe("no answer to a ping in 1.5 s"), last_value_at=0.0, attempts=1
    )
    return snapshot(before.stack, before.answers, engine=status, seen_age_s=17.0)


def denied() -> Snapshot:
    """The account may not use the engine's socket."""
    status = SourceStatus(
        link=Link.DENIED,
        reason=Safe("no permission to use /var/run/docker.sock"),
        next_step=Safe("join the group docker, or use sudo"),
        attempts=1,
    )
    return snapshot(None, engine=status, seen_age_s=None)


def empty() -> Snapshot:
    """The engine is well and runs no Letta."""
    status = build.LIVE
    return msgspec.structs.replace(
        snapshot(None, engine=status),
        assessment=Assessment(
            overall=Overall.UNKNOWN,
            sentence=Safe("none of the 3 containers of this engine looks like a Letta server"),
        ),
    )


STATES: Final = {
    "ok": healthy,
    "degraded": wrong_upstream,
    "down": database_gone,
    "stale": stale,
    "denied": denied,
    "empty": empty,
}


def _all_good(proxy: str, server: str, database: str) -> Answers:
    return Answers(
        servers={server: build.answering()},
        proxies={proxy: build.good(2.0)},
        databases={database: build.good(9.0)},
    )
