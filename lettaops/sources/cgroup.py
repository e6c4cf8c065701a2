"""CPU time and memory of a local container, read from its control group.

The engine takes a second for the same (API 1.41), a file read none.
"""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

from lettaops.model.engine import StatsSample

_NEVER_SET = 1 << 60  # cgroup v1 writes the largest page-aligned number for "no limit"


def sample(
    pid: int, container_id: str, *, proc: Path = Path("/proc"), root: Path = Path("/sys/fs/cgroup")
) -> StatsSample | None:
    """Counters of the control group of a container's first process; None when they can't be read here.

    The group's name must hold the container's id: behind a forwarded socket the pid is another machine's.
    cgroup v1 and v2. `system_cpu_ns` is the time on the clock times the cores, so that the CPU share
    follows from two samples as it does from the engine's.
    """
    try:
        groups = _groups((proc / str(pid) / "cgroup").read_text(encoding="ascii"))
        if not any(container_id in path for path in groups.values()):
            return None
        v2 = groups.get("")
        if v2 is not None and (root / "cgroup.controllers").exists():
            cpu_ns, memory, limit = _version2(root / v2.lstrip("/"))
        else:
            cpu_ns, memory, limit = _version1(root, groups)
    except (OSError, ValueError, KeyError):
        return None
    cores = os.cpu_count() or 1
    received, sent = _network(proc / str(pid) / "net" / "dev")
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


def _network(path: Path) -> tuple[int | None, int | None]:
    """Bytes received and sent by all interfaces but the loopback, of the network namespace of a process."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()[2:]
        counters = [line.partition(":")[2].split() for line in lines if line.split(":")[0].strip() != "lo"]
        return sum(int(each[0]) for each in counters), sum(int(each[8]) for each in counters)
    except (OSError, ValueError, IndexError):
        return None, None


def _groups(text: str) -> dict[str, str]:
    """Controller to path; the unified hierarchy under the empty name."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            found[controller] = path
    return found


def _version1(root: Path, groups: dict[str, str]) -> tuple[int, int, int | None]:
    cpu = int(
        (root / "cpuacct" / groups["cpuacct"].lstrip("/") / "cpuacct.usage").read_text(encoding="ascii")
    )
    memory = root / "memory" / groups["memory"].lstrip("/")
    usage = int((memory / "memory.usage_in_bytes").read_text(encoding="ascii"))
    limit = int((memory / "memory.limit_in_bytes").read_text(encoding="ascii"))
    cache = _field(memory / "memory.stat", "total_inactive_file")
    return cpu, max(0, usage - cache), limit if limit < _NEVER_SET else None


def _version2(group: Path) -> tuple[int, int, int | None]:
    cpu = _field(group / "cpu.stat", "usage_usec") * 1000
    usage = int((group / "memory.current").read_text(encoding="ascii"))
    limit = (group / "memory.max").read_text(encoding="ascii").strip()
    cache = _field(group / "memory.stat", "inactive_file")
    return cpu, max(0, usage - cache), int(limit) if limit.isdecimal() else None


def _field(path: Path, name: str) -> int:
    for line in path.read_text(encoding="ascii").splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    raise KeyError(name)
