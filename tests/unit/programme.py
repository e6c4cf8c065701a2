"""lettaops in a process of its own, with nothing of the operator's."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

COMMAND: Final = (sys.executable, "-m", "lettaops")


def environment(place: Path) -> dict[str, str]:
    """State and configuration below a folder; neither is there yet."""
    return os.environ | {
        "LETTAOPS_STATE_DIR": str(place / "state"),
        "LETTAOPS_CONFIG": str(place / "config.toml"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def ran(place: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A command that has ended, with what it printed."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(place) | variables,
        timeout=30,
        check=False,
    )
