"""What a killed sandbox leaves, the next one clears away: processes, sockets, shared memory, directory."""

import os
import random
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from lettaops.sandbox.engine import procfs
from tests.sandbox.living import Sandbox, Sandboxes, wait_until

KILLS = 5


def segments() -> set[str]:
    """The ids of the System V shared memory that is there."""
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return {line.split()[1] for line in lines}


def kill(pids: Iterable[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def postmaster(sandbox: Sandbox) -> tuple[int, str]:
    """The pid of its Postgres, and the id of its segment."""
    lines = (sandbox.directory / "database" / "data" / "postmaster.pid").read_text().splitlines()
    return int(lines[0]), lines[6].split()[1]


def test_a_killed_sandbox_is_cleared_by_the_next(sandboxes: Sandboxes) -> None:
    with sandboxes.start() as first:
        processes, directory = first.processes, first.directory
        pid, segment = postmaster(first)
        assert segment in segments()
        os.kill(pid, signal.SIGSTOP)  # else it ends by itself, and well, once the first of the others is dead
        kill(processes)
        wait_until(lambda: not first.processes, "the end of its processes")
        assert directory.exists()
        assert segment in segments()
        with sandboxes.start() as second:
            assert not directory.exists()
            assert segment not in segments()
            assert second.lettaops.status()["overall"] == "healthy"


def test_its_processes_end_with_the_one_that_runs_it(sandboxes: Sandboxes) -> None:
    with sandboxes.start() as sandbox:
        directory = sandbox.directory
        kill([sandbox.pid])
        wait_until(lambda: not directory.exists(), "the end of what it left")
        assert not sandbox.processes


def test_a_killed_engine_ends_the_sandbox(sandboxes: Sandboxes) -> None:
    with sandboxes.start() as sandbox:
        directory = sandbox.directory
        below = procfs.descendants(procfs.table(), [sandbox.pid])
        commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in below}
        kill(pid for pid, command in commands.items() if b"lettaops.sandbox.engine" in command)
        assert sandbox.wait_for_end() == 1
        assert not directory.exists()
        assert not sandbox.processes


def test_processes_that_outlive_everything_are_ended_by_the_next(sandboxes: Sandboxes) -> None:
    with sandboxes.start() as first:
        directory = first.directory
        pid, _ = postmaster(first)
        os.kill(pid, signal.SIGSTOP)  # it takes no other signal now, and can't end by itself
        kill(first.processes - {pid} - procfs.descendants(procfs.table(), [pid]))
        wait_until(lambda: procfs.started(first.pid) is None, "the end of the one that runs it")
        assert procfs.started(pid) is not None
        with sandboxes.start():
            assert procfs.started(pid) is None
            assert not directory.exists()


def test_a_kill_while_its_database_is_made_leaves_nothing(sandboxes: Sandboxes, tmp_path: Path) -> None:
    before = sandboxes.directories
    home = Sandboxes(sandboxes.base, tmp_path)  # an empty cache: so it has to be made
    dying = Sandbox(home, ())
    try:
        wait_until(lambda: filling(sandboxes.base, before), "a Postgres that is being filled")
        segment = filling(sandboxes.base, before)[0].read_text().splitlines()[6].split()[1]
        kill([dying.pid])
        wait_until(
            lambda: not procfs.marked(f"LETTAOPS_CACHE_DIR={tmp_path}"), "the end of what it had started"
        )
    finally:
        dying.__exit__()
    wait_until(lambda: segment not in segments(), "the end of its Postgres")
    with home.start() as living:
        assert living.lettaops.status()["overall"] == "healthy"
    assert sandboxes.directories == before


def filling(base: Path, before: set[str]) -> list[Path]:
    """The pid file of a Postgres that takes connections, in a directory that was not there before."""
    found = {each.name for each in base.iterdir()} - before if base.is_dir() else set()
    listening = [
        base / name / "database" for name in found if list((base / name).glob("database/sockets/.s*"))
    ]
    return [each / "data" / "postmaster.pid" for each in listening]


def test_kills_at_any_moment(sandboxes: Sandboxes) -> None:
    """While it is made, while it starts, while it ends."""
    random.seed(29)
    before = sandboxes.directories
    for _ in range(KILLS):
        dying = Sandbox(sandboxes, ())
        time.sleep(random.uniform(0.2, 2.5))  # the moment is what is tried here
        kill([dying.pid] if random.random() < 0.5 else procfs.descendants(procfs.table(), [dying.pid]))
        dying.__exit__()
    with sandboxes.start():
        pass  # some were dying yet when it looked for the dead
    with sandboxes.start() as living:
        assert living.lettaops.status()["overall"] == "healthy"
        ours = before | {living.directory.name}
        wait_until(lambda: sandboxes.directories == ours, "the end of what those left that were dying yet")
    assert sandboxes.directories == before
