"""Keeping a snapshot current: one task follows the engine, one asks the services.

While the engine is silent the last container states stand, with their age, and the services go on
being asked directly.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Final

import msgspec

from lettaops.model.assessment import assess
from lettaops.model.engine import Event
from lettaops.model.errors import LettaopsError, UsageError
from lettaops.model.host import HostSample
from lettaops.model.probe import Answers
from lettaops.model.source import Link
from lettaops.model.text import Safe, clean
from lettaops.model.timeline import Entry, Weight, entry_of
from lettaops.model.verdict import Assessment, Overall
from lettaops.monitor.ask import Asker
from lettaops.monitor.engine_watch import EngineWatch
from lettaops.monitor.loads import Loads
from lettaops.monitor.observe import Observation
from lettaops.monitor.snapshot import Snapshot
from lettaops.sources.daemon_thread import in_daemon_thread
from lettaops.sources.engine import Engine

PROBE_EVERY: Final = 2.0
HOST_EVERY: Final = 5.0
TIMELINE_ENTRIES: Final = 500


class StackWatch:
    """A deployment under watch. `run` it in a task; `snapshot` is always the newest."""

    def __init__(self, engine: Engine, asker: Asker, *, project: str | None) -> None:
        self.engine_watch = EngineWatch(engine, project=project)
        self.engine_watch.listen(self)
        self._engine = engine
        self._asker = asker
        self._answers = Answers()
        self._entries = 0
        self._overall: Overall | None = None
        self._timeline: deque[Entry] = deque(maxlen=TIMELINE_ENTRIES)
        self._loads = Loads(engine)
        self._host: HostSample | None = None
        self._link = Link.CONNECTING  # as it was told the last time
        self.probe_every = PROBE_EVERY  # seconds between two rounds of questions
        self._probe_now = asyncio.Event()
        self._news = asyncio.Event()
        self._ended = False

    @property
    def snapshot(self) -> Snapshot:
        """The newest state of everything."""
        now = datetime.now(UTC)
        status = self.engine_watch.status
        age = status.age(time.monotonic())
        seen = self.engine_watch.observation
        if seen is not None:
            assessment = assess(seen.stack, self._answers, status, now, age=age)
        else:
            because = self.engine_watch.missing if status.link is Link.LIVE else status.reason
            assessment = Assessment(overall=Overall.UNKNOWN, sentence=because)
        return Snapshot(
            taken_at=now,
            engine_name=self._engine.target.name,
            engine=status,
            seen_age_s=age,
            stack=seen.stack if seen else None,
            answers=self._answers,
            assessment=assessment,
            loads=self._loads.current,
            others=seen.others if seen else (),
            timeline=tuple(self._timeline),
            host=self._host,
        )

    async def once(self) -> Snapshot:
        """One look and one round of questions. An engine that doesn't answer is in the snapshot.

        Raises `UsageError` when there is no stack, or several.
        """
        try:
            await self.engine_watch.look()
        except UsageError:
            raise
        except LettaopsError:
            return self.snapshot
        stack = self.engine_watch.stack
        if stack is not None:
            with contextlib.closing(self._loads):
                self._loads.sample(stack)
                self._answers, _ = await asyncio.gather(self._asker.ask(stack), self._loads.once())
                self._loads.sample(stack)
        return self.snapshot

    async def run(self) -> None:
        """Follow the engine and ask the services until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow())
                group.create_task(self._ask_regularly())
                group.create_task(self._loads.run())
                if self._engine.target.is_local:
                    group.create_task(self._sample_host())
        finally:
            self._loads.close()
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

    def looked(self, before: Observation | None) -> None:
        """Called by the engine's watch."""
        now, link = self.engine_watch.observation, self.engine_watch.status.link
        if now is not None and (before is None or before.stack != now.stack):
            self._probe_now.set()
        if now != before or link is not self._link or now is None:
            self._news.set()
        self._link = link

    def happened(self, event: Event) -> None:
        """Called by the engine's watch."""
        entry = entry_of(event)
        if entry is not None and self.engine_watch.concerns(event):
            self._record(entry)

    def failed(self) -> None:
        """Called by the engine's watch."""
        self._link = self.engine_watch.status.link
        self._news.set()

    async def _follow(self) -> None:
        await self.engine_watch.run()

    async def _ask_regularly(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.probe_every):
                    await self._probe_now.wait()
            self._probe_now.clear()
            stack = self.engine_watch.stack
            if stack is not None:
                self._answers = await self._asker.ask(stack)
                self._loads.sample(stack)
                self._note_overall()
                self._news.set()

    async def _sample_host(self) -> None:
        sample = await in_daemon_thread(_host_sampler)  # an import that would hold the first screen up
        while True:
            self._host = sample()
            await asyncio.sleep(HOST_EVERY)

    def _note_overall(self) -> None:
        """What the probes find changes without any event of the engine: it belongs into the timeline."""
        overall = self.snapshot.assessment.overall
        if self._overall is not None and overall is not self._overall:
            weight = Weight.FAULT if overall is Overall.DOWN else Weight.CHANGE
            words = clean(f"is {overall} now, was {self._overall}")
            subject = self.engine_watch.stack
            name = subject.project if subject is not None else Safe("deployment")
            self._record(Entry(at=datetime.now(UTC), subject=name, words=words, weight=weight))
        self._overall = overall

    def note(self, entry: Entry) -> None:
        """Put what was done from here among the events."""
        self._record(entry)
        self._news.set()

    def _record(self, entry: Entry) -> None:
        self._entries += 1
        self._timeline.append(msgspec.structs.replace(entry, number=self._entries))


def _host_sampler() -> Callable[[], HostSample]:
    from lettaops.sources.host import sample

    return sample
