"""The dashboard on scripted snapshots for the pty tests: `python -m tests.pty.scripted STATE_DIRECTORY`.

Each function key gives one more snapshot. When everything it changed has been drawn, the bell
rings: the bell is in the stream of bytes, so what lies between two bells is what a snapshot costs.
"""

import asyncio
import sys
from pathlib import Path
from typing import Final

import msgspec
from textual.binding import Binding
from textual.widget import Widget

from lettaops.app import LettaOpsApp
from lettaops.model.assessment import assess
from lettaops.model.probe import Answers
from lettaops.monitor.snapshot import Load, Snapshot
from lettaops.screens.help import HelpScreen
from tests.pilot.dashboards import ScriptedDashboard, database_gone, healthy
from tests.unit import build

TICK: Final = 2.0  # simulated seconds between two snapshots
IN_A_ROW: Final = 3
EQUAL, LATENCY, NUMBERS, TICKED, TROUBLED = "f6", "f7", "f8", "f9", "f10"
LATENCIES: Final = (2.0, 11.0, 4.0, 17.0, 9.0, 3.0, 26.0)
PERCENTS: Final = (2.5, 0.4, 13.0, 7.1, 2.9, 41.0)
MIB: Final = 1 << 20


class ScriptedApp(LettaOpsApp):
    """The dashboard; the time that its charts go by is the script's."""

    BINDINGS = [  # noqa: RUF012
        *(
            Binding(key, f"give('{key}')", show=False, system=True)
            for key in (EQUAL, LATENCY, NUMBERS, TICKED)
        ),
        Binding(TROUBLED, "trouble", show=False, system=True),
    ]

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.given = 0
        self.newest = healthy()
        self.script = ScriptedDashboard(folder, self.newest)
        super().__init__(self.script)
        self.trends.clock = lambda: self.now

    def on_mount(self) -> None:
        self.run_worker(self.ring())

    def action_give(self, key: str) -> None:
        if key != EQUAL:
            self.given += 1
        if key == TICKED:
            self.now += TICK
        self.newest = CHANGES[key](self.newest, self.given)
        self.script.tell(self.newest)
        self.run_worker(self.ring())

    def action_trouble(self) -> None:
        self.run_worker(self.trouble())

    async def trouble(self) -> None:
        """Open the help, ring, let the deployment get worse behind it, ring."""
        await self.push_screen(HelpScreen())
        await self.ring()
        self.newest = database_gone()
        self.script.tell(self.newest)
        await self.ring()

    async def ring(self) -> None:
        """Ring when nothing is left to draw."""
        rest = 0
        while rest < IN_A_ROW:
            await asyncio.sleep(0.02)
            rest = 0 if self.has_work else rest + 1
        self.bell()

    @property
    def has_work(self) -> bool:
        """Whether the snapshot isn't on the screen yet, as far as Textual and the application know."""
        screen, driver = self.current_screen, self.operator_driver
        if screen is None or driver is None or self.script.last is not self.newest:
            return True
        if driver._waits or self.screen._dirty_widgets or self.screen._callbacks:
            return True
        return any(
            each.is_on_screen and (each._repaint_required or each._layout_required or each.message_queue_size)
            for each in self.screen.walk_children(Widget, with_self=True)
        )


def again(snapshot: Snapshot, _: int) -> Snapshot:
    """An equal snapshot."""
    return msgspec.structs.replace(snapshot)


def one_latency(snapshot: Snapshot, step: int) -> Snapshot:
    """The server answers in another time."""
    answers = snapshot.answers
    probe = build.good(LATENCIES[step % len(LATENCIES)])
    servers = {
        key: msgspec.structs.replace(each, health=probe, database=probe)
        for key, each in answers.servers.items()
    }
    return _answered(snapshot, msgspec.structs.replace(answers, servers=servers))


def all_numbers(snapshot: Snapshot, step: int) -> Snapshot:
    """Every row has another latency, CPU, memory and traffic."""
    answers = one_latency(snapshot, step).answers
    proxies = dict.fromkeys(answers.proxies, build.good(LATENCIES[(step + 1) % len(LATENCIES)]))
    databases = dict.fromkeys(answers.databases, build.good(LATENCIES[(step + 2) % len(LATENCIES)]))
    changed = _answered(snapshot, msgspec.structs.replace(answers, proxies=proxies, databases=databases))
    loads = {
        key: Load(
            cpu_percent=PERCENTS[(step + at) % len(PERCENTS)],
            memory_bytes=(400 + 37 * (step + at)) * MIB,
            received_rate=1900.0 * (step + at + 1),
            sent_rate=512.0,
        )
        for at, key in enumerate(snapshot.loads)
    }
    return msgspec.structs.replace(changed, loads=loads)


def idle(snapshot: Snapshot, step: int) -> Snapshot:
    """What an idle dashboard sees: another latency, and another CPU text."""
    changed = one_latency(snapshot, step)
    key = next(iter(changed.loads))
    load = msgspec.structs.replace(changed.loads[key], cpu_percent=PERCENTS[step % len(PERCENTS)])
    return msgspec.structs.replace(changed, loads=changed.loads | {key: load})


CHANGES: Final = {EQUAL: again, LATENCY: one_latency, NUMBERS: all_numbers, TICKED: idle}


def _answered(snapshot: Snapshot, answers: Answers) -> Snapshot:
    assert snapshot.stack is not None
    assessment = assess(snapshot.stack, answers, snapshot.engine, build.NOW, age=0.0)
    return msgspec.structs.replace(snapshot, answers=answers, assessment=assessment)


def main() -> int:
    return ScriptedApp(Path(sys.argv[1])).start()


if __name__ == "__main__":
    sys.exit(main())
