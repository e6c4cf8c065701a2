"""Our statements: files named by what they give and the oldest server version they are for.

Each is one SELECT of one JSON value, so that several can be asked in one statement, and psql gives the same.
"""

from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Final

from lettaops.model.errors import LettaopsError

OLDEST: Final = 14  # the first version whose counters tell of sessions


@cache
def _files() -> dict[str, dict[int, str]]:
    """All statements by name and version, comments left out."""
    found: dict[str, dict[int, str]] = {}
    for file in resources.files(__package__).iterdir():
        name, _, version = file.name.removesuffix(".sql").partition(".")
        if file.name.endswith(".sql"):
            lines = file.read_text(encoding="utf-8").splitlines()
            text = "\n".join(line for line in lines if not line.startswith("--"))
            found.setdefault(name, {})[int(version)] = text
    return found


def statement(name: str, major: int) -> str:
    """The statement of that name for a server version: of the newest file that isn't too new for it.

    Raises `LettaopsError` for a server that is older than all of them.
    """
    versions = _files()[name]
    fitting = [each for each in versions if each <= major]
    if not fitting:
        raise LettaopsError(
            f"PostgreSQL {major} is too old to be read", next_step=f"lettaops knows {OLDEST} and later"
        )
    return versions[max(fitting)]


def joined(names: Iterable[str], major: int) -> str:
    """One statement that gives an object with the value of each name."""
    parts = ",\n".join(f"'{name}', (\n{statement(name, major)})" for name in names)
    return f"select json_build_object(\n{parts})"
