"""Records out of the Logs screen: copied, saved, handed to a pager. Clean and masked on every way."""

import asyncio
import contextlib
import os
import shlex
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from lettaops.model.errors import LettaopsError
from lettaops.model.logs.export import export_text
from lettaops.model.logs.line import LogLine
from lettaops.model.logs.record import record_lines
from lettaops.model.text import Safe, clean
from lettaops.model.units import size
from lettaops.operations.log_file import Form, NewFile

from .logs_source import LogRecords

LAST: Final = 100  # records that one choice of copying means
MOST_COPIED: Final = 4 * 1024 * 1024  # characters
_PIECE: Final = 100  # records between two glances at the keys

COPIES: Final = (
    ("record", Safe("the record: all its lines")),
    ("line", Safe("its first line, as it stands here")),
    ("visible", Safe("what is seen")),
    ("last", Safe(f"the newest {LAST} that pass the filters")),
    ("filtered", Safe("all that pass the filters")),
)


class Saving(msgspec.Struct, frozen=True):
    """What is written, and how."""

    filtered: bool = True
    form: Form = Form.TEXT


SAVES: Final = {
    "filtered": (Saving(), Safe("what passes the filters, as text")),
    "filtered-json": (Saving(form=Form.JSON), Safe("what passes the filters, as JSON lines")),
    "all": (Saving(filtered=False), Safe("all that is held, as text")),
    "all-json": (Saving(filtered=False, form=Form.JSON), Safe("all that is held, as JSON lines")),
}


async def pieces(records: LogRecords, *, filtered: bool) -> AsyncIterator[list[LogLine]]:
    """The records that are held now, or those that pass the filters, some at a time."""
    buffer = records.buffer
    at, end = buffer.first, buffer.end
    while at < end:
        at = max(at, buffer.first)  # the oldest may have gone meanwhile
        behind = min(end, buffer.block_of(at).end) if at < end else end
        seqs: Sequence[int] = records.passing(at, behind) if filtered else range(at, behind)
        for start in range(0, len(seqs), _PIECE):
            some = seqs[start : start + _PIECE]
            yield [buffer.record(seq) for seq in some if seq >= buffer.first]
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        at = behind


def record_text(line: LogLine) -> str:
    """All lines of a record."""
    return "\n".join(record_lines(line))


async def text_of(records: LogRecords, *, last: int | None = None) -> str:
    """The lines of what passes the filters, or of the newest of it."""
    found: list[str] = []
    length = 0
    if last is not None:
        return "\n".join(export_text(_newest(records, last)))
    async for some in pieces(records, filtered=True):
        lines = list(export_text(some))
        length += sum(map(len, lines))
        if length > MOST_COPIED:
            raise LettaopsError(
                f"that is more than {size(MOST_COPIED)}",
                not_done="nothing was copied",
                next_step="W saves it",
            )
        found += lines
    return "\n".join(found)


def _newest(records: LogRecords, count: int) -> list[LogLine]:
    found: list[int] = []
    behind = records.end
    while behind > records.first and len(found) < count:
        first = records.slice_before(behind)
        found = [*records.passing(first, behind), *found]
        behind = first
    return [records.buffer.record(seq) for seq in found[-count:]]


async def save(records: LogRecords, path: Path, saving: Saving) -> Safe:
    """Write records into a new file. Raises `LettaopsError` where there is one, or none can be."""
    with NewFile(path.expanduser(), saving.form) as file:
        async for some in pieces(records, filtered=saving.filtered):
            file.write(some)
        file.keep()
    return clean(f"{file.count} records written to {file.path}, which only you can read")


async def write_for_pager(records: LogRecords) -> Path:
    """What passes the filters in a file for a moment, which who called removes."""
    handle, name = tempfile.mkstemp(prefix="lettaops-logs-", suffix=".txt")
    path = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
            async for some in pieces(records, filtered=True):
                file.writelines(f"{line}\n" for line in export_text(some))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def pager() -> list[str]:
    """The operator's pager. Raises `LettaopsError` when it isn't there."""
    with contextlib.suppress(ValueError):
        command = shlex.split(os.environ.get("PAGER") or "less")
        if command and shutil.which(command[0]):
            return command
    raise LettaopsError(
        f"the pager {clean(os.environ.get('PAGER') or 'less')} isn't there",
        next_step="set PAGER, or save with W",
    )
