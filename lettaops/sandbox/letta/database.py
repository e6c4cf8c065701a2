"""Sessions on the database: from a real pool, or a new connection for each request, as Letta is set."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any, Final, TypeAlias

import asyncpg

from lettaops.model.pguri import parse_database_uri
from lettaops.sandbox.letta.logs import letta_logger
from lettaops.sandbox.letta.settings import Settings

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

ATTEMPTS: Final = 3
COMMAND_SECONDS: Final = 60.0  # after which a database that hangs gives an error
RECYCLE_SECONDS: Final = 1800.0
_LOG = letta_logger("server.db")


class DatabaseBusy(Exception):
    """No connection of the pool came free in time."""


class Database:
    """The database of one server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._free = asyncio.Semaphore(settings.pool_size + settings.max_overflow)
        self._kept: list[tuple[Connection, float]] = []
        self._stuck: list[Connection] = []

    async def connect(self) -> Connection:
        """A new connection. Raises what the socket or the database raises."""
        address = parse_database_uri(self._settings.uri)
        if address is None:
            raise ValueError("Could not parse the database address from LETTA_PG_URI")
        host, port = self._settings.names.resolve(address.host, address.port)
        try:
            return await asyncpg.connect(
                host=host,
                port=port,
                user=str(address.user) or None,
                password=address.password.reveal() if address.password else "",
                database=str(address.database) or None,
                timeout=self._settings.pool_timeout_s,
                command_timeout=COMMAND_SECONDS,
                statement_cache_size=0,
                ssl="require" if self._settings.wants_tls else "disable",
            )
        except ConnectionError as error:
            if "SSL" in str(error):
                named = f'"{address.host}:{address.port}"'
                raise ConnectionError(f"PostgreSQL server at {named} rejected SSL upgrade") from error
            raise

    async def connect_or_retry(self) -> Connection:
        """A new connection; a refusal is tried again twice, after 0.1 and 0.2 seconds."""
        pause = 0.1
        for attempt in range(1, ATTEMPTS):
            try:
                return await self.connect()
            except ConnectionError as error:
                _LOG.warning(
                    "Database connection error (attempt %d/%d): %s. Retrying in %.1fs...",
                    attempt, ATTEMPTS, error, pause,
                )  # fmt: skip
                await asyncio.sleep(pause)
                pause *= 2
        return await self.connect()

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Connection]:
        """A transaction: committed at the end, rolled back on an error. Raises `DatabaseBusy` besides."""
        connection = await self._take()
        healthy = False
        try:
            await connection.execute("BEGIN;")
            try:
                yield connection
            except BaseException:
                await connection.execute("ROLLBACK;")
                healthy = True
                raise
            await connection.execute("COMMIT;")
            healthy = True
        finally:
            await self._give_back(connection, healthy=healthy)

    async def leak(self) -> int:
        """Begin a transaction on every connection of the pool and never end it; how many there are now.

        What a request does that is cancelled at the wrong moment: its connection stays taken, and idle in
        its transaction.
        """
        for _ in range(self._settings.pool_size + self._settings.max_overflow - len(self._stuck)):
            connection = await self._take()
            await connection.execute("BEGIN;")
            await connection.fetch(
                "SELECT id, name FROM agents ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED"
            )
            self._stuck.append(connection)
        return len(self._stuck)

    async def _take(self) -> Connection:
        if not self._settings.pooled:
            return await self.connect_or_retry()
        limit = self._settings.pool_timeout_s
        try:
            async with asyncio.timeout(limit):
                await self._free.acquire()
        except TimeoutError:
            raise DatabaseBusy(
                f"QueuePool limit of size {self._settings.pool_size} overflow {self._settings.max_overflow} "
                f"reached, connection timed out, timeout {limit:.2f}"
            ) from None
        try:
            while self._kept:
                connection, made = self._kept.pop()
                if await _lives(connection, made):
                    return connection
            return await self.connect_or_retry()
        except BaseException:
            self._free.release()
            raise

    async def _give_back(self, connection: Connection, *, healthy: bool) -> None:
        if not self._settings.pooled:
            with contextlib.suppress(Exception):
                await connection.close(timeout=2)
            return
        if healthy and not connection.is_closed() and len(self._kept) < self._settings.pool_size:
            self._kept.append((connection, time.monotonic()))
        else:
            connection.terminate()
        self._free.release()


async def _lives(connection: Connection, made: float) -> bool:
    """Whether a kept connection still works, as the pool's pre-ping asks it."""
    if connection.is_closed() or time.monotonic() - made > RECYCLE_SECONDS:
        connection.terminate()
        return False
    try:
        await connection.execute("SELECT 1")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
        connection.terminate()
        return False
    return True


class SourceLoop(asyncio.SelectorEventLoop):
    """An event loop whose connections come from `source`: so the database sees which container asks."""

    source = "127.0.0.1"

    async def create_connection(self, *arguments: Any, **words: Any) -> Any:
        """As the loop's own, from our address where both ends are on the loopback."""
        if len(arguments) > 1 and str(arguments[1]).startswith("127."):
            words.setdefault("local_addr", (self.source, 0))
        return await super().create_connection(*arguments, **words)
