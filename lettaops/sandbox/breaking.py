"""Breaks a living sandbox as a scenario says."""

from typing import Final

from lettaops.sandbox.client import EngineClient
from lettaops.sandbox.database.cluster import DATABASE as DATABASE_NAME
from lettaops.sandbox.database.cluster import USER
from lettaops.sandbox.deployment import DATABASE, SERVER, Deployment
from lettaops.sandbox.scenarios import DATABASE_DOWN, LOG_FLOOD, POOL_EXHAUSTED, RESTART_LOOP, Scenario

UNKNOWN_REVISION: Final = "b6a2d7f01c35"  # as from a server that is newer than this one
LEAK: Final = "SIGUSR1"  # what the stand-in for the server understands by these signals: see its `trouble`
FLOOD: Final = "SIGUSR2"
_SECONDS: Final = 10.0


async def apply(scenario: Scenario, engine: EngineClient, deployment: Deployment) -> None:
    """Break something. Raises `LettaopsError` when the engine doesn't do its part."""
    match scenario.name:
        case DATABASE_DOWN.name:
            await engine.stop(DATABASE)
        case RESTART_LOOP.name:
            await _make_newer(deployment)
            await engine.restart(SERVER)
        case POOL_EXHAUSTED.name:
            await engine.signal(SERVER, LEAK)
        case LOG_FLOOD.name:
            await engine.signal(SERVER, FLOOD)


async def _make_newer(deployment: Deployment) -> None:
    """Give the database a revision that this server doesn't know."""
    import asyncpg

    connection = await asyncpg.connect(
        host="127.0.0.1",
        port=deployment.postgres,
        user=USER,
        password=deployment.database_password.reveal(),
        database=DATABASE_NAME,
        timeout=_SECONDS,
        command_timeout=_SECONDS,
    )
    try:
        await connection.execute("UPDATE alembic_version SET version_num = $1", UNKNOWN_REVISION)
    finally:
        await connection.close(timeout=_SECONDS)
