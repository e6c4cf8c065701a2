"""Which acts run on which containers at this moment, and whose they are: told by their locks."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from lettaops.config.paths import StateDirectory
from lettaops.model.document import Document
from lettaops.model.text import Safe, clean
from lettaops.model.units import ago
from lettaops.operations.locks import lock_file
from lettaops.operations.plan import Act

PROC_LOCKS: Final = Path("/proc/locks")
_SIGNATURE_BYTES: Final = 4096
_DOING: Final[Mapping[str, str]] = {
    Act.START: "starting",
    Act.STOP: "stopping",
    Act.RESTART: "restarting",
    Act.KILL: "killing",
    Act.PAUSE: "pausing",
    Act.UNPAUSE: "unpausing",
}


class Underway(msgspec.Struct, frozen=True, kw_only=True):
    """An act that runs: `act` as its lock names it, the operator, and the moment it took the lock."""

    act: Safe
    user: Safe
    since: datetime | None = None

    def words(self, now: datetime) -> Safe:
        """What is done to the container, at whose wish, and for how long: a clause about it."""
        doing = _DOING.get(self.act, f"at work ({self.act})")
        when = f" {ago(self.since, now)}" if self.since is not None else ""
        return clean(f"{doing}, asked for by {self.user}{when}")


def underway(
    directory: StateDirectory, container_ids: Iterable[str], *, locks: Path = PROC_LOCKS
) -> Mapping[str, Underway]:
    """The acts that hold the locks of these containers, by container id; of any process. Never raises.

    The kernel's list of locks is read (proc(5), `/proc/locks`): to try a lock would be in another's way.
    """
    files = {identity: directory.path / lock_file(identity) for identity in container_ids}
    inodes = {identity: number for identity, path in files.items() if (number := _inode(path)) is not None}
    if not inodes:
        return {}
    held = _held(locks)
    found = {identity: _read(files[identity]) for identity, inode in inodes.items() if inode in held}
    return {identity: each for identity, each in found.items() if each is not None}


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


def _held(locks: Path) -> frozenset[int]:
    """The inodes of files that somebody holds whole (flock); those who wait for one don't count."""
    try:
        rows = [line.split() for line in locks.read_text(encoding="ascii").splitlines()]
    except (OSError, UnicodeDecodeError):
        return frozenset()
    places = [row[5].rpartition(":")[2] for row in rows if len(row) > 5 and row[1] == "FLOCK"]
    return frozenset(int(each) for each in places if each.isdecimal())


def _read(path: Path) -> Underway | None:
    try:
        with path.open("rb") as file:
            holder = Document(msgspec.json.decode(file.read(_SIGNATURE_BYTES)))
    except (OSError, msgspec.DecodeError, RecursionError):
        return None
    user = holder.text("sudo_user") or holder.text("user") or Safe("somebody")
    return Underway(act=holder.text("act") or Safe("an act"), user=user, since=holder.time("since"))
