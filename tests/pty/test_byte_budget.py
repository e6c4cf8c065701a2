"""What the dashboard sends for what changed, in bytes on a terminal of 160x48. No time is measured.

The budgets leave room for other numbers, not for a line that is drawn for nothing: a whole row
of the table costs some 250 bytes, and a whole frame 10 kB.
"""

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from lettaops.monitor.trends import COLUMN_SECONDS
from tests.pty.scripted import EQUAL, LATENCY, NUMBERS, TICK, TICKED, TROUBLED
from tests.pty.terminal import Terminal

BELL: Final = b"\x07"
KEYS: Final = {
    EQUAL: "\x1b[17~",
    LATENCY: "\x1b[18~",
    NUMBERS: "\x1b[19~",
    TICKED: "\x1b[20~",
    TROUBLED: "\x1b[21~",
}
TICKS: Final = 30


class Dashboard:
    """The scripted dashboard on its terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal

    def after_bell(self, number: int) -> bytes:
        """What was sent between the bell before and the bell of this number, the first of which is 0."""
        raw = self.terminal.raw
        self.terminal.wait_until(lambda: raw.count(BELL) > number, "the bell")
        return bytes(raw).split(BELL)[number]

    def cost(self, kind: str) -> bytes:
        """What one more snapshot made the dashboard send."""
        bells = self.terminal.raw.count(BELL)
        self.terminal.press(KEYS[kind])
        return self.after_bell(bells)


@pytest.fixture
def dashboard(tmp_path: Path) -> Iterator[Dashboard]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "tests.pty.scripted", str(tmp_path)]
    with Terminal(command, environ, columns=160, rows=48) as terminal:
        found = Dashboard(terminal)
        found.after_bell(0)
        assert "● HEALTHY" in terminal.text
        assert "\n cpu " in terminal.text, "the charts are there"
        yield found
        terminal.press("q")
        assert terminal.end() == 0


def test_start(dashboard: Dashboard) -> None:
    assert 3_000 < len(dashboard.after_bell(0)) < 30_000


def test_an_equal_snapshot_costs_nothing(dashboard: Dashboard) -> None:
    for _ in range(3):
        assert dashboard.cost(EQUAL) == b""


def test_one_latency(dashboard: Dashboard) -> None:
    for _ in range(5):
        assert 0 < len(dashboard.cost(LATENCY)) <= 100


def test_the_numbers_of_all_rows(dashboard: Dashboard) -> None:
    for _ in range(5):
        assert 100 < len(dashboard.cost(NUMBERS)) <= 700


def test_an_idle_minute(dashboard: Dashboard) -> None:
    sent = sum(len(dashboard.cost(TICKED)) for _ in range(TICKS))
    assert 0 < sent / (TICKS * TICK) < 200


def test_a_column_of_the_charts(dashboard: Dashboard) -> None:
    """Nine cells of three charts, their three words, and eight cells of each service's little one."""
    costs = [len(dashboard.cost(TICKED)) for _ in range(TICKS)]
    every = math.ceil(COLUMN_SECONDS / TICK)
    with_column, without = (
        costs[every - 1 :: every],
        [cost for at, cost in enumerate(costs) if (at + 1) % every],
    )
    assert max(with_column) > max(without) + 50, "the charts moved"
    assert sorted(with_column)[len(with_column) // 2] - max(without) < 250


def test_a_notice_over_a_dialog(dashboard: Dashboard) -> None:
    """What the deployment says behind the help, and a few lines over it."""
    bells = dashboard.terminal.raw.count(BELL)
    dashboard.terminal.press(KEYS[TROUBLED])
    dashboard.after_bell(bells)
    told = dashboard.after_bell(bells + 1)
    assert "down: letta_db ended" in dashboard.terminal.text
    assert len(told) < 4_000
    dashboard.terminal.press("q")  # the help
