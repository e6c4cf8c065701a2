"""The logs of a stack's services as one stream of lines, over restarts, recreations and the engine's ends."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from types import TracebackType
from typing import Final, Self

from lettaops.model.engine import NUMBER_LABEL, Event
from lettaops.model.errors import UsageError
from lettaops.model.logs.line import LogLine, Marker, marker
from lettaops.model.recognise import ONEOFF_LABEL, PROJECT_LABEL, SERVICE_LABEL
from lettaops.model.source import SourceStatus
from lettaops.model.stack import Member, Stack
from lettaops.model.text import Safe, clean
from lettaops.monitor.engine_watch import EngineWatch
from lettaops.monitor.logs.exits import Exits
from lettaops.monitor.logs.intake import Intake
from lettaops.monitor.logs.merge import HISTORY_SECONDS
from lettaops.monitor.logs.options import FeedOptions
from lettaops.monitor.logs.reader import ContainerReader
from lettaops.monitor.observe import Observation
from lettaops.sources.engine import Engine

_LIFE: Final = frozenset({"start", "die", "destroy", "pause", "unpause", "rename"})
_Slot = tuple[Safe, Safe]  # a service, and which of its containers


class LogFeed:
    """Asynchronous iterator over batches of lines and markers, in the order of their time; none is empty.

    An asynchronous context manager; at its end nothing is read any more. Without `options.follow` the
    iteration ends with the logs. The iteration raises `UsageError` when there is no stack or a service
    isn't in it, and what the engine raises when the first look fails; later faults are told by markers,
    while it goes on trying. `watch`: one that somebody runs; then the first look is waited for, too.
    """

    def __init__(
        self,
        engine: Engine,
        options: FeedOptions,
        *,
        project: str | None = None,
        watch: EngineWatch | None = None,
    ) -> None:
        self._engine = engine
        self._options = options
        self._own_watch = watch is None
        self._watch = watch or EngineWatch(engine, project=project)
        self._intake = Intake(
            patience=HISTORY_SECONDS if options.follow else None,
            interval=options.interval,
            rate=options.rate,
        )
        self._exits = Exits()
        self._project = Safe()
        self._known: set[str] = set()
        self._readers: dict[str, ContainerReader] = {}
        self._newest: dict[_Slot, ContainerReader] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._begun = False
        self._seen = False  # the stack as it was when reading began
        self._silent = False
        self.paused = False
        self.read = 0  # containers whose log was read to its end
        self.unreadable: list[Safe] = []  # services of which the engine can't give a log back

    @property
    def status(self) -> SourceStatus:
        """How we stand with the engine: while it is silent, so are the logs."""
        return self._watch.status

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[LogLine]:
        if not self._begun:
            self._begun = True
            await self._begin()
        lines = await self._intake.take()
        if not lines:
            raise StopAsyncIteration
        return lines

    async def aclose(self) -> None:
        """Stop reading. An iteration ends behind the lines that were read."""
        self._watch.forget(self)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._intake.end()  # for who still takes lines

    def pause(self) -> None:
        """Read nothing until `resume`, which catches up. Lines that were read can still be taken."""
        self.paused = True
        for reader in self._readers.values():
            reader.pause()

    def resume(self) -> None:
        """Read on; what can't be caught up with is told by a marker."""
        self.paused = False
        for reader in self._readers.values():
            reader.resume()

    # -- what the watch tells --------------------------------------------------------------

    def looked(self, before: Observation | None) -> None:
        """Called by the engine's watch."""
        if self._silent:
            self._silent = False
            self._tell("the engine answers again")
            for reader in self._readers.values():
                reader.wake()
        if self._watch.observation is not None:
            self._take_stack(self._watch.observation.stack)

    def happened(self, event: Event) -> None:
        """Called by the engine's watch."""
        if event.type != "container" or event.action not in _LIFE:
            return
        if event.action == "die":
            self._exits.note(event)
        elif event.action == "start" and self._is_new(event):
            labels = event.attributes
            self._read(event.id, (labels[Safe(SERVICE_LABEL)], labels.get(Safe(NUMBER_LABEL), Safe())))
        if (reader := self._readers.get(event.id)) is not None:
            if event.action == "start":
                reader.started()
            else:
                reader.wake()

    def failed(self) -> None:
        """Called by the engine's watch."""
        if not self._silent:
            self._silent = True
            self._tell(f"no logs for now: {self._watch.status.reason}")

    # -- inside ----------------------------------------------------------------------------

    async def _begin(self) -> None:
        if self._own_watch:
            await self._watch.look()
        if self._watch.observation is not None:
            stack = self._watch.observation.stack
            for name in self._options.services:
                if not stack.named(name):
                    raise _unknown(name, stack)
            self._take_stack(stack)
        if self._options.follow:
            self._watch.listen(self)
            if self._own_watch:
                self._start(self._watch.run())
        elif not self._tasks:
            self._intake.end()

    def _take_stack(self, stack: Stack) -> None:
        self._project = stack.project
        for member in self._chosen(stack):
            if member.container.id not in self._known:
                number = member.container.labels.get(Safe(NUMBER_LABEL), Safe())
                self._read(member.container.id, (member.name, number))
        self._seen = True
        self._known = {each.container.id for each in stack.members} | self._readers.keys()

    def _chosen(self, stack: Stack) -> Sequence[Member]:
        names = self._options.services
        if not names:
            return stack.members
        return [each for each in stack.members if any(each in stack.named(name) for name in names)]

    def _is_new(self, event: Event) -> bool:
        """Whether an event is of a container of ours that isn't read yet. Others wait for the next look."""
        labels, names = event.attributes, self._options.services
        one_off = labels.get(Safe(ONEOFF_LABEL), Safe()).lower() == "true"
        service = labels.get(Safe(SERVICE_LABEL))
        ours = bool(self._project) and labels.get(Safe(PROJECT_LABEL)) == self._project
        chosen = not names or service in names or event.name in names
        return ours and bool(service) and chosen and not one_off and event.id not in self._known

    def _read(self, container_id: str, slot: _Slot) -> None:
        reader = ContainerReader(
            self._engine,
            self._intake,
            self._options,
            self._exits,
            container_id,
            slot[0],
            late=self._seen,
            before=self._newest.get(slot),
        )
        if self.paused:
            reader.pause()
        self._known.add(container_id)
        self._readers[container_id] = self._newest[slot] = reader
        task = self._start(reader.run())
        task.add_done_callback(lambda _: self._done(container_id))

    def _start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _done(self, container_id: str) -> None:
        reader = self._readers.pop(container_id)
        if reader.unreadable:
            self.unreadable.append(reader.service)
        else:
            self.read += 1

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        fault = None if task.cancelled() else task.exception()
        if fault is not None or not (self._tasks or self._options.follow):
            self._intake.end(fault)

    def _tell(self, text: str) -> None:
        self._intake.tell(marker(Marker.NOTE, Safe(), Safe(), time.time_ns(), clean(text)))


def _unknown(name: str, stack: Stack) -> UsageError:
    known = ", ".join(sorted({each.name for each in stack.members}))
    return UsageError(f"there is no service {clean(name)} in {stack.project}", next_step=f"known: {known}")
