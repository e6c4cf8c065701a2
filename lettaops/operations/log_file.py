"""Records in a new file, which never replaces another and only its owner can read."""

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from lettaops.model.errors import LettaopsError, UsageError
from lettaops.model.logs.export import export_json, export_raw, export_text
from lettaops.model.logs.line import LogLine

SCHEMA: Final = "lettaops/logs/1"
_SCHEMA_FIRST: Final = f'{{"schema":"{SCHEMA}",'.encode()


class Form(StrEnum):
    """How records are written. SCREEN: text as a person reads it, TEXT: for programs and files."""

    SCREEN = "screen"
    TEXT = "text"
    JSON = "json"
    RAW = "raw"

    @property
    def things(self) -> str:
        """What is counted."""
        return "lines" if self is Form.RAW else "records"


class NewFile:
    """A file that appears, whole and readable for its owner only, when it is kept; else nothing of it does.

    `count`: records written, or lines of the raw form; markers don't count.
    """

    def __init__(self, path: Path, form: Form) -> None:
        self.path = path
        self.form = form
        self.count = 0
        self._part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        self._kept = False

    def __enter__(self) -> Self:
        if os.path.lexists(self.path):
            raise UsageError(
                f"{self.path} exists already", not_done="nothing was read", next_step="name a new file"
            )
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            self._file = os.fdopen(os.open(self._part, flags, 0o600), "wb")
        except OSError as error:
            raise self._unwritten(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._kept:
            self._part.unlink(missing_ok=True)
            self._kept = True
        with contextlib.suppress(OSError):  # what was left to write belongs to a file that isn't kept
            self._file.close()

    def write(self, records: list[LogLine]) -> None:
        """Write some records. Raises `LettaopsError` when that can't be done."""
        self.count += sum([not record.is_marker for record in records])
        if self.form is Form.RAW:
            data = b"".join(export_raw(records))
        elif self.form is Form.JSON:
            data = b"".join([b"%b\n" % each for each in json_objects(records)])
        else:
            data = "".join([f"{line}\n" for line in export_text(records)]).encode()
        try:
            self._file.write(data)
        except OSError as error:
            raise self._unwritten(error) from error

    def keep(self) -> None:
        """Let the file appear under its name. Raises `LettaopsError` when that can't be done."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            os.link(self._part, self.path)  # unlike renaming it replaces nothing that came meanwhile
            self._part.unlink()
        except OSError as error:
            raise self._unwritten(error) from error
        self._kept = True

    def _unwritten(self, error: OSError) -> LettaopsError:
        return LettaopsError(
            f"{self.path} can't be written: {error.strerror or error}", not_done="there is no such file now"
        )


def json_objects(records: Iterable[LogLine]) -> Iterator[bytes]:
    """The lines of the JSON form, without line feeds."""
    return (_SCHEMA_FIRST + each[1:] for each in export_json(records))
