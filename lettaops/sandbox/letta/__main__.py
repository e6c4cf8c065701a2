"""The server's container: `python -m lettaops.sandbox.letta`. Exits with 1 or 3, as Letta does."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from typing import Final

import uvicorn
from starlette.applications import Starlette

from lettaops.sandbox.letta.app import make_app
from lettaops.sandbox.letta.database import Database, SourceLoop
from lettaops.sandbox.letta.logs import APP, configure, letta_logger
from lettaops.sandbox.letta.routes import Routes
from lettaops.sandbox.letta.settings import Place, Settings, read_settings
from lettaops.sandbox.letta.startup import announce, migrated
from lettaops.sandbox.letta.talk import Talks
from lettaops.sandbox.letta.trouble import Trouble
from lettaops.sandbox.letta.websocket import WebSocketServer

MIGRATION_FAILED: Final = 1
STARTUP_FAILED: Final = 3
WATCHDOG_SECONDS: Final = 5.0
_STOPPING_SECONDS: Final = 2
_POLL_SECONDS: Final = 0.02


def main() -> int:
    """Run until told to stop; the exit status."""
    settings = read_settings(os.environ)
    configure(settings)
    SourceLoop.source = settings.source
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as the first process of a container ends by it
    with asyncio.Runner(loop_factory=SourceLoop) as runner:
        return runner.run(_run(settings))


async def _run(settings: Settings) -> int:
    if not await migrated(settings):
        return MIGRATION_FAILED
    announce(settings)
    database = Database(settings)
    talks = Talks(database, word_s=settings.word_s)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with database.session() as connection:
            limit = await connection.fetchval("SHOW statement_timeout")
        APP.warning("[Worker 1] PostgreSQL statement_timeout: %s", limit)
        APP.info("[Worker 1] Lifespan startup completed")
        yield

    app = make_app(settings, Routes(database, talks, keepalive_s=settings.keepalive_s), lifespan)
    server = uvicorn.Server(
        uvicorn.Config(
            app, access_log=False, lifespan="on", ws="websockets-sansio", server_header=True,
            timeout_graceful_shutdown=_STOPPING_SECONDS,
        )
    )  # fmt: skip
    older = WebSocketServer(talks)
    beside = [await older.start(*place) for place in settings.websocket]
    helpers = [asyncio.create_task(_watchdog()), asyncio.create_task(_announce(server))]
    trouble = Trouble(database)
    try:
        await server.serve(sockets=[_listening(place) for place in settings.http])
    finally:
        trouble.end()
        for task in helpers:
            task.cancel()
        for each in beside:
            each.close()
    return 0 if server.started else STARTUP_FAILED


def _listening(place: Place) -> socket.socket:
    made = socket.create_server(place, backlog=128)
    made.setblocking(False)
    return made


async def _announce(server: uvicorn.Server) -> None:
    """The line that uvicorn leaves out when it was given its sockets, with the address that Letta has."""
    while not server.started:  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(_POLL_SECONDS)
    logging.getLogger("uvicorn.error").info("Uvicorn running on http://0.0.0.0:8283 (Press CTRL+C to quit)")


async def _watchdog() -> None:
    log = letta_logger("monitoring.event_loop_watchdog")
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(WATCHDOG_SECONDS)
        lag = loop.time() - before - WATCHDOG_SECONDS
        tasks = len(asyncio.all_tasks())
        log.debug("WATCHDOG_CHECK: heartbeat_age=%.1fs, current_lag=%.2fs, tasks=%d", lag, lag, tasks)


if __name__ == "__main__":
    sys.exit(main())
