"""One container's log, over restarts of the container and ends of the engine, until it is removed.

Each round inspects the container, reads what is there to its end, and then follows if the
container runs. So the place where the past ends is known, and a restart's marker stands before
the first line of the new run.
"""

import asyncio
import contextlib
import time
from typing import Final

import msgspec

from lettaops.model.engine import Container, ContainerStatus
from lettaops.model.errors import ApiError, Conflict, LettaopsError, NotFound, Unreachable
from lettaops.model.logs.line import NO_TIME, Marker, marker, short_id
from lettaops.model.source import backoff
from lettaops.model.text import Safe
from lettaops.monitor.logs import words
from lettaops.monitor.logs.exits import Exits
from lettaops.monitor.logs.intake import Intake
from lettaops.monitor.logs.options import FeedOptions
from lettaops.monitor.logs.tail import Tail
from lettaops.sources.engine import Engine

CHECK_AGAIN: Final = 30.0  # a container that doesn't run, against a start that no event told of
HANDOVER_SECONDS: Final = 3.0  # what a new container waits for the end of the log of the old one
QUICK_SECONDS: Final = 1.0  # a stream that ends sooner, and silent, isn't opened again at once
REMOVAL_ATTEMPTS: Final = 4  # while an engine removes a container it gives its log no more
QUIET_LIMIT: Final = 4.0  # longest wait between two tries at an engine that doesn't answer
DAMAGED_LIMIT: Final = 30.0  # longest wait between two tries at a log that the engine can't read
_RUNS: Final = frozenset({ContainerStatus.RUNNING, ContainerStatus.PAUSED})
_NOT_IMPLEMENTED: Final = 501


