"""Keeping a picture of a database current, as a guest: one session, few statements, patience when refused."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from lettaops.config.paths import StateDirectory
from lettaops.model.database.failures import Full, StatementFailed, WrongPassword
from lettaops.model.database.picture import Part, Picture
from lettaops.model.database.sessions import Owner
from lettaops.model.errors import LettaopsError, Unreachable
from lettaops.model.pguri import DatabaseAddress
from lettaops.model.source import Link, SourceStatus, backoff
from lettaops.monitor.database.growth import Earlier
from lettaops.monitor.database.look import Look
from lettaops.monitor.database.state import State, Subject
from lettaops.monitor.database.ways import Asking, Way, enter, ways_to
from lettaops.monitor.history import History
from lettaops.sources.engine import Engine

EVERY: Final = 2.0
EVERY_PROCESS: Final = 5.0  # where each question costs a process in the database's container
LETTA_EVERY: Final = 30.0
SIZES_EVERY: Final = 60.0
QUICK: Final = (Part.SESSIONS, Part.COUNTERS, Part.CHECKPOINTS)
SLOW: Final = {LETTA_EVERY: (Part.LETTA, Part.HORIZON), SIZES_EVERY: (Part.SIZES, Part.VECTORS)}
FULL_BACKOFF: Final = 30.0  # seconds between two attempts on a full database, at most
RATE_SECONDS: Final = 1.0  # between the two looks that a single picture's rates need
COLUMN_SECONDS: Final = 5.0
COLUMNS: Final = 720  # an hour


class DatabaseWatch:
    """A stack's database under watch. `run` it in a task; `picture` is always the newest.

    `subject` gives the stack as it is known at the moment, and with it the address and the password that are
    valid now. `every`: seconds between two looks at sessions and counters; `slowly`: between those at other
    parts. `history` holds an hour of sessions by owner and state, waits, transactions and connects a second.
    """

    def __init__(
        self, engine: Engine, subject: Callable[[], Subject | None], directory: StateDirectory | None = None
    ) -> None:
        self._engine = engine
        self._subject = subject
        self._directory = directory
        self._status = SourceStatus()
        self._state = State()
        self._known_as = ""
        self._wake = asyncio.Event()
        self._news = asyncio.Event()
        self._ended = False
        self._column_at: float | None = None
        self.every = EVERY
        self.slowly = dict(SLOW)
        self.history = History(COLUMNS)
        self.columns = 0  # that there ever were

    @property
    def picture(self) -> Picture:
        """The newest state of everything."""
        return self._state.picture(self._status, self._subject())

    def wake(self) -> None:
        """Ask again now, also where we were refused."""
        self._wake.set()

    async def once(self, parts: Sequence[Part] = tuple(Part), *, rates: bool = True) -> Picture:
        """One look; with `rates` a second one at the counters. What fails is in the picture."""
        try:
            way, session = await self._enter()
            try:
                look = await self._begin(way, session)
                wanted = [each for each in parts if each is not Part.SERVER]
                started = time.monotonic()
                await self._read(look, [each for each in wanted if each in QUICK])
                for slow in SLOW.values():
                    await self._read(look, [each for each in wanted if each in slow])
                if rates and Part.COUNTERS in wanted:
                    await asyncio.sleep(max(0.0, RATE_SECONDS - (time.monotonic() - started)))
                    await self._read(look, QUICK)
            finally:
                session.close()
        except LettaopsError as error:
            self._status = self._status.failed(error)
        return self.picture

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            while True:
                try:
                    await self._stay()
                except LettaopsError as error:
                    self._status = self._status.failed(error)
                    self._news.set()
                    if self._status.link is Link.DENIED:
                        await self._until_changed()
                        continue
                    limit = FULL_BACKOFF if isinstance(error, Full) else 4.0
                    await self._pause(backoff(self._status.attempts, limit=limit))
        finally:
            self._ended = True
            self._news.set()

    async def changes(self) -> AsyncIterator[Picture]:
        """A picture whenever something new was read; what comes meanwhile is merged. Ends with `run`."""
        while True:
            await self._news.wait()
            self._news.clear()
            if self._ended:
                return
            yield self.picture

    async def _stay(self) -> None:
        """One session, until it breaks."""
        way, session = await self._enter()
        try:
            look = await self._begin(way, session)
            last = dict.fromkeys(self.slowly, float("-inf"))
            server_at = time.monotonic()
            while True:
                await self._read(look, QUICK)
                self._news.set()
                now = time.monotonic()
                for every, parts in self.slowly.items():
                    if now - last[every] >= every:
                        last[every] = now
                        await self._read(look, parts)
                        self._news.set()
                if now - server_at >= SIZES_EVERY:
                    server_at = now
                    with contextlib.suppress(StatementFailed):  # a lock on the catalog: the next time then
                        await self._look_at_server(way, look)
                pause = self.every if way.lasting else max(self.every, EVERY_PROCESS)
                await self._pause(pause - (time.monotonic() - now))
        finally:
            session.close()

    async def _enter(self) -> tuple[Way, Asking]:
        """A session by the credentials that are valid now; where they were refused, read anew once."""
        address = self._address()
        try:
            return await enter(self._ways())
        except WrongPassword:
            if self._address() == address:
                raise
            return await enter(self._ways())

    def _ways(self) -> tuple[Way, ...]:
        subject = self._subject()
        if subject is None:
            raise Unreachable("no stack is seen", next_step="see `lettaops status`")
        return ways_to(self._engine, subject.stack)

    async def _begin(self, way: Way, session: Asking) -> Look:
        look = Look(session)
        await self._look_at_server(way, look)
        return look

    async def _look_at_server(self, way: Way, look: Look) -> None:
        server, document = await look.server()
        subject = self._subject()
        project = subject.stack.project if subject is not None else ""
        known_as = f"{self._engine.target.name}/{project}/{server.database}"
        if known_as != self._known_as:
            self._known_as = known_as
            self._state = State(Earlier(self._directory, known_as))
        self._state.entered(way.words, server, document)

    async def _read(self, look: Look, parts: Sequence[Part]) -> None:
        subject = self._subject()
        if subject is None or not parts:
            return
        found = await look.read(parts)
        self._state.faults = look.faults
        self._state.take(found, subject)
        if Part.SESSIONS in found or Part.SESSIONS not in parts:
            if Part.SESSIONS not in look.faults:
                self._status = self._status.lived(time.monotonic())
        elif Part.SESSIONS in look.faults:
            self._status = SourceStatus(
                link=Link.STALE,
                reason=look.faults[Part.SESSIONS],
                last_value_at=self._status.last_value_at,
            )
        if Part.SESSIONS in found:
            self._remember()

    def _remember(self) -> None:
        """One more column of the history when it is due; time without values is a gap."""
        now = time.monotonic()
        passed = COLUMN_SECONDS if self._column_at is None else now - self._column_at
        if passed < COLUMN_SECONDS:
            return
        self._column_at = now
        gaps = min(COLUMNS, int(passed / COLUMN_SECONDS) - 1)
        for _ in range(gaps):
            self.history.add({})
        self.columns += gaps + 1
        self.history.add(_figures(self._state))

    def _address(self) -> DatabaseAddress | None:
        subject = self._subject()
        return subject.stack.database.address if subject is not None else None

    async def _until_changed(self) -> None:
        """Leave a database alone that refused us, until we'd come with something else or are told to."""
        refused = self._address()
        while self._address() == refused and not self._wake.is_set():
            await self._sleep(1.0)
        self._wake.clear()

    async def _pause(self, seconds: float) -> None:
        await self._sleep(max(0.0, seconds))
        self._wake.clear()

    async def _sleep(self, seconds: float) -> None:
        """Until the time is over or somebody wakes us."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wake.wait()


def _figures(state: State) -> dict[str, float | None]:
    """One column: sessions by owner and state, waiting ones, and what happened a second."""
    figures: dict[str, float | None] = {
        "transactions": state.rates.transactions,
        "connects": state.rates.connects,
        "waiting": float(sum(bool(each.blocked_by) for each in state.sessions)),
        "clients": float(sum(each.is_client for each in state.sessions)),
    }
    for session in state.sessions:
        if session.is_client and session.owner is not Owner.LETTAOPS:
            key = f"{session.owner}/{session.state}"
            figures[key] = (figures.get(key) or 0.0) + 1.0
    return figures
