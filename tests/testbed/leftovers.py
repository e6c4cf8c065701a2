"""Finding and ending what a daemon left behind, by its own paths and container ids only.

A killed dockerd leaves shims, container processes, control groups and bridges. Nothing
here looks for a program's name across the machine: a process is ours if it runs one of
the engine's programs with our exec-root on its command line, or if it sits in the control
group of a container whose directory is in our data-root.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

from .common import wait_until

DAEMONS = ("dockerd", "containerd")
SHIM_PREFIX = "containerd-shim"
CONTAINER_ID = re.compile(r"[0-9a-f]{64}")
CGROUPS = Path("/sys/fs/cgroup")


def container_ids(data_root: Path) -> set[str]:
    """Ids of all containers that the daemon on `data_root` knows, running or not."""
    folder = data_root / "containers"
    return {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()


def _processes() -> Iterator[tuple[int, list[str], str]]:
    """(pid, command line, text of its cgroup file) of every process but this one."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            groups = (entry / "cgroup").read_text()
        except OSError:
            continue  # it ended while we looked
        yield int(entry.name), words, groups


def engine_processes(exec_root: Path, *, shims: bool = True) -> list[int]:
    """Pids of the daemon with this exec-root and its containerd, and with `shims` its shims too."""
    inside = f"{exec_root}/"
    found = []
    for pid, words, _ in _processes():
        program = Path(words[0]).name
        of_engine = program in DAEMONS or (shims and program.startswith(SHIM_PREFIX))
        if of_engine and any(word == str(exec_root) or word.startswith(inside) for word in words[1:]):
            found.append(pid)
    return found


def owned_processes(data_root: Path, exec_root: Path) -> list[int]:
    """Pids of the daemon's engine processes and of everything in its containers."""
    ids = container_ids(data_root)
    contained = [pid for pid, _, groups in _processes() if ids.intersection(CONTAINER_ID.findall(groups))]
    return sorted({*contained, *engine_processes(exec_root)})


def all_threads_stopped(pid: int) -> bool:
    """Whether each thread of `pid` is in the state that SIGSTOP leads to."""
    states = []
    for task in Path("/proc", str(pid), "task").iterdir():
        # The name in parentheses, the second field, may itself contain blanks and parentheses.
        states.append((task / "stat").read_text().rpartition(")")[2].split()[0])
    return set(states) == {"T"}


def end_processes(data_root: Path, exec_root: Path, timeout: float = 20) -> None:
    """SIGKILL everything that belongs to the daemon on `data_root` and wait until it is gone."""

    def all_gone() -> bool:
        pids = owned_processes(data_root, exec_root)
        for pid in pids:
            try:
                # A frozen control group would keep its processes from dying.
                _thaw(pid)
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        return not pids

    wait_until(all_gone, f"the processes of the daemon on {data_root} to end", timeout)


def _thaw(pid: int) -> None:
    """Undo `docker pause` on the control group of `pid` (version 1 and 2)."""
    try:
        lines = Path("/proc", str(pid), "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not CONTAINER_ID.search(path):
            continue
        if controllers == "freezer":
            state, word = CGROUPS / "freezer" / path.lstrip("/") / "freezer.state", "THAWED"
        elif controllers == "":
            state, word = CGROUPS / path.lstrip("/") / "cgroup.freeze", "0"
        else:
            continue
        if state.exists():
            state.write_text(word)


def remove_cgroups(ids: set[str]) -> None:
    """Remove the empty control groups of the containers `ids`."""
    for container in ids:
        for pattern in (f"*/docker/{container}", f"docker/{container}"):
            for folder in CGROUPS.glob(pattern):
                for inner in sorted(folder.rglob("*"), reverse=True):
                    if inner.is_dir():
                        _rmdir(inner)
                _rmdir(folder)


def _rmdir(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # busy for a moment after a kill, or gone; harmless when it stays


def mounts_below(root: Path) -> list[str]:
    """Mount points at or below `root` in this process' mount namespace."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if point == str(root) or point.startswith(f"{root}/")]
