"""One act at a time on one target, across processes and operators (flock: a dead holder holds nothing)."""

import contextlib
import fcntl
import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec

from lettaops.config.paths import StateDirectory
from lettaops.model.document import Document
from lettaops.model.encoding import encode
from lettaops.model.errors import Locked, Refused
from lettaops.model.text import clean
from lettaops.operations.audit import Operator


@contextlib.contextmanager
def lock(
    directory: StateDirectory, target: str, act: str, operator: Operator, *, name: str
) -> Iterator[None]:
    """Hold the lock of a target while the block runs. `name` is the target for people.

    Raises `Locked` with the holder's name when another process has it, `Refused` when no lock can be made.
    """
    try:
        descriptor = directory.open(lock_file(target), os.O_RDWR)
    except OSError as error:
        raise Refused(
            f"no lock can be made in {directory.path}: {error.strerror}",
            not_done=f"Nothing was done: {act} needs a lock first.",
            next_step="free space or mend the permissions of the state directory",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _locked(descriptor, name, act) from error
        _sign(descriptor, operator, act)
        yield
    finally:
        os.close(descriptor)


def lock_file(target: str) -> str:
    """The lock file of a target, below the state directory."""
    return f"locks/{hashlib.sha256(target.encode()).hexdigest()[:24]}.lock"


def _sign(descriptor: int, operator: Operator, act: str) -> None:
    """Write who holds the lock, for those who are refused. A full disk is no reason not to hold it."""
    holder = {
        "user": operator.user,
        "sudo_user": operator.sudo_user,
        "host": operator.host,
        "pid": operator.pid,
        "act": act,
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    with contextlib.suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, encode(holder), 0)


def _locked(descriptor: int, name: str, act: str) -> Locked:
    try:
        holder = Document(msgspec.json.decode(os.pread(descriptor, 4096, 0)))
    except msgspec.DecodeError:
        holder = Document(None)
    user = holder.text("sudo_user") or holder.text("user") or "somebody"
    doing = holder.text("act") or "an act"
    return Locked(
        f"{user} (pid {holder.integer('pid') or '?'}) is at {doing} on {clean(name)} "
        f"since {holder.text('since') or 'a moment ago'}",
        not_done=f"Nothing was done: {act} waits for no other act.",
        next_step="try again when it has ended",
    )
