"""A report of a fault of our own: a traceback without values of variables, redacted, for its owner only."""

import os
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from lettaops import __version__
from lettaops.config.paths import state_directory
from lettaops.model.errors import LettaopsError
from lettaops.model.secrets import redact
from lettaops.model.text import clean_block


def write_report(error: BaseException, environ: Mapping[str, str]) -> Path | None:
    """Write the report into the state directory; None when that can't be done."""
    directory = state_directory(environ)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"crash-{stamp}-{os.getpid()}.txt"
    text = "".join(traceback.format_exception(error))
    try:
        descriptor = directory.open(name, os.O_WRONLY | os.O_EXCL)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(clean_block(redact(f"lettaops {__version__}\n{text}")))
    except (OSError, LettaopsError):
        return None
    return directory.path / name
