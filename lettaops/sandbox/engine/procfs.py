"""The machine's processes, read from /proc. Linux only."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

PROC: Final = Path("/proc")
TICK_NS: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


class ProcessStat(NamedTuple):
    """One line of /proc/PID/stat.

    cpu_ns: time on the processor of the process and of its children that ended
    started: moment of its start, in clock ticks since boot; with `pid` it tells a process for good
    """

    pid: int
    parent: int
    state: str
    cpu_ns: int
    started: int
    resident_bytes: int

    @property
    def alive(self) -> bool:
        """Whether it still runs; a process that ended stays in the table until its parent looks."""
        return self.state not in ("Z", "X")


def read_stat(pid: int) -> ProcessStat | None:
    """None when there is no such process."""
    try:
        data = (PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The name in parentheses, the second field, may itself contain blanks and parentheses.
    fields = data.rpartition(b")")[2].split()
    return ProcessStat(
        pid=pid,
        parent=int(fields[1]),
        state=fields[0].decode(),
        cpu_ns=sum(map(int, fields[11:15])) * TICK_NS,
        started=int(fields[19]),
        resident_bytes=int(fields[21]) * PAGE_BYTES,
    )


def table() -> dict[int, ProcessStat]:
    """All processes by pid. Some 20 microseconds each."""
    return {pid: stat for pid in pids() if (stat := read_stat(pid)) is not None}


def pids() -> Iterator[int]:
    """The pids of all processes."""
    return (int(name) for name in os.listdir(PROC) if name.isdigit())


def started(pid: int) -> int | None:
    """When a living process began (see `ProcessStat.started`); None when it doesn't live."""
    stat = read_stat(pid)
    return stat.started if stat is not None and stat.alive else None


def descendants(processes: dict[int, ProcessStat], roots: Iterable[int]) -> set[int]:
    """The pids below and including `roots`."""
    children: dict[int, list[int]] = {}
    for each in processes.values():
        children.setdefault(each.parent, []).append(each.pid)
    found: set[int] = set()
    waiting = [pid for pid in roots if pid in processes]
    while waiting:
        pid = waiting.pop()
        if pid not in found:
            found.add(pid)
            waiting += children.get(pid, [])
    return found


def marked(assignment: str) -> set[int]:
    """Living processes whose environment, as they were started with it, has `NAME=value`."""
    wanted = assignment.encode()
    found = set()
    for pid in pids():
        try:
            environment = (PROC / str(pid) / "environ").read_bytes()
        except OSError:
            continue  # ended, or another user's
        if wanted in environment.split(b"\0") and started(pid) is not None:
            found.add(pid)
    return found


def shared_bytes(pid: int) -> int:
    """Resident memory that the process may share with others; 0 when it ended."""
    try:
        return int((PROC / str(pid) / "statm").read_bytes().split()[2]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0


def disk_bytes(pid: int) -> tuple[int, int]:
    """Bytes that a process had read from and written to disks; (0, 0) when it can't be told."""
    try:
        lines = (PROC / str(pid) / "io").read_text(encoding="ascii").splitlines()
        fields = dict(line.split(": ", 1) for line in lines)
        return int(fields["read_bytes"]), int(fields["write_bytes"])
    except (OSError, KeyError, ValueError):
        return 0, 0


def boot_id() -> str:
    """Changes with each boot: pids and starts of another boot mean nothing."""
    return (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def system_cpu_ns() -> int:
    """Time of all cores since boot, idle included, as engines give it for CPU shares."""
    first = (PROC / "stat").read_text(encoding="ascii").split("\n", 1)[0]
    return sum(map(int, first.split()[1:9])) * TICK_NS


def memory_total_bytes() -> int:
    """The machine's memory."""
    first = (PROC / "meminfo").read_text(encoding="ascii").split("\n", 1)[0]
    return int(first.split()[1]) * 1024
