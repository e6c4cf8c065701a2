"""The Logs screen on scripted lines for the pty tests: `python -m tests.pty.scripted_logs STATE_DIRECTORY`.

F6 gives an equal snapshot, F7 one more line, F8 the whole corpus of hostile lines. The bell rings when all
of it has been drawn.
"""

import asyncio
import sys
from pathlib import Path
from typing import Final

import msgspec
from textual.binding import Binding
from textual.widget import Widget

from lettaops.app import LettaOpsApp
from lettaops.model.logs.line import LogLine
from lettaops.screens.logs import LogsScreen
from tests.pilot.dashboards import healthy
from tests.pilot.log_feeds import PASSWORD, LoggingDashboard
from tests.unit.torture import CORPUS, PROXY, made, many

EQUAL, ONE, TORTURE, SECRETS = "f6", "f7", "f8", "f9"
IN_A_ROW: Final = 5


def given(key: str, number: int) -> list[LogLine]:
    """The lines of a key."""
    if key == ONE:
        return [made(f"one more line, number {number}", at=100 + number)]
    if key == TORTURE:
        return many(CORPUS)
    if key == SECRETS:
        uri = f"postgresql+pg8000://letta:{PASSWORD}@letta_db:5432/letta"
        return many([f"password: {PASSWORD}", uri, f'{{"message": "x", "token": "{PASSWORD}"}}'], PROXY)
    return []


class ScriptedLogs(LettaOpsApp):
    """Shows the Logs screen with more lines than fit."""

    BINDINGS = [  # noqa: RUF012
        Binding(key, f"give('{key}')", show=False, system=True) for key in (EQUAL, ONE, TORTURE, SECRETS)
    ]

    def __init__(self, folder: Path) -> None:
        self.newest = healthy()
        self.script = LoggingDashboard(folder, self.newest)
        self.count = 0
        super().__init__(self.script)

    def on_mount(self) -> None:
        self.switch_mode("logs")
        self.script.feed.tell(many([f"a line to fill the screen, number {number}" for number in range(200)]))
        self.run_worker(self.ring())

    def action_give(self, key: str) -> None:
        self.count += 1
        lines = given(key, self.count)
        if key == EQUAL:
            self.newest = msgspec.structs.replace(self.newest)
            self.script.tell(self.newest)
        else:
            self.script.feed.tell(lines)
        self.run_worker(self.ring())

    async def ring(self) -> None:
        """Ring when nothing is left to draw; lines that may go on are held back for less than this waits."""
        rest = 0
        while rest < IN_A_ROW:
            await asyncio.sleep(0.1)
            rest = 0 if self.has_work else rest + 1
        self.bell()

    @property
    def has_work(self) -> bool:
        screen, driver = self.screen, self.operator_driver
        if not isinstance(screen, LogsScreen) or driver is None or not screen.buffer.end:
            return True
        if self.script.last is not self.newest or screen.pane.seen_end != screen.buffer.end:
            return True
        if screen._dirty_widgets or screen._callbacks or driver._waits or screen._head_timer is not None:
            return True
        return any(
            each.is_on_screen and (each._repaint_required or each._layout_required or each.message_queue_size)
            for each in screen.walk_children(Widget, with_self=True)
        )


def main() -> int:
    return ScriptedLogs(Path(sys.argv[1])).start()


if __name__ == "__main__":
    sys.exit(main())
