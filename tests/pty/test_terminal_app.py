"""A real application on a real terminal: what reaches it, and how it is left, whatever happens."""

import base64
import os
import re
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.pty.app import HOSTILE
from tests.pty.terminal import Terminal

PERMITTED = re.compile(
    rb"\x1b\[[0-9;]*[mHC]|\x1b\[K|\x1b\[\?(7|25|1000|1003|1004|1006|1015|1016|1049|2004|2026)[hl]"
    rb"|\x1b\[\?2026\$p|\x1b\[>[0-9]+u|\x1b\[<u"
)


COMMAND = [sys.executable, "-m", "tests.pty.app"]


def environment(place: Path) -> dict[str, str]:
    """Nothing of the operator's own."""
    return {"PATH": os.environ["PATH"], "HOME": str(place), "LETTAOPS_STATE_DIR": str(place / "state")}


def started(place: Path, environ: Mapping[str, str] | None = None) -> Terminal:
    """The application, with its first screen up."""
    terminal = Terminal(COMMAND, environment(place) | dict(environ or {}))
    terminal.wait_for("first screen")
    terminal.settle()
    return terminal


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with started(tmp_path) as running:
        yield running


def assert_left_clean(terminal: Terminal) -> None:
    """The terminal is as it was found."""
    assert terminal.attributes() == terminal.found
    assert terminal.raw.rfind(b"\x1b[?1049l") > terminal.raw.rfind(b"\x1b[?1049h")
    assert terminal.raw.rfind(b"\x1b[?25h") > terminal.raw.rfind(b"\x1b[?25l")
    assert terminal.raw.rfind(b"\x1b[?1000l") > terminal.raw.rfind(b"\x1b[?1000h")
    assert terminal.raw.rfind(b"\x1b[?7h") > terminal.raw.rfind(b"\x1b[?7l")
    assert b"Traceback" not in terminal.raw


def sent_by(terminal: Terminal, keys: str, then: str) -> bytes:
    """The bytes that a key causes."""
    before = len(terminal.raw)
    terminal.press(keys)
    terminal.wait_for(then)
    terminal.settle()
    return bytes(terminal.raw[before:])


def test_an_idle_screen_sends_nothing(terminal: Terminal) -> None:
    before = len(terminal.raw)
    terminal.settle(1.5)
    assert len(terminal.raw) == before


def test_a_mode_switch_sends_what_differs(terminal: Terminal) -> None:
    there = sent_by(terminal, "2", "second screen")
    back = sent_by(terminal, "1", "first screen")
    assert len(there) < 4500  # 100x30 cells in colours; Textual's own frame is some 12 kB
    assert len(back) < 6000
    assert len(sent_by(terminal, "2", "second screen")) == len(there)


def test_quitting_restores_the_terminal_within_a_second(terminal: Terminal) -> None:
    asked = time.monotonic()
    terminal.press("q")
    assert terminal.end() == 0
    assert time.monotonic() - asked < 5  # the condition is that it ends; bench/ measures how fast
    assert_left_clean(terminal)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_restores_the_terminal(terminal: Terminal, number: signal.Signals) -> None:
    terminal.signal(number)
    assert terminal.end() == 128 + number
    assert_left_clean(terminal)


def test_a_hanging_thread_does_not_keep_the_process(terminal: Terminal) -> None:
    sent_by(terminal, "t", "thread runs")
    terminal.press("q")
    assert terminal.end() == 0
    assert_left_clean(terminal)


def test_a_loop_that_is_stuck_does_not_keep_the_process(terminal: Terminal) -> None:
    terminal.press("s")
    terminal.wait_until(lambda: b"\x07" in terminal.raw, "a bell")
    terminal.signal(signal.SIGTERM)
    assert terminal.end() == 128 + signal.SIGTERM
    assert_left_clean(terminal)


def test_ctrl_c_in_another_program_does_not_end_us(terminal: Terminal) -> None:
    terminal.press("x")
    terminal.wait_for("the other program")
    assert terminal.attributes() == terminal.found
    terminal.press("\x03")
    terminal.wait_for("first screen")
    terminal.settle()
    assert "other program" not in terminal.text
    sent_by(terminal, "2", "second screen")
    terminal.press("q")
    assert terminal.end() == 0
    assert_left_clean(terminal)


