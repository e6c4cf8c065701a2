"""What the Logs screen sends to a terminal of 100x30: how much, and nothing that commands it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pilot.log_feeds import PASSWORD
from tests.pty import strict
from tests.pty.terminal import Terminal

BELL = b"\x07"
EQUAL, ONE, TORTURE, SECRETS = "\x1b[17~", "\x1b[18~", "\x1b[19~", "\x1b[20~"
COLUMNS, ROWS = 100, 30


class Logs:
    """The scripted Logs screen on its terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal

    def cost(self, key: str) -> bytes:
        """What was sent between the key and the bell behind it."""
        raw = self.terminal.raw
        bells = raw.count(BELL)
        self.terminal.press(key)
        self.terminal.wait_until(lambda: raw.count(BELL) > bells, "the bell")
        return bytes(raw).split(BELL)[bells]


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PAGER": "cat"}
    command = [sys.executable, "-m", "tests.pty.scripted_logs", str(tmp_path)]
    with Terminal(command, environ, columns=COLUMNS, rows=ROWS) as terminal:
        terminal.wait_until(lambda: BELL in terminal.raw, "the first bell")
        assert "number 199" in terminal.text
        yield Logs(terminal)
        terminal.press("q")
        assert terminal.end() == 0


def test_an_equal_screen_costs_nothing(logs: Logs) -> None:
    for _ in range(3):
        assert logs.cost(EQUAL) == b""


def test_one_line_at_the_end_costs_what_moved(logs: Logs) -> None:
    logs.cost(ONE)
    sent = logs.cost(ONE)
    assert "number 2" in logs.terminal.text
    # All rows but the last say what the one below said: only times and numbers differ.
    assert 0 < len(sent) < 4_000


def test_a_line_out_of_sight_costs_a_count(logs: Logs) -> None:
    logs.terminal.press("g")
    logs.cost(ONE)
    assert 0 < len(logs.cost(ONE)) < 200
    assert "new (G follows)" in logs.terminal.text


def test_hostile_lines_command_nothing(logs: Logs) -> None:
    terminal = logs.terminal
    start = len(terminal.raw)
    logs.cost(TORTURE)
    for keys in ("v", "w", "v", "w", "g", "\r", "j", "j", "\x1b", "G", "/evil\r", "\x1b"):
        terminal.press(keys)
        terminal.settle(0.2)
    assert "evil" in terminal.text or "red" in terminal.text
    sent = bytes(terminal.raw[start:]).replace(BELL, b"")
    assert strict.foreign(sent, columns=COLUMNS, rows=ROWS) == []


def test_the_stacks_password_is_never_sent(logs: Logs) -> None:
    terminal = logs.terminal
    logs.cost(SECRETS)
    for keys in ("v", "\r", "k", "k", "\x1b", "y", "v", "Y", "jj\r", "p"):
        terminal.press(keys)
        terminal.settle(0.3)
    terminal.wait_for("****")
    assert PASSWORD.encode() not in terminal.raw
    _, copies = strict.clipboard(bytes(terminal.raw))
    assert len(copies) == 2
    assert not any(PASSWORD in text for text in copies)
