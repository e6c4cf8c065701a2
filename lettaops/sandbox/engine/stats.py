"""What a container's processes use, in the shape of the engine's statistics."""

import os
from typing import Final

from lettaops.sandbox.engine import clock, procfs
from lettaops.sandbox.engine.container import Container

Document = dict[str, object]

_NEVER_READ: Final[Document] = {"cpu_usage": {"total_usage": 0}, "throttling_data": {}}


class Meter:
    """Reads one container's counters. Made anew for each reader, as the first reading has nothing before it.

    The CPU time is that of the processes that live and of their children that ended. The memory is what
    each has for itself, and the largest share once. Networks are left out: the processes use the machine's.
    """

    def __init__(self, container: Container) -> None:
        self._container = container
        self._before: Document = _NEVER_READ
        self._read_before = 0

    def read(self) -> Document:
        """A whole document; that of a container that doesn't run says nothing."""
        container = self._container
        members = container.members.quick(procfs.table()) if container.state.up else []
        if not members:
            return _idle(container)
        cpu = _cpu(members)
        moment = clock.now()
        document: Document = {
            "read": clock.rfc3339(moment),
            "preread": clock.rfc3339(self._read_before),
            "pids_stats": {"current": len(members)},
            "blkio_stats": {"io_service_bytes_recursive": _disk(members)},
            "num_procs": 0,
            "storage_stats": {},
            "cpu_stats": cpu,
            "precpu_stats": self._before,
            "memory_stats": {
                "usage": memory_bytes(members),
                "stats": {"total_inactive_file": 0},
                "limit": container.spec.memory_limit_bytes or procfs.memory_total_bytes(),
            },
            "name": f"/{container.spec.name}",
            "id": container.id,
        }
        self._before, self._read_before = cpu, moment
        return document


def memory_bytes(members: list[procfs.ProcessStat]) -> int:
    """Resident memory of some processes; what they share is counted once, as far as /proc tells."""
    shares = [procfs.shared_bytes(each.pid) for each in members]
    own = sum(max(0, each.resident_bytes - share) for each, share in zip(members, shares, strict=True))
    return own + max(shares, default=0)


def _cpu(members: list[procfs.ProcessStat]) -> Document:
    cores = os.cpu_count() or 1
    return {
        "cpu_usage": {
            "total_usage": sum(each.cpu_ns for each in members),
            "usage_in_kernelmode": 0,
            "usage_in_usermode": 0,
        },
        "system_cpu_usage": procfs.system_cpu_ns(),
        "online_cpus": cores,
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    }


def _disk(members: list[procfs.ProcessStat]) -> list[Document]:
    read = written = 0
    for each in members:
        one_read, one_written = procfs.disk_bytes(each.pid)
        read, written = read + one_read, written + one_written
    return [
        {"major": 0, "minor": 0, "op": word, "value": count}
        for word, count in (("Read", read), ("Write", written))
    ]


def _idle(container: Container) -> Document:
    return {
        "read": clock.ZERO,
        "preread": clock.ZERO,
        "pids_stats": {},
        "blkio_stats": {"io_service_bytes_recursive": None},
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": {"cpu_usage": {"total_usage": 0}, "throttling_data": {"periods": 0}},
        "precpu_stats": _NEVER_READ,
        "memory_stats": {},
        "name": f"/{container.spec.name}",
        "id": container.id,
    }