def test_a_fault_before_anything_is_drawn(tmp_path: Path) -> None:
    with Terminal([*COMMAND, "broken"], environment(tmp_path)) as terminal:
        assert terminal.end() == 1
        assert b"Traceback" not in terminal.raw
        assert b"a fault of lettaops itself" in terminal.raw
        assert terminal.attributes() == terminal.found


def test_a_closed_terminal_ends_the_process(terminal: Terminal) -> None:
    terminal.close()
    assert terminal.process.wait(30) == 128 + signal.SIGHUP


def test_a_terminal_that_takes_nothing_does_not_keep_the_process(terminal: Terminal) -> None:
    for number in range(60):  # nobody reads: the terminal's buffer fills, then the frames wait
        terminal.press("12"[number % 2])
        time.sleep(0.01)
    terminal.signal(signal.SIGTERM)
    assert terminal.process.wait(30) == 128 + signal.SIGTERM
    terminal.settle()
    assert terminal.attributes() == terminal.found


def test_frames_merge_while_the_terminal_is_behind(terminal: Terminal) -> None:
    for number in range(41):
        terminal.press("12"[(number + 1) % 2])
        time.sleep(0.01)
    terminal.wait_for("second screen")
    terminal.settle()
    assert "type" not in terminal.text


@pytest.mark.parametrize("how", ["signal", "key"])
def test_stopped_and_continued_it_draws_again(terminal: Terminal, how: str) -> None:
    if how == "signal":
        terminal.signal(signal.SIGTSTP)
    else:
        terminal.press("z")
    terminal.wait_until(terminal.is_stopped, "stopped")
    terminal.settle(0.1)
    assert_left_clean(terminal)
    terminal.screen.reset()
    terminal.signal(signal.SIGCONT)
    terminal.wait_for("first screen")
    terminal.settle()
    assert "two" in terminal.text
    assert terminal.attributes() != terminal.found
    assert "second screen" not in terminal.text
    sent_by(terminal, "2", "second screen")
    terminal.press("q")
    assert terminal.end() == 0
    assert_left_clean(terminal)


def test_stopped_without_notice_it_takes_the_terminal_again(terminal: Terminal) -> None:
    import termios

    terminal.signal(signal.SIGSTOP)
    terminal.wait_until(terminal.is_stopped, "stopped")
    termios.tcsetattr(terminal.primary, termios.TCSANOW, terminal.found)  # as a shell does
    terminal.screen.reset()
    terminal.signal(signal.SIGCONT)
    terminal.wait_for("first screen")
    terminal.settle()
    assert terminal.attributes() != terminal.found
    terminal.press("q")
    assert terminal.end() == 0
    assert_left_clean(terminal)


def test_hostile_text_never_reaches_the_terminal(terminal: Terminal) -> None:
    sent = sent_by(terminal, "h", "JP1;2|dcs")
    rest = PERMITTED.sub(b"", bytes(terminal.raw))
    assert b"\x1b" not in rest
    assert not set(rest.decode()) & set(map(chr, [*range(0x20), *range(0x7F, 0xA0), 0x202E, 0x2028, 0x200B]))
    for place in re.findall(rb"\x1b\[(\d+);?(\d*)H", sent):
        assert int(place[0]) <= 30
    assert b"\x1b[2J" not in terminal.raw
    assert HOSTILE
    terminal.press("q")
    assert terminal.end() == 0
    assert_left_clean(terminal)


def test_a_crash_leaves_a_report_and_a_clean_terminal(terminal: Terminal, tmp_path: Path) -> None:
    terminal.press("c")
    assert terminal.end() == 1
    assert_left_clean(terminal)
    after = bytes(terminal.raw).rpartition(b"\x1b[?25h")[2].decode()
    [report] = (tmp_path / "state").glob("crash-*.txt")
    assert after.split() == (
        f"lettaops: this is a fault of lettaops itself; a report (secrets struck out) is in {report}".split()
    )
    text = report.read_text()
    assert "action_crash" in text
    assert "hunter2" not in text
    assert "\x1b" not in text
    assert report.stat().st_mode & 0o777 == 0o600


