"""Asks a Postgres database whether it answers. The one module that imports asyncpg."""

import asyncio
import time
from typing import Final

import asyncpg

from lettaops.model.pguri import DatabaseAddress
from lettaops.model.probe import Outcome, Probe
from lettaops.model.text import clean

APPLICATION_NAME: Final = "lettaops"
# A guest that can't hold a lock or run long: what we ask may never be what hurts.
SESSION_SETTINGS: Final = {
    "application_name": APPLICATION_NAME,
    "default_transaction_read_only": "on",
    "statement_timeout": "3000",
    "lock_timeout": "1000",
    "idle_in_transaction_session_timeout": "5000",
}

_CANNOT_CONNECT_NOW: Final = "57P03"
_BY_STATE: Final = {
    "28": Outcome.DENIED,
    "3D": Outcome.DENIED,
    "42501": Outcome.DENIED,
    "53": Outcome.FULL,
    "57P": Outcome.CLOSED,  # it is being shut down, or a session of it crashed
    "58": Outcome.BROKEN,  # its files
    "XX": Outcome.BROKEN,  # its data, or itself
    "F0": Outcome.BROKEN,  # its configuration
}


async def connect(
    address: DatabaseAddress, host: str, port: int, *, timeout: float
) -> "asyncpg.Connection[asyncpg.Record]":
    """A read-only session with bounds. `host` and `port` say how the database is reached from here.

    Raises what asyncpg raises; `probe` tells those apart.
    """
    return await asyncpg.connect(
        host=host,
        port=port,
        user=str(address.user) or None,  # asyncpg takes no subclass of str
        password=address.password.reveal() if address.password else "",
        database=str(address.database) or None,
        timeout=timeout,
        statement_cache_size=0,  # behind a pooler each statement may meet another session
        server_settings=SESSION_SETTINGS,
    )


async def probe(address: DatabaseAddress, host: str, port: int, *, route: str, timeout: float = 2.0) -> Probe:
    """Connect, `SELECT 1`, disconnect; the time covers all three. Never raises."""
    started = time.monotonic()
    label = clean(route)
    try:
        async with asyncio.timeout(timeout):
            connection = await connect(address, host, port, timeout=timeout)
            try:
                await connection.fetchval("SELECT 1")
            finally:
                connection.terminate()
    except TimeoutError:
        return Probe(outcome=Outcome.TIMEOUT, latency_ms=(time.monotonic() - started) * 1000, route=label)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        return Probe(outcome=_outcome(error), detail=clean(str(error), 200), route=label)
    return Probe(outcome=Outcome.OK, latency_ms=(time.monotonic() - started) * 1000, route=label)


def _outcome(error: Exception) -> Outcome:
    """The outcome of a failed connection, by SQLSTATE class where the server gave one."""
    if isinstance(error, ConnectionRefusedError):
        return Outcome.REFUSED
    if isinstance(error, asyncpg.PostgresConnectionError | ConnectionError):
        return Outcome.CLOSED
    if type(error).__name__ == "gaierror":
        return Outcome.UNRESOLVED
    if isinstance(error, OSError):
        return Outcome.UNREACHED
    state = (getattr(error, "sqlstate", None) or "") if isinstance(error, asyncpg.PostgresError) else ""
    if state == _CANNOT_CONNECT_NOW:
        return Outcome.STARTING
    known = (each for prefix, each in _BY_STATE.items() if state.startswith(prefix))
    return next(known, Outcome.GARBAGE)
