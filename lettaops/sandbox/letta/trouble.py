"""Trouble on demand, by signals: SIGUSR1 leaks the pool's connections, SIGUSR2 floods the log."""

import asyncio
import signal
from typing import Final

from lettaops.sandbox.letta.database import Database
from lettaops.sandbox.letta.logs import letta_logger

LEAK: Final = signal.SIGUSR1
FLOOD: Final = signal.SIGUSR2
_LINES: Final = 100  # in a go
_SECONDS: Final = 0.05  # between two


class Trouble:
    """Listens for the signals, in the event loop that runs now, until it ends."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._leaks: list[asyncio.Task[None]] = []
        self._flood: asyncio.Task[None] | None = None
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(LEAK, self._begin_leak)
        loop.add_signal_handler(FLOOD, self._turn_flood)

    def end(self) -> None:
        """End what goes on. Connections that were leaked stay so."""
        for task in (*self._leaks, *([self._flood] if self._flood else [])):
            task.cancel()

    def _begin_leak(self) -> None:
        self._leaks.append(asyncio.create_task(_leak(self._database)))

    def _turn_flood(self) -> None:
        if self._flood is None:
            self._flood = asyncio.create_task(_flood())
        else:
            self._flood.cancel()
            self._flood = None


async def _leak(database: Database) -> None:
    count = await database.leak()
    letta_logger("server.db").warning("%d requests were cancelled and left their transactions open", count)


async def _flood() -> None:
    log = letta_logger("services.tool_executor.tool_execution_manager")
    number = 0
    while True:
        for _ in range(_LINES):
            number += 1
            log.warning(
                "Tool call %d did not return within 0.0s, trying again (attempt %d)", number, number % 97
            )
        await asyncio.sleep(_SECONDS)