def test_a_failed_task_is_reported_and_the_rest_lives(terminal: Terminal, tmp_path: Path) -> None:
    sent_by(terminal, "w", "task failed")
    terminal.wait_until(lambda: list((tmp_path / "state").glob("crash-*.txt")), "a report")
    sent_by(terminal, "2", "second screen")
    terminal.press("q")
    assert terminal.end() == 0
    assert_left_clean(terminal)


def test_a_storm_of_sizes(terminal: Terminal, tmp_path: Path) -> None:
    for columns, rows in [(20, 5), (1, 1), (300, 100), (2, 90), (160, 48), (80, 24), (59, 14)] * 4:
        terminal.resize(columns, rows)
        terminal.pump(0.02)
    terminal.resize(90, 25)
    terminal.screen.reset()
    terminal.settle(1.0)
    terminal.wait_for("first screen")
    sent_by(terminal, "2", "second screen")
    assert len(terminal.screen.display[0]) == 90
    terminal.press("q")
    assert terminal.end() == 0
    assert_left_clean(terminal)
    assert not (tmp_path / "state").exists()


def test_after_a_resize_everything_is_drawn(terminal: Terminal) -> None:
    terminal.settle()
    terminal.resize(60, 20)
    terminal.screen.reset()  # what a terminal leaves there is not known
    terminal.wait_for("first screen")
    terminal.settle()
    assert "two" in terminal.text


def test_the_cursor_stands_at_the_text_that_is_typed(terminal: Terminal) -> None:
    terminal.press("i")
    terminal.settle()
    terminal.press("abc")
    terminal.wait_for("abc")
    terminal.settle()
    x, y = terminal.screen.cursor.x, terminal.screen.cursor.y
    assert terminal.screen.display[y][:x].rstrip().endswith("abc")  # Textual counts one more at the end


def test_copying_asks_the_terminal(terminal: Terminal) -> None:
    sent = sent_by(terminal, "y", "copied 11 characters")
    [encoded] = re.findall(rb"\x1b\]52;c;([A-Za-z0-9+/=]+)\x07", sent)
    assert base64.b64decode(encoded) == b"copied text"


def test_the_bell_rings(terminal: Terminal) -> None:
    terminal.press("b")
    terminal.wait_until(lambda: b"\x07" in terminal.raw, "a bell")


def test_the_mouse_is_released_and_taken(terminal: Terminal) -> None:
    assert b"\x1b[?1003l" in sent_by(terminal, "m", "mouse False")
    assert b"\x1b[?1003h" in sent_by(terminal, "m", "mouse True")


@pytest.mark.parametrize(
    "environ",
    [
        {"TERM": "linux"},
        {"NO_COLOR": "1"},
        {"TERM": "vt100"},
        {"LANG": "C"},
        {"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22"},
    ],
)
def test_poor_terminals_get_what_they_can_show(tmp_path: Path, environ: dict[str, str]) -> None:
    with started(tmp_path, environ) as terminal:
        sent_by(terminal, "h", "JP1;2|dcs")
        pens = set(re.findall(rb"\x1b\[([0-9;]*)m", bytes(terminal.raw)))
        colours = {
            code for pen in pens for code in pen.split(b";") if re.fullmatch(rb"[34]\d|9\d|10\d", code)
        }
        if "NO_COLOR" in environ or environ.get("TERM") == "vt100":
            assert colours <= {b"39", b"49"}
        if environ.get("LANG") == "C" or environ.get("TERM") in ("linux", "vt100"):
            assert bytes(terminal.raw).isascii()
        if "SSH_CONNECTION" in environ or "TERM" in environ:
            assert b"\x1b[38;2;" not in terminal.raw
        terminal.press("q")
        assert terminal.end() == 0
        assert_left_clean(terminal)


def test_exported_lines_and_columns_do_not_freeze_the_size(tmp_path: Path) -> None:
    with started(tmp_path, {"LINES": "10", "COLUMNS": "40"}) as terminal:
        assert any(line.rstrip()[60:] for line in terminal.screen.display)
