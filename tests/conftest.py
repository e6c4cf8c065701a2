"""Fixtures for all tests: a living sandbox costs what it costs only where a test asks for it."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.living import Sandbox, Sandboxes


# Under nohup it is ignored, and so would it be in all that the tests start: some are about its effect.
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def sandboxes() -> "Iterator[Sandboxes]":
    """Makes sandboxes in a directory of this test run. The path is short: unix sockets want it so."""
    from tests.sandbox.living import Sandboxes

    root = Path(tempfile.mkdtemp(prefix="lo-"))
    root.chmod(0o711 if os.geteuid() == 0 else 0o700)
    try:
        yield Sandboxes(root / "s", root / "cache")
    finally:
        shutil.rmtree(root)


@pytest.fixture(scope="session")
def sandbox(sandboxes: "Sandboxes") -> "Iterator[Sandbox]":
    """One healthy sandbox for all who leave it as they found it."""
    with sandboxes.start() as living:
        yield living
