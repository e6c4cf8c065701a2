"""The dashboard on its terminal while others write hostile text, churn, replace, freeze, kill and resize.

A real engine with a stack of stubs, whose containers outlive the engine.
"""

import itertools
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import docker
import pytest
from docker.errors import APIError

from tests.fakes.unix_proxy import UnixProxy
from tests.pty.strict import clipboard, foreign, unseen
from tests.pty.terminal import Terminal
from tests.stack.hostile import ATTACK, hostile_container
from tests.stack.lettaops_cli import LettaOps
from tests.testbed.stacks import DB, PROXY, SERVER, StubStack

COLUMNS, ROWS = 200, 40
END = "\x1b[F"
CTRL_P = "\x10"
OTHERS = 100  # 200 would take over a minute to make here; one list of 100 is as much one list
ACTS = 120  # starts and stops of the others while the dashboard is watched
LISTS_A_SECOND = 4
SILENT = re.compile(r"(?:stale|down) · (?:(\d+) m )?([\d.]+) (ms|s)\s*$", re.MULTILINE)


@pytest.fixture
def lettaops(lasting: StubStack, tmp_path: Path) -> LettaOps:
    return LettaOps(lasting.daemon.host, lasting.project, tmp_path)


def reports(lettaops: LettaOps) -> list[str]:
    """The fault reports that were written, with their texts."""
    return [each.read_text() for each in (lettaops.state / "state").glob("crash-*.txt")]


@contextmanager
def opened(lettaops: LettaOps) -> Iterator[Terminal]:
    """The dashboard with a live stack on it; left with `q` after the block, and no fault was reported."""
    with Terminal(lettaops.command(), lettaops.environ, columns=COLUMNS, rows=ROWS) as terminal:
        terminal.wait_until(lambda: is_well(terminal), "a live stack")
        yield terminal
        terminal.press("q")
        assert terminal.end() == 0
    assert reports(lettaops) == []
    assert b"Traceback" not in terminal.raw


def title(terminal: Terminal) -> str:
    return str(terminal.screen.display[0]).rstrip()


def service_rows(terminal: Terminal) -> dict[str, str]:
    """The rows of the table, by service, as they stand on the screen."""
    found = re.finditer(rf"^[ ›]*([●◐▲○✕?]\s+({DB}|{SERVER}|{PROXY}) .*)$", terminal.text, re.MULTILINE)
    return {each[2]: each[1] for each in found}


def is_well(terminal: Terminal) -> bool:
    """Whether the engine is live, and every service runs."""
    rows = service_rows(terminal)
    return (
        len(rows) == 3
        and not SILENT.search(title(terminal))
        and all(each[0] not in "○✕?" for each in rows.values())
    )


def select(terminal: Terminal, service: str) -> None:
    """Move the cursor to a service."""
    terminal.press("\x1b[H")
    for _ in range(6):
        terminal.settle(0.2)
        if re.search(rf"^\s*›\S\s+{service}\b", terminal.text, re.MULTILINE):
            return
        terminal.press("j")
    raise AssertionError(f"{service} can't be selected:\n{terminal.text}")
