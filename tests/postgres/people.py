"""Other people's sessions: what they hold and wait for, and waiting until it is so."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from tests.postgres.postmaster import Postmaster

PATIENCE = 15.0


class People:
    """Sessions by name; those that wait do so in tasks. `leave` ends them all."""

    def __init__(self, server: Postmaster) -> None:
        self._server = server
        self.sessions: dict[str, asyncpg.Connection[asyncpg.Record]] = {}
        self.pids: dict[str, int] = {}
        self.tasks: dict[str, asyncio.Task[Any]] = {}

    async def come(self, name: str, **more: Any) -> "asyncpg.Connection[asyncpg.Record]":
        """A session of this name."""
        session = await self._server.connect(**more)
        self.sessions[name] = session
        self.pids[name] = session.get_server_pid()
        return session

    async def lock(self, name: str, *numbers: int) -> None:
        """Begin a transaction and hold advisory locks."""
        session = await self.come(name)
        await session.execute("begin")
        for number in numbers:
            await session.execute(f"select pg_advisory_xact_lock({number})")

    def begin(self, name: str, sql: str) -> None:
        """Run a statement that won't end by itself."""
        self.tasks[name] = asyncio.create_task(self.sessions[name].execute(sql))

    async def three_levels(self) -> None:
        """`a` holds up `b` and `d`, `b` holds up `c`, and `c` holds up `e`."""
        await self.lock("a", 1, 2)
        await self.lock("b", 3)
        await self.lock("c", 4)
        await self.lock("d")
        await self.lock("e")
        for name, number in (("b", 1), ("d", 2), ("c", 3), ("e", 4)):
            self.begin(name, f"select pg_advisory_xact_lock({number})")
            await self.until(name, "wait_event_type = 'Lock'")

    async def until(self, name: str, condition: str) -> None:
        """Wait until a session is as a condition on its row of pg_stat_activity says."""
        watcher = await self._server.connect()
        try:
            question = f"select exists(select from pg_stat_activity where pid = $1 and {condition})"  # noqa: S608

            async def so() -> bool:
                return bool(await watcher.fetchval(question, self.pids[name]))

            await until(so)
        finally:
            watcher.terminate()

    async def leave(self) -> None:
        """End all of them."""
        for session in self.sessions.values():
            session.terminate()
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> None:
    """Wait until a condition holds; fails when it takes too long."""
    ends = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < ends, "waited in vain"
        await asyncio.sleep(0.02)


async def until_true(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """The same for a condition that needs no waiting itself."""

    async def so() -> bool:
        return condition()

    await until(so, seconds)
