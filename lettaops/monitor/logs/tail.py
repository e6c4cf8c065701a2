"""Reading a container's log on from where reading stopped, from its end backwards.

An engine finds the last K lines of a log at once, but looks through the whole file for a moment.
So K grows until the lines reach back to the last one that was read, and what was read is left out.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from lettaops.model.engine import Container
from lettaops.model.logs.decode import TimedDecoder
from lettaops.model.logs.line import NO_TIME, LogLine, Marker, marker, short_id
from lettaops.model.text import Safe
from lettaops.monitor.logs import words
from lettaops.monitor.logs.anchor import Anchor, Search, Since
from lettaops.monitor.logs.intake import Behind, Intake
from lettaops.monitor.logs.merge import Lane
from lettaops.monitor.logs.options import FeedOptions
from lettaops.sources.engine import Engine, LogStream

FIRST_TAIL: Final = 256
GROWTH: Final = 4
MOST_SOUGHT: Final = 1_000_000  # lines; for a moment farther back the engine may as well read the whole file
SHOWN_WHEN_BEHIND: Final = 1000
SILENCE_SECONDS: Final = 1.0  # of a stream that has come to its end without the place that is looked for
OPEN_SECONDS: Final = 30.0  # an engine that is asked for the end of a large log
_SECOND: Final = 1_000_000_000


class Tail:
    """One container's log, as far as it was read. `count`: lines read so far.

    `whole`: nothing of it was there when reading began, so all of it is wanted.
    """

    def __init__(
        self,
        engine: Engine,
        intake: Intake,
        lane: Lane,
        options: FeedOptions,
        container_id: str,
        service: Safe,
        *,
        whole: bool,
    ) -> None:
        self.count = 0
        self._engine = engine
        self._intake = intake
        self._lane = lane
        self._options = options
        self._id = container_id
        self._short = short_id(container_id)
        self._service = service
        self._whole = whole
        self._begun = False
        self._anchor = Anchor()
        self._since_ns = options.since_ns or NO_TIME
        self._hidden = False
        self._keeps_unfinished = False
        self._rest: list[LogLine] = []  # lines that were begun when the stream ended
        self._patience: float | None = None
        self._skew_ns: int | None = None
        self._due: tuple[LogLine, int] | None = None

    @property
    def last_ns(self) -> int:
        """The timestamp of the newest line that was read."""
        return self._anchor.last.timestamp_ns if self._anchor else NO_TIME

    def mark(self, line: LogLine, from_ns: int) -> None:
        """Put a marker before the first line from a moment on, by the end of `catch_up` at the latest."""
        self._due = (line, from_ns)

    def say(self, kind: Marker, time_ns: int, text: Safe) -> None:
        """Add a marker after what was read."""
        self._intake.add(self._lane, [marker(kind, self._service, self._short, time_ns, text)])

    def give_rest(self) -> None:
        """Pass on what the last stream left without a line feed: no more of it will come."""
        self._intake.add(self._lane, self._rest)
        self._rest = []

    async def catch_up(self, container: Container, *, runs: bool) -> None:
        """Read what is there by now. Raises what the engine raises; the next call goes on."""
        self._keeps_unfinished = not (runs and self._options.follow)  # else the rest comes with `follow`
        self._patience = None
        if self._begun or self._anchor:
            await self._go_on(container, follow=False)
        else:
            await self._begin(container)
        self._begun = True
        if self._due is not None:
            self._intake.add(self._lane, [self._due[0]])
            self._due = None

    async def follow(self, container: Container) -> None:
        """Read what comes until the engine ends the stream. Raises what the engine raises."""
        self._keeps_unfinished = False
        self._patience = self._options.lag_s
        behind = False
        while True:
            try:
                await self._go_on(container, follow=True, behind=behind)
            except Behind:
                behind = True
            else:
                return

    # -- where to begin --------------------------------------------------------------------

    async def _begin(self, container: Container) -> None:
        options = self._options
        if self._whole:
            await self._all(container, options.catch_up, follow=False)
            if self.count >= options.catch_up:
                self.say(Marker.GAP, self._anchor.last.timestamp_ns, words.cut_at(options.catch_up))
        elif options.tail is None and options.since_ns is not None:
            await self._from_moment(container, options.since_ns)
        elif options.tail == 0:  # nothing is wanted but the place
            self._hidden = True
            await self._all(container, 1, follow=False)
        else:
            await self._all(container, options.tail, follow=False)
        self._hidden = False

    async def _from_moment(self, container: Container, moment_ns: int) -> None:
        tail, first = FIRST_TAIL, None
        while tail <= MOST_SOUGHT:
            search = Since(moment_ns)
            if await self._seek(container, search, tail, follow=False):
                return
            if search.first == first:  # more lines aren't there
                await self._all(container, tail, follow=False)
                return
            first, tail = search.first, tail * GROWTH
        await self._all(container, None, follow=False, since_ns=moment_ns)

    async def _go_on(self, container: Container, *, follow: bool, behind: bool = False) -> None:
        most = SHOWN_WHEN_BEHIND if behind else self._options.catch_up
        if not self._anchor:  # the log was empty
            await self._all(container, most, follow=follow)
            return
        tail = most if behind else min(FIRST_TAIL, most)
        first: LogLine | None = None
        whole = False
        while True:
            search = Search(self._anchor, whole=whole)
            if await self._seek(container, search, tail, follow=follow):
                return
            if whole or behind or tail > most:
                break
            whole = search.first == first  # more lines aren't there
            if not whole:
                first, tail = search.first, tail * GROWTH
        why = Marker.DROPPED if behind else Marker.GAP
        await self._all(container, min(tail, most), follow=follow, lost=(why, whole))

    # -- reading ---------------------------------------------------------------------------

    async def _seek(self, container: Container, search: Search | Since, tail: int, *, follow: bool) -> bool:
        """Read on from the place that is looked for; False when so many lines don't reach back to it."""
        async with self._open(container, tail, follow=follow) as log:
            while True:
                astray = follow and search.first is not None and not search.found
                lines = await self._next(log, SILENCE_SECONDS if astray else None)
                if lines is None:
                    return search.found or search.first is None
                new = search.feed(lines)
                if search.unreached:
                    return False
                if search.grown is not None:
                    (line, rest), search.grown = search.grown, None
                    await self._give([line], [rest], unfinished=log.unfinished and not new)
                if new:
                    await self._give(new, new, unfinished=log.unfinished)

    async def _all(
        self,
        container: Container,
        tail: int | None,
        *,
        follow: bool,
        since_ns: int | None = None,
        lost: tuple[Marker, bool] | None = None,
    ) -> None:
        """Read so many lines, and on. `lost`: why lines before are missing, and if the log begins there."""
        async with self._open(container, tail, follow=follow, since_ns=since_ns) as log:
            while (lines := await self._next(log, None)) is not None:
                if lost is not None:
                    self._tell_loss(*lost, lines[0].timestamp_ns, tail or 0)
                    lost = None
                await self._give(lines, lines, unfinished=log.unfinished)

    def _tell_loss(self, kind: Marker, begins_there: bool, to_ns: int, most: int) -> None:
        from_ns = self._anchor.last.timestamp_ns
        if begins_there:
            text = words.rotated(from_ns, to_ns)
        elif kind is Marker.DROPPED:
            text = words.dropped(from_ns, to_ns)
        else:
            text = words.beyond(from_ns, to_ns, most)
        self.say(kind, to_ns, text)

    @contextlib.asynccontextmanager
    async def _open(
        self, container: Container, tail: int | None, *, follow: bool, since_ns: int | None = None
    ) -> AsyncIterator[LogStream[LogLine]]:
        decoder = TimedDecoder(
            self._service, self._short, terminal=container.tty, limit=self._options.keep_bytes
        )
        since = None if since_ns is None else since_ns / _SECOND
        async with self._engine.decoded_log(
            self._id, decoder, follow=follow, tail=tail, timestamps=True, since=since, timeout=OPEN_SECONDS
        ) as log:
            yield log

    async def _next(self, log: LogStream[LogLine], seconds: float | None) -> list[LogLine] | None:
        """The next lines that count; None at the end, or after so many seconds of silence."""
        try:
            if seconds is None:
                lines = await anext(log)
            else:
                async with asyncio.timeout(seconds):
                    lines = await anext(log)
        except (StopAsyncIteration, TimeoutError):
            return None
        self._rest = []
        if log.unfinished and not self._keeps_unfinished:
            self._rest = lines
            return None
        return lines

    async def _give(self, lines: list[LogLine], shown: list[LogLine], *, unfinished: bool) -> None:
        """Pass lines on: either all are, and remembered, or none."""
        await self._intake.room(self._lane, self._patience)
        self._anchor.add(lines, unfinished=unfinished)
        self.count += len(lines)
        last = lines[-1]
        shown = self._with_marker(self._wanted(shown))
        count = len(shown)
        self._intake.add(self._lane, shown)
        await self._intake.pace(count)
        if self._patience is not None:
            self._check_lag(last, self._patience)

    def _wanted(self, lines: list[LogLine]) -> list[LogLine]:
        if self._hidden:
            return []
        if self._since_ns != NO_TIME:
            lines = [line for line in lines if line.timestamp_ns >= self._since_ns]
            if lines:
                self._since_ns = NO_TIME
        return lines

    def _with_marker(self, lines: list[LogLine]) -> list[LogLine]:
        if self._due is None:
            return lines
        due, from_ns = self._due
        at = next((at for at, line in enumerate(lines) if line.timestamp_ns >= from_ns), None)
        if at is None:
            return lines
        self._due = None
        due = msgspec.structs.replace(due, timestamp_ns=min(due.timestamp_ns, lines[at].timestamp_ns))
        return [*lines[:at], due, *lines[at:]]

    def _check_lag(self, line: LogLine, patience: float) -> None:
        """Raises `Behind` when lines come late, by the latest that came in time: clocks may differ."""
        age = time.time_ns() - line.timestamp_ns
        self._skew_ns = age if self._skew_ns is None else min(self._skew_ns, age)
        if age - self._skew_ns > patience * _SECOND:
            raise Behind
