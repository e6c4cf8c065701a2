"""A small application on `TerminalApp` for the pty tests: `python -m tests.pty.app VARIANT`."""

import asyncio
import sys
import threading
import time

from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import DataTable, Input, RichLog, Static

from lettaops.terminal.base import TerminalApp

HOSTILE = (
    "H\x1b]52;c;aGVsbG8=\x07I\x1b]0;title\x1b\\J\x1bP1;2|dcs\x1b\\K\x1b[2JL\x1b[6nM\x1b[5;5HN\x1b[31mO"
    "\x9b2JP\x9d0;t\x9cQ\u202eR\x07\x08S\x85T\u2028U\r\nV\x1bcW\u200bX"
)


class First(Screen[None]):
    """Widgets with text of others."""

    def compose(self) -> ComposeResult:
        yield Static("first screen", id="title")
        yield Static("", id="hostile", markup=False)
        yield DataTable(id="table")
        yield RichLog(id="log")
        yield Input(id="input", placeholder="type")

    def on_mount(self) -> None:
        self.query_one("#hostile", Static).styles.height = 2
        self.query_one(DataTable).add_columns("A", "B")
        self.query_one(DataTable).add_row("one", "two")
        self.query_one(DataTable).focus()


class Second(Screen[None]):
    """Another mode."""

    def compose(self) -> ComposeResult:
        yield Static("second screen")


class TestedApp(TerminalApp):
    """What the tests need, on keys."""

    __test__ = False
    MODES = {"first": First, "second": Second}  # noqa: RUF012
    DEFAULT_MODE = "first"
    BINDINGS = [  # noqa: RUF012
        Binding("q", "quit", priority=True),
        ("1", "switch_mode('first')"),
        ("2", "switch_mode('second')"),
        ("h", "hostile"),
        ("c", "crash"),
        ("t", "thread"),
        ("w", "task"),
        ("i", "input"),
        ("y", "yank"),
        ("m", "mouse"),
        ("b", "ring"),
        ("s", "block"),
        ("x", "shell"),
        ("z", "suspend_process"),
    ]

    def action_hostile(self) -> None:
        self.screen.query_one("#hostile", Static).update(HOSTILE)
        self.screen.query_one(DataTable).add_row(HOSTILE, HOSTILE)
        self.screen.query_one(RichLog).write(HOSTILE)
        self.notify(HOSTILE, title=HOSTILE, markup=False, timeout=60)
        self.title = HOSTILE

    def action_crash(self) -> None:
        password = "hunter2-in-a-local"
        raise ValueError(f"broken \x1b]0;x\x07 password={password}")

    def action_thread(self) -> None:
        threading.Thread(target=time.sleep, args=(60,)).start()
        self.notify("thread runs")

    def action_task(self) -> None:
        async def fail() -> None:
            raise RuntimeError("a task nobody waits for")

        task = asyncio.ensure_future(fail())
        del task
        self.notify("task failed")

    def action_input(self) -> None:
        self.screen.query_one(Input).focus()

    def action_yank(self) -> None:
        self.notify(self.copy("copied text").words)

    def action_mouse(self) -> None:
        driver = self.operator_driver
        assert driver is not None
        driver.release_mouse() if driver.mouse_taken else driver.take_mouse()
        self.notify(f"mouse {driver.mouse_taken}")

    def action_ring(self) -> None:
        self.bell()

    def action_block(self) -> None:
        self.bell()
        time.sleep(60)

    async def action_shell(self) -> None:
        with self.suspend():
            program = ("sh", "-c", "echo the other program; exec cat")
            await (await asyncio.create_subprocess_exec(*program)).wait()


class BrokenApp(TestedApp):
    """Fails before it has a driver."""

    CSS = "this is { no: css"


def main() -> int:
    return (BrokenApp if sys.argv[1:] == ["broken"] else TestedApp)().start()


if __name__ == "__main__":
    sys.exit(main())
