"""Keeping a snapshot current: one task follows the engine, one asks the services.

An end of the engine's event stream never means that a container ended: it leads to a new
subscription and a new look. While the engine is silent the last container states stand, with
their age, and the services go on being asked directly.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from lettaops.model.assessment import assess
from lettaops.model.engine import Event, StatsSample, cpu_percent, rate
from lettaops.model.errors import Denied, LettaopsError, Unreachable, UsageError
from lettaops.model.host import HostSample
from lettaops.model.probe import Answers
from lettaops.model.recognise import PROJECT_LABEL
from lettaops.model.source import Link, SourceStatus, backoff
from lettaops.model.stack import Stack
from lettaops.model.text import Safe, clean
from lettaops.model.timeline import Entry, Weight, entry_of
from lettaops.model.verdict import Assessment, Overall
from lettaops.monitor.ask import Asker
from lettaops.monitor.observe import Observation, observe
from lettaops.monitor.snapshot import Load, Snapshot
from lettaops.sources import cgroup
from lettaops.sources.engine import Engine

PING_EVERY: Final = 1.0
PING_DEADLINE: Final = 1.5
LOOK_AGAIN: Final = 10.0  # a look without any event, against what events may have missed
COALESCE: Final = 0.25  # events of this span lead to one look: at most 4 a second
PROBE_EVERY: Final = 2.0
HOST_EVERY: Final = 5.0
TIMELINE_ENTRIES: Final = 500


class StackWatch:
    """A deployment under watch. `run` it in a task; `snapshot` is always the newest."""

    def __init__(self, engine: Engine, asker: Asker, *, project: str | None) -> None:
        self._engine = engine
        self._asker = asker
        self._project = project
        self._status = SourceStatus()
        self._observation: Observation | None = None
        self._missing = Safe()
        self._answers = Answers()
        self._entries = 0
        self._overall: Overall | None = None
        self._timeline: deque[Entry] = deque(maxlen=TIMELINE_ENTRIES)
        self._samples: dict[str, StatsSample] = {}
        self._loads: dict[str, Load] = {}
        self._host: HostSample | None = None
        self.probe_every = PROBE_EVERY  # seconds between two rounds of questions
        self._dirty = asyncio.Event()
        self._probe_now = asyncio.Event()
        self._news = asyncio.Event()
        self._ended = False

    @property
    def snapshot(self) -> Snapshot:
        """The newest state of everything."""
        now = datetime.now(UTC)
        age = self._status.age(time.monotonic())
        seen = self._observation
        if seen is not None:
            assessment = assess(seen.stack, self._answers, self._status, now, age=age)
        else:
            because = self._missing if self._status.link is Link.LIVE else self._status.reason
            assessment = Assessment(overall=Overall.UNKNOWN, sentence=because)
        return Snapshot(
            taken_at=now,
            engine_name=self._engine.target.name,
            engine=self._status,
            seen_age_s=age,
            stack=seen.stack if seen else None,
            answers=self._answers,
            assessment=assessment,
            loads=self._loads,
            others=seen.others if seen else (),
            timeline=tuple(self._timeline),
            host=self._host,
        )

    async def once(self) -> Snapshot:
        """One look and one round of questions. An engine that doesn't answer is in the snapshot.

        Raises `UsageError` when there is no stack, or several.
        """
        try:
            self._observation = await observe(self._engine, self._project)
        except UsageError:
            raise
        except LettaopsError as error:
            self._status = self._status.failed(error)
            return self.snapshot
        self._status = self._status.lived(time.monotonic())
        self._sample_loads()
        self._answers = await self._asker.ask(self._observation.stack)
        self._sample_loads()
        return self.snapshot

    async def run(self) -> None:
        """Follow the engine and ask the services until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow())
                group.create_task(self._ask_regularly())
                if self._engine.target.is_local:
                    group.create_task(self._sample_host())
        finally:
            self._ended = True
            self._news.set()

    async def changes(self) -> AsyncIterator[Snapshot]:
        """A snapshot whenever something new is known; what comes while one is looked at is merged.

        Ends with `run`, whose exception tells why: nobody should wait for news that can't come.
        """
        while True:
            await self._news.wait()
            self._news.clear()
            if self._ended:
                return
            yield self.snapshot

    async def _follow(self) -> None:
        while True:
            try:
                await self._session()
            except* LettaopsError as errors:
                self._status = self._status.failed(_first(errors))
                self._news.set()
            await asyncio.sleep(backoff(self._status.attempts))

    async def _session(self) -> None:
        """One subscription, until it ends. Subscribed before the first look, so nothing falls between."""
        async with self._engine.events() as events:
            self._dirty.set()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(events))
                group.create_task(self._look())
                group.create_task(self._watchdog())

    async def _read(self, events: AsyncIterator[Event]) -> None:
        async for event in events:
            self._dirty.set()
            entry = entry_of(event)
            if entry is not None and self._concerns(event):
                self._record(entry)
        raise Unreachable("the engine's event stream ended", next_step="is the engine restarting?")

    async def _look(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._dirty.wait()
            self._dirty.clear()
            before = self._observation
            try:
                self._observation = await observe(self._engine, self._project)
            except UsageError as error:  # the engine is well; the stack was taken down
                self._observation, self._missing = None, error.what
            self._status = self._status.lived(time.monotonic())
            if self._observation is not None and (before is None or before.stack != self._observation.stack):
                self._probe_now.set()
            self._news.set()
            await asyncio.sleep(COALESCE)

    async def _watchdog(self) -> None:
        """A frozen engine ends no stream and answers no request: only a question with a deadline shows it."""
        while True:
            await asyncio.sleep(PING_EVERY)
            await self._engine.ping(timeout=PING_DEADLINE)
            if self._observation is not None:
                self._status = self._status.lived(time.monotonic())

    async def _ask_regularly(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.probe_every):
                    await self._probe_now.wait()
            self._probe_now.clear()
            stack = self._current_stack()
            if stack is not None:
                self._answers = await self._asker.ask(stack)
                self._sample_loads()
                self._note_overall()
                self._news.set()

    async def _sample_host(self) -> None:
        from lettaops.sources import host

        while True:
            self._host = host.sample()
            await asyncio.sleep(HOST_EVERY)

    def _note_overall(self) -> None:
        """What the probes find changes without any event of the engine: it belongs into the timeline."""
        overall = self.snapshot.assessment.overall
        if self._overall is not None and overall is not self._overall:
            weight = Weight.FAULT if overall is Overall.DOWN else Weight.CHANGE
            words = clean(f"is {overall} now, was {self._overall}")
            subject = self._current_stack()
            name = subject.project if subject is not None else Safe("deployment")
            self._record(Entry(at=datetime.now(UTC), subject=name, words=words, weight=weight))
        self._overall = overall

    def _record(self, entry: Entry) -> None:
        self._entries += 1
        self._timeline.append(msgspec.structs.replace(entry, number=self._entries))

    def _concerns(self, event: Event) -> bool:
        """Whether an event is about the stack: by its project, or by a container we know."""
        stack = self._current_stack()
        if stack is None:
            return False
        project = event.attributes.get(Safe(PROJECT_LABEL))
        return project == stack.project if project else stack.member(event.id) is not None

    def _current_stack(self) -> Stack | None:
        return self._observation.stack if self._observation is not None else None

    def _sample_loads(self) -> None:
        """CPU, memory and network from the kernel's files, where the engine is this machine's."""
        if self._observation is None or not self._engine.target.is_local:
            return
        samples: dict[str, StatsSample] = {}
        for member in self._observation.stack.members:
            pid = member.container.state.pid
            if (
                member.container.state.running
                and pid
                and (sample := cgroup.sample(pid, member.container.id)) is not None
            ):
                samples[member.container.id] = sample
        self._loads = {
            identity: _load(self._samples.get(identity), each) for identity, each in samples.items()
        }
        self._samples = samples


def _load(before: StatsSample | None, now: StatsSample) -> Load:
    if before is None or before.read_at is None or now.read_at is None:
        return Load(memory_bytes=now.memory_bytes, memory_limit_bytes=now.memory_limit_bytes)
    seconds = (now.read_at - before.read_at).total_seconds()
    return Load(
        cpu_percent=cpu_percent(before, now),
        memory_bytes=now.memory_bytes,
        memory_limit_bytes=now.memory_limit_bytes,
        received_rate=rate(before.received_bytes, now.received_bytes, seconds),
        sent_rate=rate(before.sent_bytes, now.sent_bytes, seconds),
    )


def _first(errors: BaseExceptionGroup[LettaopsError]) -> LettaopsError:
    """The error that explains most: a refusal before a silence before anything else."""
    flat: list[LettaopsError] = []
    stack: list[BaseException] = list(errors.exceptions)
    while stack:
        each = stack.pop()
        if isinstance(each, BaseExceptionGroup):
            stack += each.exceptions
        elif isinstance(each, LettaopsError):
            flat.append(each)
    return next(
        (each for kind in (Denied, UsageError, Unreachable) for each in flat if isinstance(each, kind)),
        flat[0],
    )
