"""CPU time, memory and network of a local container, read from its control group and its namespace.

The engine takes a second for the same (API 1.41), a file read none.
"""

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from lettaops.model.engine import StatsSample

PROC: Final = Path("/proc")
ROOT: Final = Path("/sys/fs/cgroup")
_NEVER_SET: Final = 1 << 60  # cgroup v1 writes the largest page-aligned number for "no limit"
_MOST_BYTES: Final = 64 * 1024  # of one read


class Counters:
    """The counters of one container, over descriptors that are kept open; `close` them at the end.

    The network's are opened for each sample: a descriptor of them would keep a namespace alive whose
    container has ended.
    """

    def __init__(self, values: Callable[[], tuple[int, int, int | None]], files: list[int], net: str) -> None:
        self._values = values
        self._files = files
        self._net = net

    def close(self) -> None:
        """Close the descriptors. May be called again."""
        while self._files:
            os.close(self._files.pop())

    def sample(self) -> StatsSample | None:
        """The counters now; None when the control group is gone.

        `system_cpu_ns` is the time on the clock times the cores, so that the CPU share follows from two
        samples as it does from the engine's.
        """
        if not self._files:
            return None
        try:
            cpu_ns, memory, limit = self._values()
        except (OSError, ValueError):
            self.close()
            return None
        cores = os.cpu_count() or 1
        received, sent = _network(self._net)
        return StatsSample(
            read_at=datetime.now(UTC),
            cpu_ns=cpu_ns,
            system_cpu_ns=time.monotonic_ns() * cores,
            online_cpus=cores,
            memory_bytes=memory,
            memory_limit_bytes=limit,
            received_bytes=received,
            sent_bytes=sent,
        )


def counters(pid: int, container_id: str, *, proc: Path = PROC, root: Path = ROOT) -> Counters | None:
    """The counters of a container by its first process; None when they can't be read here.

    The control group's name must hold the container's id: behind a forwarded socket the pid is another
    machine's. cgroup v1 and v2.
    """
    opened: list[int] = []
    try:
        groups = _groups((proc / str(pid) / "cgroup").read_text(encoding="ascii"))
        if not any(container_id in path for path in groups.values()):
            return None
        v2 = groups.get("")
        if v2 is not None and (root / "cgroup.controllers").exists():
            values = _version2(root / v2.lstrip("/"), opened)
        else:
            values = _version1(root, groups, opened)
    except (OSError, ValueError, KeyError):
        for descriptor in opened:
            os.close(descriptor)
        return None
    return Counters(values, opened, str(proc / str(pid) / "net" / "dev"))


def _version1(
    root: Path, groups: dict[str, str], opened: list[int]
) -> Callable[[], tuple[int, int, int | None]]:
    memory = root / "memory" / groups["memory"].lstrip("/")
    cpu = _open(root / "cpuacct" / groups["cpuacct"].lstrip("/") / "cpuacct.usage", opened)
    usage = _open(memory / "memory.usage_in_bytes", opened)
    limit = _open(memory / "memory.limit_in_bytes", opened)
    stat = _open(memory / "memory.stat", opened)

    def values() -> tuple[int, int, int | None]:
        most = int(_read(limit))
        used = int(_read(usage)) - _field(_read(stat), b"total_inactive_file")
        return int(_read(cpu)), max(0, used), most if most < _NEVER_SET else None

    return values


def _version2(group: Path, opened: list[int]) -> Callable[[], tuple[int, int, int | None]]:
    cpu = _open(group / "cpu.stat", opened)
    usage = _open(group / "memory.current", opened)
    limit = _open(group / "memory.max", opened)
    stat = _open(group / "memory.stat", opened)

    def values() -> tuple[int, int, int | None]:
        most = _read(limit).strip()
        used = int(_read(usage)) - _field(_read(stat), b"inactive_file")
        cpu_ns = _field(_read(cpu), b"usage_usec") * 1000
        return cpu_ns, max(0, used), int(most) if most.isdigit() else None

    return values


def _groups(text: str) -> dict[str, str]:
    """Controller to path; the unified hierarchy under the empty name."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            found[controller] = path
    return found


def _network(path: str) -> tuple[int | None, int | None]:
    """Bytes received and sent by all interfaces but the loopback, of the network namespace of a process."""
    opened: list[int] = []
    try:
        descriptor, pieces = _open(path, opened), [b""]
        while piece := os.read(descriptor, _MOST_BYTES):  # the kernel gives a page of whole lines at a time
            pieces.append(piece)
        lines = b"".join(pieces).splitlines()[2:]
        fields = [line.partition(b":") for line in lines]
        counted = [rest.split() for name, _, rest in fields if name.strip() != b"lo"]
        return sum(int(each[0]) for each in counted), sum(int(each[8]) for each in counted)
    except (OSError, ValueError, IndexError):
        return None, None
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _open(path: Path | str, opened: list[int]) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    opened.append(descriptor)
    return descriptor


def _read(descriptor: int) -> bytes:
    return os.pread(descriptor, _MOST_BYTES, 0)


def _field(text: bytes, name: bytes) -> int:
    """The number behind a name at the beginning of a line. Raises ValueError when there is none."""
    at = (b"\n" + text).find(b"\n" + name + b" ")
    if at < 0:
        raise ValueError(name)
    return int(text[at + len(name) + 1 :].partition(b"\n")[0])
