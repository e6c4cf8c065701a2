"""CPU, memory and latency of each container over time, for the charts."""

import time
from collections.abc import Callable
from typing import Final

from lettaops.monitor.history import COLUMNS, History
from lettaops.monitor.snapshot import Load, Snapshot

COLUMN_SECONDS: Final = 5.0


class Trends:
    """Three histories by container id, one column each 5 s: percent, bytes, milliseconds.

    `columns` counts the columns there ever were. `clock` gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.cpu = History()
        self.memory = History()
        self.latency = History()
        self.columns = 0
        self._last: float | None = None

    def remember(self, snapshot: Snapshot) -> None:
        """Take a snapshot's figures for the next column, when it is due. Time without snapshots is a gap."""
        now = self.clock()
        passed = COLUMN_SECONDS if self._last is None else now - self._last
        if passed < COLUMN_SECONDS:
            return
        self._last = now
        for _ in range(min(COLUMNS, int(passed / COLUMN_SECONDS) - 1)):
            self._add({}, {}, {})
        cpu: dict[str, float | None] = {}
        memory: dict[str, float | None] = {}
        latency: dict[str, float | None] = {}
        for each in snapshot.assessment.judgements:
            container, probe = each.member.container, each.probe
            load = snapshot.loads.get(container.id, Load()) if container.state.running else Load()
            cpu[container.id], memory[container.id] = load.cpu_percent, load.memory_bytes
            latency[container.id] = probe.latency_ms if probe is not None and probe.ok else None
        self._add(cpu, memory, latency)

    def _add(
        self, cpu: dict[str, float | None], memory: dict[str, float | None], latency: dict[str, float | None]
    ) -> None:
        self.cpu.add(cpu)
        self.memory.add(memory)
        self.latency.add(latency)
        self.columns += 1
