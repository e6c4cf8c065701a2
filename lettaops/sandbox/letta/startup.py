"""What a Letta container says before its server runs: the start script's words and the migrations'."""

import sys
import traceback

import asyncpg
import msgspec

from lettaops.sandbox.letta import REVISION, VERSION
from lettaops.sandbox.letta.database import Database
from lettaops.sandbox.letta.logs import letta_logger, say
from lettaops.sandbox.letta.settings import Settings


async def migrated(settings: Settings) -> bool:
    """What the migrations say at each start. The stand-in has none: the schema must be the newest already."""
    say("No external Redis configuration detected, starting internal Redis...")
    say("Using internal Redis at: localhost")
    say("External Postgres configuration detected, using env var LETTA_PG_URI")
    say("Attempting to migrate database...")
    say(f"Using database:  {settings.uri.replace('postgresql://', 'postgresql+pg8000://')}")
    try:
        found = await _revision(settings)
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError):
        traceback.print_exc(file=sys.stdout)
    else:
        say("INFO  [alembic.runtime.migration] Context impl PostgresqlImpl.")
        say("INFO  [alembic.runtime.migration] Will assume transactional DDL.")
        if found == REVISION:
            say("Database migration completed successfully.")
            return True
        say(f"ERROR [alembic.util.messaging] Can't locate revision identified by '{found}'")
        say(f"FAILED: Can't locate revision identified by '{found}'")
    say("ERROR: Database migration failed!")
    say("Please check your database connection and try again.")
    return False


def announce(settings: Settings) -> None:
    """The lines between the migrations and the server's own."""
    say("Starting OpenTelemetry Collector with file export only...")
    say("Starting Letta Server at http://0.0.0.0:8283...")
    say(f"Executing: letta server --host 0.0.0.0 --port 8283{' --secure' if settings.secure else ''}")
    letta_logger("schemas.secret").warning(
        "No encryption key configured. Storing Secret value as plaintext in _enc column."
    )
    say(f"[[ Letta server // v{VERSION} ]]")
    if settings.secure:
        say(f"▶ Using secure mode with password: {settings.password}")
    say("▶ Server running at: http://0.0.0.0:8283")


async def _revision(settings: Settings) -> str:
    """The database's migration. Asked for with the migrations' own driver, which wants no TLS."""
    connection = await Database(msgspec.structs.replace(settings, pooled=False)).connect()
    try:
        return str(await connection.fetchval("SELECT version_num FROM alembic_version"))
    finally:
        await connection.close()
