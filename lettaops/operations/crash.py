"""A report of a fault of our own: a traceback without values of variables, redacted, for its owner only."""

import os
import traceback
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from lettaops import __version__
from lettaops.config.paths import StateDirectory
from lettaops.model.errors import LettaopsError
from lettaops.model.secrets import redact
from lettaops.model.text import Safe, clean, clean_block

_numbers = count(1)


def write_report(error: BaseException, directory: StateDirectory) -> Path | None:
    """Write the report into the state directory; None when that can't be done."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"crash-{stamp}-{os.getpid()}-{next(_numbers)}.txt"
    text = "".join(traceback.format_exception(error))
    try:
        descriptor = directory.open(name, os.O_WRONLY | os.O_EXCL)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            report = clean_block(redact(f"lettaops {__version__}\n{text}"))
            file.write(redact(report))  # again: an escape sequence may have split a secret
    except (OSError, LettaopsError):
        return None
    return directory.path / name


def fault_line(place: Path | None) -> Safe:
    """What the operator is told about a fault: where the report is, nothing of the fault itself."""
    where = f"a report (secrets struck out) is in {place}" if place else "no report could be written"
    return clean(f"lettaops: this is a fault of lettaops itself; {where}")