class ContainerReader:
    """Reads one container's log into its lane of the intake. `run` it in a task.

    `before`: the reader of the container that did the service's work before. `late`: the container
    appeared while logs were followed, so all of its log is new. `settled` is set while there is
    nothing more to read: it ended and its log was read, or it is gone.
    """

    def __init__(
        self,
        engine: Engine,
        intake: Intake,
        options: FeedOptions,
        exits: Exits,
        container_id: str,
        service: Safe,
        *,
        late: bool = False,
        before: "ContainerReader | None" = None,
    ) -> None:
        self.id = container_id
        self.service = service
        self.settled = asyncio.Event()
        self.unreadable = False
        self._engine = engine
        self._intake = intake
        self._options = options
        self._exits = exits
        self._late = late
        self._before = before
        self._lane = intake.lane(history=not late)
        self._tail = Tail(engine, intake, self._lane, options, container_id, service, whole=late)
        self._start_ns = NO_TIME
        self._following = False
        self._complete = False  # the log was read after the stream had ended
        self._run_told = False  # and its end not yet
        self._driver = Safe()
        self._attempts = 0
        self._said: set[Safe] = set()
        self._woken = asyncio.Event()
        self._going = asyncio.Event()
        self._going.set()
        self._scope: asyncio.Timeout | None = None

    def wake(self) -> None:
        """Something happened to the container, or the engine answers again: look now."""
        self._woken.set()

    def started(self) -> None:
        """The container was started: look at once, also where a stream that was just opened goes on."""
        self._woken.set()
        if self._following:
            self._break_off()

    def pause(self) -> None:
        """Stop reading, so that nothing is held for a reader who doesn't look."""
        if not self._going.is_set():
            return
        self._going.clear()
        self._break_off()

    def resume(self) -> None:
        """Read on from where reading stopped."""
        self._going.set()

    async def run(self) -> None:
        """Read until the container is gone, or once when logs aren't followed."""
        try:
            more = True
            while more:
                await self._going.wait()
                more = await self._round()
        finally:
            self.settled.set()
            self._intake.close(self._lane)

    # -- inside ----------------------------------------------------------------------------

    def _break_off(self) -> None:
        """End the round where it is. What it didn't get to is read in the next one."""
        if self._scope is not None:
            self._scope.reschedule(asyncio.get_running_loop().time())
            self._scope = None

    async def _round(self) -> bool:
        """One round; whether there is another. `_break_off` ends it by its timeout."""
        self._woken.clear()
        try:
            async with asyncio.timeout(None) as self._scope:
                try:
                    return await self._look_and_read()
                except NotFound:
                    self._gone()
                    return False
                except LettaopsError as error:
                    return await self._failed(error)
        except TimeoutError:
            return True
        finally:
            self._scope = None
            self._following = False

    async def _look_and_read(self) -> bool:
        container = await self._engine.inspect(self.id)
        self._driver = container.log_driver
        if container.log_driver == "none":
            return self._give_up(words.unreadable(container.log_driver))
        if container.tty:
            self._say(words.terminal())
        await self._note_start(container)
        runs = container.state.status in _RUNS
        if self._start_ns != NO_TIME:
            await self._tail.catch_up(container, runs=runs)
        self._intake.live(self._lane)
        if not self._options.follow:
            return False
        if runs:
            await self._follow(container)
        else:
            self._attempts = 0
            self._note_end(container)
            await self._wait(CHECK_AGAIN)
        return True

    async def _follow(self, container: Container) -> None:
        loop = asyncio.get_running_loop()
        self.settled.clear()
        self._run_told = True
        self._complete = False
        began, had = loop.time(), self._tail.count
        self._following = True
        await self._tail.follow(container)
        self._following = False
        with contextlib.suppress(LettaopsError):  # at once: who recreates a container removes it at once
            await self._tail.catch_up(container, runs=True)
            self._complete = True
        if self._tail.count == had and loop.time() - began < QUICK_SECONDS:
            self._attempts += 1
            await self._wait(backoff(self._attempts))
        else:
            self._attempts = 0

    async def _note_start(self, container: Container) -> None:
        """Have a marker put before the first line of a run that hasn't been told of."""
        start = words.start_of(container)
        if start in {NO_TIME, self._start_ns}:
            return
        if self._start_ns == NO_TIME and not self._late:
            self._start_ns = start
            return
        text = await self._story(start)
        self._start_ns = start
        self._run_told = True
        from_ns = words.first_output(container)
        line = marker(Marker.STARTED, self.service, short_id(self.id), start, text)
        if self._tail.last_ns < from_ns or not self._tail.count:
            self._tail.mark(line, from_ns)
        else:  # lines of the new run have come before we knew of it: the merge still puts it right
            self._intake.tell(msgspec.structs.replace(line, timestamp_ns=from_ns))

    async def _story(self, start: int) -> Safe:
        """How it came to a run: only what was there before, and has ended, is waited for."""
        if self._start_ns != NO_TIME:
            return words.restarted(start, await self._exits.after(self.id, self._start_ns))
        if self._before is None:
            return words.started(start)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HANDOVER_SECONDS):
                await self._before.settled.wait()
        old, self._before = self._before.id, None
        return words.recreated(short_id(old), short_id(self.id), self._exits.known(old))

    def _note_end(self, container: Container) -> None:
        """Tell once of each end of a run that was seen running; its log is read by now."""
        self.settled.set()
        if self._run_told:
            self._run_told = False
            end = words.end_of(container)
            self._tail.say(Marker.ENDED, end, words.ended(container))

    def _gone(self) -> None:
        if not self.settled.is_set():
            self._tail.give_rest()
            text = words.removed(read=self._tail.count > 0, complete=self._complete)
            self._tail.say(Marker.ENDED, time.time_ns(), text)

    def _give_up(self, text: Safe) -> bool:
        self.unreadable = True
        self._say(text)
        return False

    def _say(self, text: Safe) -> None:
        """Say something about reading this log, once."""
        if text not in self._said:
            self._said.add(text)
            self._tail.say(Marker.NOTE, time.time_ns(), text)

    async def _failed(self, error: LettaopsError) -> bool:
        """Whether it is worth another try; waits until then."""
        if isinstance(error, ApiError) and error.status == _NOT_IMPLEMENTED:
            return self._give_up(words.unreadable(self._driver, error.what))
        if not self._options.follow:
            self._intake.end(error)
            return False
        self._intake.live(self._lane)  # nobody has to wait for it
        self._attempts += 1
        limit = QUIET_LIMIT
        going = isinstance(error, Conflict) and self._attempts <= REMOVAL_ATTEMPTS
        if not (going or isinstance(error, Unreachable)):  # of that the watch on the engine tells
            self._say(error.what)
            limit = DAMAGED_LIMIT
        await self._wait(backoff(self._attempts, limit=limit))
        return True

    async def _wait(self, seconds: float) -> None:
        """Wait, but not longer than until something happens."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
