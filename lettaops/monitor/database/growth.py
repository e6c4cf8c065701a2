"""Table sizes of earlier looks, kept in the state directory: growth is seen from one run to the next."""

import os
import time
from collections.abc import Mapping
from typing import Final

import msgspec

from lettaops.config.paths import StateDirectory
from lettaops.model.database.sizes import Sizes
from lettaops.model.encoding import encode
from lettaops.model.errors import LettaopsError

APART: Final = 3600.0  # seconds between two records: growth within minutes tells nothing
MOST: Final = 24  # records, so that growth is held against a day ago where lettaops looked that long
FORGET: Final = 30 * 86_400.0
_FILE_LIMIT: Final = 1024 * 1024


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    at: float
    sizes: dict[str, int]


class Earlier:
    """The sizes that growth is held against: the oldest that are kept. `name` is the database's for ever.

    Without a directory, or when it can't be used, only this process' own looks count.
    """

    def __init__(self, directory: StateDirectory | None, name: str) -> None:
        self._directory = directory
        self._name = name
        self._records: list[_Record] | None = None

    @property
    def sizes(self) -> Mapping[str, int] | None:
        """Sizes by `schema.table`; None before the first look."""
        records = self._read()
        return records[0].sizes if records else None

    def age(self) -> float:
        """Seconds since then, by the clock on the wall: it spans runs. 0 when that was set back."""
        records = self._read()
        return max(0.0, time.time() - records[0].at) if records else 0.0

    def remember(self, sizes: Sizes) -> None:
        """Keep these sizes, when the last record is old enough."""
        records, now = self._read(), time.time()
        if records and 0 <= now - records[-1].at < APART:
            return
        fresh = [each for each in records if 0 <= now - each.at < FORGET]
        self._records = [*fresh, _Record(at=now, sizes=sizes.by_name)][-MOST:]
        self._write(self._records)

    def _read(self) -> list[_Record]:
        if self._records is None:
            self._records = []
            if self._directory is not None:
                try:
                    with (self._directory.path / self._file).open("rb") as file:
                        self._records = msgspec.json.decode(file.read(_FILE_LIMIT), type=list[_Record])
                except (OSError, msgspec.DecodeError, RecursionError):
                    pass  # none yet, not ours to read, or cut: begin anew
        return self._records

    def _write(self, records: list[_Record]) -> None:
        if self._directory is None:
            return
        path = self._directory.path / self._file
        temporary = f"{self._file}.{os.getpid()}"
        try:
            descriptor = self._directory.open(temporary, os.O_WRONLY | os.O_TRUNC)
            with os.fdopen(descriptor, "wb") as file:
                file.write(encode(records))
            os.replace(self._directory.path / temporary, path)
        except (OSError, LettaopsError):
            pass  # a full disk, or a directory for others: growth is then seen within this run only

    @property
    def _file(self) -> str:
        safe = "".join(char if char.isalnum() else "-" for char in self._name)[:80]
        return f"sizes-{safe}.json"
