"""The dashboard as an operator uses it: over ssh, on a real Letta stack, by its keys."""

import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pty.terminal import Terminal
from tests.stack.lettaops_cli import ROOT
from tests.testbed.sshd import PrivateSshd
from tests.testbed.stacks import DB, LettaStack


@pytest.fixture(scope="module")
def sshd() -> Iterator[PrivateSshd]:
    with PrivateSshd() as running:
        yield running


@pytest.fixture
def screen(stack: LettaStack, sshd: PrivateSshd, tmp_path: Path) -> Iterator[Terminal]:
    words = [
        *("env", f"LETTAOPS_STATE_DIR={tmp_path / 'state'}", f"LETTAOPS_CONFIG={tmp_path / 'none.toml'}"),
        *(sys.executable, "-m", "lettaops", "--host", stack.daemon.host, "--project", stack.project),
    ]
    remote = f"cd {shlex.quote(str(ROOT))} && TERM=xterm-256color LANG=C.UTF-8 {shlex.join(words)}"
    environ = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "HOME": str(tmp_path)}
    with Terminal(sshd.command(remote), environ, columns=120, rows=36) as terminal:
        terminal.wait_for("HEALTHY")
        yield terminal


def test_a_stopped_database_is_seen_started_and_healthy_again(screen: Terminal, stack: LettaStack) -> None:
    stack.docker("stop", stack.container(DB))
    screen.wait_for("✕ DOWN")
    screen.wait_for(f"{DB} was stopped")
    screen.wait_until(
        lambda: "can't use its database" in " ".join(screen.text.split()), "what suffers from it"
    )
    screen.press("\x1b[F")  # end: the database is the last row of the chain
    screen.press("s")
    screen.wait_for(f"{DB} runs")
    screen.wait_for("● HEALTHY")
    assert "started" in screen.text, "the event is in the timeline"


def test_every_key_of_the_screen(screen: Terminal, stack: LettaStack) -> None:
    screen.press("j")
    screen.press("d")
    screen.wait_for("memory limit")
    screen.press("v")
    screen.wait_for("LETTA_PG_URI=****")
    screen.press("V")
    screen.wait_for("postgresql://letta:letta@")
    screen.press("e")
    screen.wait_for("── events ──")
    screen.press("/")
    screen.press("nginx\r")
    screen.wait_until(lambda: f"●  {DB}" not in screen.text, "only the rows that hold the text")
    screen.press("\x1b")
    screen.wait_for(f"●  {DB}")
    screen.press("o")
    screen.press("o")
    screen.press("f")
    screen.wait_for("frozen")
    screen.press("f")
    screen.wait_until(lambda: "frozen" not in screen.text, "a live screen")
    screen.press("m")
    screen.wait_for("the mouse is the terminal's")
    screen.press("m")
    screen.press("y")
    screen.wait_for("copied")
    screen.press("?")
    screen.wait_for("In every list")
    screen.press("q")
    screen.press("\x10")
    screen.wait_for("Search for commands")
    screen.press("restart the")
    screen.wait_for("Restart the selected service")
    screen.press("\x1b")
    screen.wait_until(lambda: "Restart the selected service" not in screen.text, "the palette gone")
    screen.press("1")
    for key, words in (("r", "Restart in"), ("K", "Kill in"), ("p", "Pause in"), ("s", "Stop in")):
        screen.press(key)
        screen.wait_for(words)
        screen.press("n")
        screen.wait_for("left alone")
    screen.press("q")
    assert screen.end() == 0
    assert stack.problems() == []


def test_losing_the_connection_ends_the_dashboard(screen: Terminal, tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert _dashboards(state)
    screen.close()
    screen.wait_until(lambda: not _dashboards(state), "end of the dashboard")


def _dashboards(state: Path) -> list[int]:
    """The processes of this test's dashboard: others may watch the same engine."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                environ = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"lettaops" in words and f"LETTAOPS_STATE_DIR={state}".encode() in environ:
                found.append(int(folder.name))
    return found
