"""Where lettaops keeps its files."""

import contextlib
import grp
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
import platformdirs

from lettaops.model.errors import Refused

SHARED_STATE: Final = Path("/var/lib/lettaops")
SYSTEM_CONFIG: Final = Path("/etc/lettaops/config.toml")
_SHARED_GROUP: Final = "docker"


class StateDirectory(msgspec.Struct, frozen=True, kw_only=True):
    """Journals, locks and audit.

    `shared`: all members of the group docker use it, so locks hold between them.
    """

    path: Path
    shared: bool

    @property
    def file_mode(self) -> int:
        """Permissions of a file made in it."""
        return 0o660 if self.shared else 0o600

    @property
    def directory_mode(self) -> int:
        """Permissions of a directory made in it."""
        return 0o2770 if self.shared else 0o700

    def ensure(self) -> None:
        """Make it, privately. Raises `Refused` when that can't be done, or when others could write in it."""
        try:
            made = not self.path.exists()
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if made and self.shared:
                with contextlib.suppress(KeyError):
                    os.chown(self.path, -1, grp.getgrnam(_SHARED_GROUP).gr_gid)
                self.path.chmod(self.directory_mode)
            info = self.path.stat()
        except OSError as error:
            raise Refused(
                f"the state directory {self.path} can't be made: {error.strerror}",
                not_done="Nothing was started: without it no act could be recorded.",
                next_step="make it writable, or set LETTAOPS_STATE_DIR to a directory of yours",
            ) from error
        if info.st_mode & stat.S_IWOTH:
            raise Refused(
                f"everybody can write in the state directory {self.path}",
                next_step=f"chmod o-rwx {self.path}",
            )

    def open(self, name: str, flags: int) -> int:
        """A descriptor of a file in it, made with the right mode when absent. Raises OSError, `Refused`."""
        self.ensure()
        path = self.path / name
        if path.parent != self.path and not path.parent.is_dir():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            path.parent.chmod(self.directory_mode)
        descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        info = os.fstat(descriptor)
        if info.st_uid == os.geteuid() and stat.S_IMODE(info.st_mode) != self.file_mode:
            os.fchmod(descriptor, self.file_mode)  # the umask would take the group's rights away
        return descriptor


def state_directory(environ: Mapping[str, str]) -> StateDirectory:
    """`LETTAOPS_STATE_DIR`; else /var/lib/lettaops when it is ours to use or we are root; else XDG state."""
    named = environ.get("LETTAOPS_STATE_DIR")
    if named:
        return StateDirectory(path=Path(named), shared=_is_shared(Path(named)))
    if os.geteuid() == 0 or (SHARED_STATE.is_dir() and os.access(SHARED_STATE, os.W_OK | os.X_OK)):
        return StateDirectory(path=SHARED_STATE, shared=True)
    return StateDirectory(path=Path(platformdirs.user_state_dir("lettaops")), shared=False)


def config_files(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The configuration files that are read, the weaker first; `LETTAOPS_CONFIG` replaces both."""
    named = environ.get("LETTAOPS_CONFIG")
    if named:
        return (Path(named),)
    return (SYSTEM_CONFIG, Path(platformdirs.user_config_dir("lettaops")) / "config.toml")


def _is_shared(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & stat.S_IWGRP)
    except OSError:
        return False
