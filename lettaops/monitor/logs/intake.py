"""Between those who read logs and the one who takes the lines: bounded, paced and in order."""

import asyncio
import contextlib
from typing import Final

from lettaops.model.logs.line import LogLine
from lettaops.monitor.logs.merge import Lane, Merge

BATCH_LINES: Final = 4000


class Behind(Exception):
    """Nobody took the lines for too long."""


class Intake:
    """Readers add lines to their lanes and wait where nobody takes them; the feed takes batches.

    `interval`: seconds between two batches, so that few lines at a time don't cost a wake-up each.
    `rate`: lines a second that readers may add in the long run, None: as many as are taken.
    """

    def __init__(
        self, *, patience: float | None, interval: float, rate: float | None, batch_lines: int = BATCH_LINES
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._merge = Merge(self._loop.time, patience=patience)
        self._interval = interval
        self._rate = rate
        self._batch_lines = batch_lines
        self._ready: list[LogLine] = []
        self._given = 0  # of those that are ready
        self._not_before = 0.0
        self._spent_until = 0.0
        self._error: BaseException | None = None
        self._complete = False
        self._news = asyncio.Event()
        self._space = asyncio.Event()
        self._pressed = asyncio.Event()  # somebody waits for space

    # -- for readers -----------------------------------------------------------------------

    def lane(self, *, history: bool) -> Lane:
        """A place for one more log, as `Merge.lane`."""
        return self._merge.lane(history=history)

    def live(self, lane: Lane) -> None:
        """The history of a log is read."""
        self._merge.live(lane)
        self._news.set()

    def close(self, lane: Lane) -> None:
        """No more lines of a log will come."""
        self._merge.close(lane)
        self._news.set()

    async def room(self, lane: Lane, patience: float | None) -> None:
        """Wait until lines may be added. Raises `Behind` when that takes longer than `patience` seconds."""
        if not self._merge.full(lane):
            return
        try:
            async with asyncio.timeout(patience):
                while self._merge.full(lane):
                    self._pressed.set()
                    self._space.clear()
                    await self._space.wait()
        except TimeoutError as passed:
            raise Behind from passed

    def add(self, lane: Lane, lines: list[LogLine]) -> None:
        """Add lines, which then belong to the intake; `room` comes before."""
        if lines:
            self._merge.add(lane, lines)
            self._news.set()

    def tell(self, line: LogLine) -> None:
        """Add a marker that belongs to no reader's lane."""
        lane = self._merge.lane(history=False)
        self.add(lane, [line])
        self._merge.close(lane)

    async def pace(self, count: int) -> None:
        """Wait as long as so many lines have to take; what was not used lately may be used at once."""
        if self._rate is None:
            return
        now = self._loop.time()
        self._spent_until = max(self._spent_until, now - 1.0) + count / self._rate
        if self._spent_until > now:
            await asyncio.sleep(self._spent_until - now)

    def end(self, error: BaseException | None = None) -> None:
        """No further lane will be opened; with an error, that is raised in the place of the next batch."""
        self._complete = True
        self._error = self._error or error
        self._news.set()

    # -- for the feed ----------------------------------------------------------------------

    async def take(self) -> list[LogLine]:
        """The next lines that are due; none at the end. Raises the error that ended it."""
        while True:
            if self._ready:
                await asyncio.sleep(0)  # taking all that is ready would keep others from their turn
                return self._slice()
            if self._loop.time() < self._not_before:
                await self._until(self._pressed, self._not_before)
            self._pressed.clear()
            self._news.clear()
            if self._error is not None:
                raise self._error
            self._ready, self._given = self._merge.release(), 0
            if self._ready:
                self._space.set()
                self._not_before = self._loop.time() + self._interval
                return self._slice()
            if self._complete and self._merge.finished:
                return []
            await self._until(self._news, self._merge.due_at())

    def _slice(self) -> list[LogLine]:
        if len(self._ready) <= self._batch_lines:
            batch, self._ready = self._ready, []
            return batch
        batch = self._ready[self._given : self._given + self._batch_lines]
        self._given += len(batch)
        if self._given >= len(self._ready):
            self._ready, self._given = [], 0
        return batch

    @staticmethod
    async def _until(event: asyncio.Event, moment: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(moment):
                await event.wait()
