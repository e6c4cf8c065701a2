"""Following the engine: which stack is there and what happens to it, through the engine's ends and silences.

An end of the event stream never means that a container ended: it leads to a new subscription and
a new look. While the engine is silent what was seen last stands, with its age.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Final, Protocol

from lettaops.model.engine import Event
from lettaops.model.errors import LettaopsError, Unreachable, UsageError, explaining
from lettaops.model.recognise import PROJECT_LABEL
from lettaops.model.source import SourceStatus, backoff
from lettaops.model.stack import Stack
from lettaops.model.text import Safe
from lettaops.monitor.observe import Observation, observe
from lettaops.sources.engine import Engine

PING_EVERY: Final = 1.0
PING_DEADLINE: Final = 1.5
LOOK_AGAIN: Final = 10.0  # a look without any event, against what events may have missed
COALESCE: Final = 0.25  # events of this span lead to one look: at most 4 a second


class Listener(Protocol):
    """Who is told what an `EngineWatch` learns. The calls must be short, and not raise."""

    def looked(self, before: Observation | None) -> None:
        """There was a new look; `before` is what the last one saw."""

    def happened(self, event: Event) -> None:
        """The engine told of an event, the stack's or not."""

    def failed(self) -> None:
        """The engine stopped answering, or still doesn't."""


class EngineWatch:
    """The stack as the engine shows it, kept current while `run` runs.

    `observation` is the newest look, None while there is none; `missing` then says why, unless
    `status` does.
    """

    def __init__(self, engine: Engine, *, project: str | None) -> None:
        self.engine = engine
        self.project = project
        self.status = SourceStatus()
        self.observation: Observation | None = None
        self.missing = Safe()
        self._listeners: list[Listener] = []
        self._dirty = asyncio.Event()

    @property
    def stack(self) -> Stack | None:
        """The stack of the newest look."""
        return self.observation.stack if self.observation is not None else None

    def listen(self, listener: Listener) -> None:
        """Tell a listener from now on."""
        self._listeners.append(listener)

    def forget(self, listener: Listener) -> None:
        """Tell a listener no more, if it was told at all."""
        self._listeners = [each for each in self._listeners if each is not listener]

    def concerns(self, event: Event) -> bool:
        """Whether an event is about the stack: by its project, or by a container we know."""
        stack = self.stack
        if stack is None:
            return False
        project = event.attributes.get(Safe(PROJECT_LABEL))
        return project == stack.project if project else stack.member(event.id) is not None

    async def look(self) -> None:
        """One look. Raises `UsageError` when there is no stack, or several, and what the engine raises."""
        try:
            self.observation = await observe(self.engine, self.project)
        except UsageError:
            raise
        except LettaopsError as error:
            self.status = self.status.failed(error)
            raise
        self.status = self.status.lived(time.monotonic())

    async def run(self) -> None:
        """Follow the engine until cancelled."""
        while True:
            try:
                await self._session()
            except* LettaopsError as errors:
                self.status = self.status.failed(explaining(errors))
                for listener in self._listeners:
                    listener.failed()
            await asyncio.sleep(backoff(self.status.attempts))

    async def _session(self) -> None:
        """One subscription, until it ends. Subscribed before the first look, so nothing falls between."""
        async with self.engine.events() as events:
            self._dirty.set()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(events))
                group.create_task(self._look())
                group.create_task(self._watchdog())

    async def _read(self, events: AsyncIterator[Event]) -> None:
        async for event in events:
            self._dirty.set()
            for listener in self._listeners:
                listener.happened(event)
        raise Unreachable("the engine's event stream ended", next_step="is the engine restarting?")

    async def _look(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._dirty.wait()
            self._dirty.clear()
            before = self.observation
            try:
                self.observation = await observe(self.engine, self.project)
            except UsageError as error:  # the engine is well; the stack was taken down
                self.observation, self.missing = None, error.what
            self.status = self.status.lived(time.monotonic())
            for listener in self._listeners:
                listener.looked(before)
            await asyncio.sleep(COALESCE)

    async def _watchdog(self) -> None:
        """A frozen engine ends no stream and answers no request: only a question with a deadline shows it."""
        while True:
            await asyncio.sleep(PING_EVERY)
            await self.engine.ping(timeout=PING_DEADLINE)
            if self.observation is not None:
                self.status = self.status.lived(time.monotonic())
