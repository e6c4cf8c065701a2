"""Leaving the dashboard by its keys, on a real terminal."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pty.terminal import Terminal

CTRL_C, CTRL_Q = "\x03", "\x11"


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "tests.pty.scripted", str(tmp_path)]
    with Terminal(command, environ, columns=100, rows=30) as running:
        running.wait_for("● HEALTHY")
        running.settle()
        yield running


@pytest.mark.parametrize("key", ["q", CTRL_C])
def test_one_key_leaves_and_restores_the_terminal(terminal: Terminal, key: str) -> None:
    terminal.press(key)
    assert terminal.end() == 0
    assert terminal.attributes() == terminal.found
    assert terminal.raw.rfind(b"\x1b[?1049l") > terminal.raw.rfind(b"\x1b[?1049h")


def test_ctrl_c_leaves_a_dialog_first(terminal: Terminal) -> None:
    terminal.press("r")
    terminal.wait_for("Restart letta_nginx?")
    terminal.press(CTRL_C)
    terminal.wait_for("left alone")
    assert terminal.process.poll() is None
    terminal.press(CTRL_C)
    assert terminal.end() == 0


def test_ctrl_q_does_nothing(terminal: Terminal) -> None:
    """Terminals and multiplexers use it for flow control."""
    before = len(terminal.raw)
    terminal.press(CTRL_Q)
    terminal.settle()
    assert len(terminal.raw) == before
    terminal.press("q")
    assert terminal.end() == 0
