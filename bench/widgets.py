"""Bytes and CPU an update costs, our widgets against Textual's, in one run on a pty of 160x48.

`python -m bench.widgets [updates]`. No frame differ: what the widgets themselves send. Each
case fills a screen, then makes so many updates at 10 a second; CPU is that of the whole process.
"""

import asyncio
import fcntl
import itertools
import os
import pty
import resource
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from textual.widget import Widget

COLUMNS, LINES = 160, 48

Case = tuple[Widget, Callable[[int], object]]
PAIRS: Final = (
    ("table of 12 rows, one cell changed", "table", "DataTable"),
    ("log, one line appended", "records", "RichLog"),
    ("chart of one row, one value", "chart", "Sparkline"),
)
SETTLE_SECONDS: Final = 0.7
EVERY_SECONDS: Final = 0.1
ROWS: Final = 12
SEED: Final = (9, 12, 4, 30, 8, 2, 17, 25, 6, 11, 1, 21, 14)


def main(updates: int = 40) -> None:
    """Runs all cases, prints a table of ratios."""
    print(f"{'':36} {'ours':>18} {'Textual':>18}   ratio")
    for title, ours, theirs in PAIRS:
        ours_bytes, ours_cpu = measured(ours, updates)
        their_bytes, their_cpu = measured(theirs, updates)
        print(
            f"{title:36} {ours_bytes:8.0f} B {ours_cpu:5.1f} ms {their_bytes:8.0f} B {their_cpu:5.1f} ms"
            f"   {ours_bytes / their_bytes:.2f} bytes, {ours_cpu / their_cpu:.2f} CPU  ({theirs})"
        )


def measured(case: str, updates: int) -> tuple[float, float]:
    """Bytes and milliseconds of CPU an update."""
    tell_read, tell_write = os.pipe()
    terminal, tty = pty.openpty()
    fcntl.ioctl(tty, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none"}
    child = subprocess.Popen(
        [sys.executable, "-m", "bench.widgets", "--child", case, str(updates), str(tell_write)],
        stdin=tty, stdout=tty, stderr=tty, pass_fds=(tell_write,), env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(tty)
    os.close(tell_write)
    sent, told, marks = 0, b"", list[tuple[int, float]]()
    while len(marks) < 2:
        ready, _, _ = select.select([terminal, tell_read], [], [], 30)
        assert ready, f"{case}: nothing happens"
        if terminal in ready:
            sent += len(os.read(terminal, 65536))
        elif tell_read in ready:
            told = os.read(tell_read, 64)
            assert told, f"{case}: ended early"
            marks.append((sent, float(told)))
    child.wait(10)
    os.close(terminal)
    os.close(tell_read)
    (bytes_before, cpu_before), (bytes_after, cpu_after) = marks
    return (bytes_after - bytes_before) / updates, (cpu_after - cpu_before) * 1000 / updates


def child(case: str, updates: int, tell: int) -> None:
    """The app under measurement."""
    from textual.app import App, ComposeResult

    import lettaops

    widget, update = CASES[case]()

    class Bench(App[None]):
        CSS_PATH = Path(lettaops.__file__).parent / "styles" / "widgets.tcss"
        CSS = "Table, RecordView, DataTable, RichLog { height: 1fr; } StripChart, Sparkline { height: 1; }"

        def compose(self) -> ComposeResult:
            yield widget

        def on_mount(self) -> None:
            self.theme = "ansi-dark"
            self.run_worker(self.measure(), exclusive=True)

        async def measure(self) -> None:
            for step in range(100):
                update(step)
            await asyncio.sleep(SETTLE_SECONDS)
            self.tell()
            for step in range(updates):
                update(step)
                await asyncio.sleep(EVERY_SECONDS)
            await asyncio.sleep(SETTLE_SECONDS)
            self.tell()
            self.exit()

        def tell(self) -> None:
            usage = resource.getrusage(resource.RUSAGE_SELF)
            os.write(tell, f"{usage.ru_utime + usage.ru_stime:.4f}".encode())

    Bench().run()


def values() -> Iterator[int]:
    """The same values for both."""
    return itertools.cycle(SEED)


def own_table() -> Case:
    from lettaops.model.text import Safe
    from lettaops.screens.widgets.columns import Column, Row
    from lettaops.screens.widgets.table import Table

    table = Table([Column(str(at), Safe(f"COLUMN {at}"), 14) for at in range(8)])

    def update(step: int) -> None:
        table.set_rows(
            Row(str(row), tuple(Safe(f"{row}.{at}.{step if (row, at) == (5, 5) else 0}") for at in range(8)))
            for row in range(ROWS)
        )

    return table, update


def data_table() -> Case:
    from textual.widgets import DataTable

    table: DataTable[str] = DataTable(cursor_type="row")

    def update(step: int) -> None:
        if not table.columns:
            for at in range(8):
                table.add_column(f"COLUMN {at}", key=str(at), width=14)
            for row in range(ROWS):
                table.add_row(*(f"{row}.{at}.0" for at in range(8)), key=str(row))
        table.update_cell("5", "5", f"5.5.{step}")

    return table, update


def log_line(step: int) -> str:
    """A line like no other near it."""
    return f"INFO request {step} took {SEED[step % len(SEED)]} ms: GET /v1/agents/agent-{step * 7919 % 10007}"


def own_records() -> Case:
    from lettaops.model.signs import Tone
    from lettaops.model.text import Safe
    from lettaops.screens.widgets.prefix import Prefix
    from lettaops.screens.widgets.records import RecordView
    from lettaops.screens.widgets.store import Record, RecordList

    events = RecordList()
    view = RecordView(events, prefix=Prefix(clock=None))

    def update(step: int) -> None:
        events.extend([Record(None, Safe(""), Tone.NORMAL, Safe(log_line(step)))])
        view.grow()

    return view, update


def rich_log() -> Case:
    from textual.widgets import RichLog

    log = RichLog(max_lines=100_000)
    return log, lambda step: log.write(log_line(step))


def own_chart() -> Case:
    from lettaops.screens.widgets.chart import StripChart

    chart = StripChart(show_last=False)
    history = values()
    return chart, lambda step: chart.push(next(history))


def sparkline() -> Case:
    from textual.widgets import Sparkline

    chart = Sparkline([])
    history = values()

    def update(step: int) -> None:
        chart.data = [*(chart.data or []), next(history)][-COLUMNS:]

    return chart, update


CASES: Final[dict[str, Callable[[], Case]]] = {
    "table": own_table,
    "DataTable": data_table,
    "records": own_records,
    "RichLog": rich_log,
    "chart": own_chart,
    "Sparkline": sparkline,
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        main(*map(int, sys.argv[1:2]))
