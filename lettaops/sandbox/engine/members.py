"""The processes of one container: signals to all of them, and what they use."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from lettaops.model.errors import LettaopsError
from lettaops.sandbox.engine import procfs

MARKER: Final = "LETTAOPS_CONTAINER"
_SETTLE_SECONDS: Final = 5.0
_POLL_SECONDS: Final = 0.01


class Members:
    """Processes that bear a container's marker, and all below its roots (its first process, its execs)."""

    def __init__(self, container_id: str, roots: Callable[[], Iterable[int]]) -> None:
        self.assignment = f"{MARKER}={container_id}"
        self._roots = roots

    def quick(self, processes: dict[int, procfs.ProcessStat]) -> list[procfs.ProcessStat]:
        """Those below the roots in a process table; it misses what was left behind by its parent."""
        found = procfs.descendants(processes, self._roots())
        return [processes[pid] for pid in sorted(found) if processes[pid].alive]

    def all(self) -> set[int]:
        """All living ones. A look at every process of the machine."""
        below = {each.pid for each in self.quick(procfs.table())}
        return below | procfs.marked(self.assignment)

    async def kill(self) -> None:
        """SIGKILL all of them, until none is left."""
        await self._until_none(self.all, signal.SIGKILL)

    async def freeze(self) -> None:
        """Stop all of them, also those that they start meanwhile."""
        await self._until_none(self._moving, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let all of them go on."""
        _send(self.all(), signal.SIGCONT)

    def _moving(self) -> set[int]:
        states = {pid: procfs.read_stat(pid) for pid in self.all()}
        return {pid for pid, stat in states.items() if stat is not None and stat.alive and stat.state != "T"}

    async def _until_none(self, find: Callable[[], set[int]], how: signal.Signals) -> None:
        try:
            async with asyncio.timeout(_SETTLE_SECONDS):
                while found := find():
                    _send(found, how)
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError as error:
            raise LettaopsError(f"processes {sorted(find())} did not take {how.name}") from error


def _send(pids: Iterable[int], how: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, how)
