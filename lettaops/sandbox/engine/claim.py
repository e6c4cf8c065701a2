"""A sandbox's directory: who owns it, and how a later start clears what a killed owner left."""

import os
import shutil
import signal
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from lettaops.model.errors import LettaopsError, Refused
from lettaops.sandbox.engine import procfs

RECORD: Final = "sandbox.json"
MARKER: Final = "LETTAOPS_SANDBOX"
_REAP_SECONDS: Final = 10.0


class ProcessId(msgspec.Struct, frozen=True):
    """A process that no later one can be taken for (within one boot)."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> "ProcessId":
        """A process that lives, or did a moment ago."""
        found = procfs.read_stat(pid)
        return cls(pid, found.started if found else -1)

    @property
    def alive(self) -> bool:
        """Whether it is still there."""
        return procfs.started(self.pid) == self.started


class Record(msgspec.Struct, kw_only=True):
    """What `sandbox.json` in the directory holds. Without this file a directory is none of ours."""

    boot: str
    owners: list[ProcessId]
    processes: list[ProcessId] = []
    sockets: list[str] = []

    @property
    def living_owners(self) -> list[int]:
        """The pids of the owners that live."""
        if self.boot != procfs.boot_id():
            return []
        return [each.pid for each in self.owners if each.alive]


class Claim:
    """One sandbox's directory in this process' hands, until `release`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self._record = Record(boot=procfs.boot_id(), owners=[])

    @property
    def marker(self) -> str:
        """The assignment in the environment of everything that runs in this sandbox."""
        return f"{MARKER}={self.directory}"

    def take(self) -> None:
        """Make the directory this process' own, and clear away what a dead owner left in it.

        A directory that the parent process holds is shared with it, files and all. Raises `Refused`
        for a directory that another process holds, or that has other things in it.
        """
        record = read_record(self.directory)
        living = record.living_owners if record else []
        strangers = set(living) - {os.getpid(), os.getppid()}
        if strangers:
            raise Refused(
                f"the sandbox in {self.directory} is in use by process {min(strangers)}",
                not_done="nothing was started",
                next_step="end that process first, or use another directory",
            )
        if record is not None and living:
            _end_all(self.directory, record)
            self._record.owners = [ProcessId.of(pid) for pid in living]
        else:
            reap(self.directory)
            _make(self.directory)
        if ProcessId.of(os.getpid()) not in self._record.owners:
            self._record.owners.append(ProcessId.of(os.getpid()))
        self._write()

    def add_socket(self, path: Path) -> None:
        """Remember a socket, wherever it is, to be removed with the sandbox."""
        if str(path) not in self._record.sockets:
            self._record.sockets.append(str(path))
            self._write()

    def set_processes(self, pids: list[int]) -> None:
        """Remember the processes that run now."""
        self._record.processes = [ProcessId.of(pid) for pid in pids]
        self._write()

    def release(self) -> None:
        """Give the directory back: what still runs ends, and the last owner removes all of it."""
        _end_all(self.directory, self._record)
        ours = ProcessId.of(os.getpid())
        self._record.owners = [each for each in self._record.owners if each != ours]
        if self._record.living_owners:
            self._write()
        else:
            _clear(self.directory, self._record)

    def _write(self) -> None:
        path = self.directory / RECORD
        scratch = path.with_suffix(".new")
        scratch.write_bytes(msgspec.json.encode(self._record))
        scratch.replace(path)


def read_record(directory: Path) -> Record | None:
    """The record of a directory; None for a directory that is no sandbox's."""
    try:
        return msgspec.json.decode((directory / RECORD).read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None


def reap(directory: Path) -> bool:
    """Clear away a sandbox whose owners are dead: processes, sockets and the directory.

    False, and nothing is touched, when an owner lives. A directory without a record is left alone.
    Raises `LettaopsError` when something would not go.
    """
    record = read_record(directory)
    if record is None:
        return True
    if record.living_owners:
        return False
    _clear(directory.absolute(), record)
    return True


def reap_below(root: Path) -> list[Path]:
    """Clear away every dead sandbox whose directory is in `root`; those that were."""
    found = sorted(root.iterdir()) if root.is_dir() else []
    return [each for each in found if read_record(each) is not None and reap(each)]


def end_processes(find: "Finder", seconds: float = _REAP_SECONDS) -> None:
    """SIGKILL what `find` finds until it finds nothing. Raises `LettaopsError` when it goes on finding."""
    ends_at = time.monotonic() + seconds
    while found := find():
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > ends_at:
            raise LettaopsError(
                f"processes of a sandbox would not end: {', '.join(map(str, sorted(found)))}",
                next_step="end them by hand, then try again",
            )
        time.sleep(0.01)


class Finder:
    """The living processes of a sandbox: those recorded, all below them, and all that bear its marker."""

    def __init__(self, marker: str, recorded: list[ProcessId]) -> None:
        self._marker = marker
        self._recorded = recorded

    def __call__(self) -> set[int]:
        processes = procfs.table()
        roots = [each.pid for each in self._recorded if each.alive]
        found = procfs.descendants(processes, roots) | procfs.marked(self._marker)
        return {pid for pid in found if pid != os.getpid() and procfs.started(pid) is not None}


def _end_all(directory: Path, record: Record) -> None:
    if record.boot == procfs.boot_id():
        end_processes(Finder(f"{MARKER}={directory}", record.processes))
    for name in record.sockets:
        _remove_socket(Path(name))


def _clear(directory: Path, record: Record) -> None:
    _end_all(directory, record)
    # The record goes last: whoever finds this half done can do it again.
    for entry in directory.iterdir() if directory.is_dir() else ():
        if entry.name == RECORD:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    shutil.rmtree(directory, ignore_errors=True)


def _remove_socket(path: Path) -> None:
    with suppress(OSError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()


def _make(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise Refused(
            f"{directory} is not empty, and no sandbox's",
            not_done="nothing was started, and nothing in it was touched",
            next_step="name a directory that is empty or does not exist",
        )
