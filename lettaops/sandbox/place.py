"""Where sandboxes live: a directory for each, the cache of what is made once, who runs Postgres as root."""

import contextlib
import ctypes
import fcntl
import os
import pwd
import random
import secrets
import socket
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import platformdirs

from lettaops.model.errors import Refused
from lettaops.sandbox.database.cluster import Account
from lettaops.sandbox.engine.claim import Claim, read_record, reap

PASSABLE: Final = 0o711 if os.geteuid() == 0 else 0o700  # as root Postgres is another user, and has to pass
KEPT: Final = "kept"  # a file of this name: the directory stays when its processes have ended
_SOCKET_BYTES: Final = 107  # the longest path of a unix socket
_LONGEST_NAME: Final = "/12345678/database/sockets/.s.PGSQL.12345"
_PORTS: Final = range(20000, 32000)  # below those that the kernel gives to connections on their way out
_IPC_RMID: Final = 0


def base_directory(environ: Mapping[str, str]) -> Path:
    """The directory of all sandboxes of this user: `LETTAOPS_SANDBOX_DIR`, else one for the user in /tmp.

    Raises `Refused` when it is another's, or others could write in it.
    """
    named = environ.get("LETTAOPS_SANDBOX_DIR")
    name = f"lettaops-sandbox-{os.geteuid()}"
    base = Path(named) if named else Path(tempfile.gettempdir()) / name
    if not named and _too_long(base):
        base = Path("/tmp") / name  # noqa: S108 - checked below to be this user's own
    if _too_long(base):
        raise Refused(
            f"the path {base} is too long for unix sockets",
            next_step="set LETTAOPS_SANDBOX_DIR to a shorter one",
        )
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    info = base.lstat()
    if (
        not stat.S_ISDIR(info.st_mode)
        or info.st_uid != os.geteuid()
        or info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    ):
        raise Refused(
            f"{base} is not this user's own directory", next_step="remove it, or set LETTAOPS_SANDBOX_DIR"
        )
    base.chmod(PASSABLE)
    return base


def cache_directory(environ: Mapping[str, str]) -> Path:
    """Where the finished database is kept: `LETTAOPS_CACHE_DIR`, else the user's cache directory."""
    named = environ.get("LETTAOPS_CACHE_DIR")
    return Path(named) if named else Path(platformdirs.user_cache_dir("lettaops"))


def postgres_account() -> Account | None:
    """Who Postgres runs as, since it refuses to run as root; None when this process isn't root's.

    Raises `Refused` on a machine without the user nobody.
    """
    if os.geteuid() != 0:
        return None
    try:
        found = pwd.getpwnam("nobody")
    except KeyError:
        raise Refused(
            "Postgres doesn't run as root, and there is no user nobody", next_step="run it as another user"
        ) from None
    return Account(uid=found.pw_uid, gid=found.pw_gid)


@contextlib.contextmanager
def new_directory(environ: Mapping[str, str]) -> Iterator[Claim]:
    """A directory of a new sandbox, after what dead ones left was cleared; released at the end.

    Raises what `base_directory` raises, and `LettaopsError` where something dead would not go.
    """
    with _locked(environ) as base:
        for each in sorted(base.iterdir()):
            clear_dead(each)
        claim = Claim(base / secrets.token_hex(4))
        claim.take()
    claim.directory.chmod(PASSABLE)
    try:
        yield claim
    finally:
        give_back(claim)
        with _locked(environ), contextlib.suppress(OSError):  # others are in it
            base.rmdir()


def give_back(claim: Claim) -> None:
    """End what still runs in a sandbox, and remove it, but for its files where they are to be kept."""
    kept = claim.directory / KEPT
    if kept.exists():
        saved = claim.directory.with_name(f"{claim.directory.name}.kept")
        claim.directory.rename(saved)
        claim.directory.mkdir(mode=0o700)
        (saved / "sandbox.json").rename(claim.directory / "sandbox.json")
    claim.release()


def clear_dead(directory: Path) -> bool:
    """Clear away a sandbox whose owner is dead, and its Postgres' shared memory. True when it was one."""
    record = read_record(directory)
    if record is None or record.living_owners:
        return False
    segment = _segment(directory)
    reap(directory)
    if segment is not None:
        _remove_segment(segment)
    return True


def free_ports(count: int) -> list[int]:
    """Ports on 127.0.0.1 that nobody has, all different."""
    found: list[int] = []
    while len(found) < count:
        port = random.choice(_PORTS)
        if port not in found and _is_free("127.0.0.1", port):
            found.append(port)
    return found


def free_block(port: int) -> str:
    """The first three numbers of addresses on the loopback that are nobody's: `127.91.7`."""
    while True:
        block = f"127.{random.randint(64, 191)}.{random.randint(1, 254)}"
        if _is_free(f"{block}.3", port):
            return block


def _is_free(host: str, port: int) -> bool:
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((host, port))
        except OSError:
            return False
        return True


def _too_long(base: Path) -> bool:
    return len(str(base)) + len(_LONGEST_NAME) > _SOCKET_BYTES


@contextlib.contextmanager
def _locked(environ: Mapping[str, str]) -> Iterator[Path]:
    """The directory of all sandboxes, with nobody else at work in it."""
    while True:
        base = base_directory(environ)
        descriptor = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is(base, descriptor):  # and was not removed while we waited for it
                yield base
                return
        finally:
            os.close(descriptor)


def _is(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _segment(directory: Path) -> tuple[int, int] | None:
    """Key and id of the shared memory of a Postgres that was killed: the seventh line of its pid file."""
    try:
        lines = (directory / "database/data/postmaster.pid").read_text(encoding="ascii").splitlines()
        key, identity = lines[6].split()
        return int(key), int(identity)
    except (OSError, ValueError, IndexError):
        return None


def _remove_segment(segment: tuple[int, int]) -> None:
    """Remove a segment that is still the same one, and that nobody uses."""
    try:
        table = Path("/proc/sysvipc/shm").read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return
    for fields in (line.split() for line in table):
        if (int(fields[0]), int(fields[1])) == segment and fields[6] == "0":
            ctypes.CDLL(None).shmctl(segment[1], _IPC_RMID, None)
