"""What the terminal layer costs and saves: `python -m bench.terminal`.

A screen of Textual's stock widgets (title every second, one cell of a table five times a second), on
Textual's own driver and on ours; the allow-list filter; the first frame against the bare interpreter.
"""

import json
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
import timeit
from functools import partial
from pathlib import Path

from textual.app import App, ComposeResult
from textual.coordinate import Coordinate
from textual.widgets import DataTable, Footer, Static

from lettaops.terminal.allowlist import allowed
from lettaops.terminal.base import TerminalApp
from tests.pty.terminal import Terminal

SECONDS = 10.0
COLUMNS, ROWS = 160, 48
ROUNDS = 9


class _Stock(App[None]):
    """The screen that is measured."""

    def compose(self) -> ComposeResult:
        yield Static("started", id="title")
        yield DataTable(id="table")
        yield Footer()

    def on_mount(self) -> None:
        self.theme = "ansi-dark"
        table = self.query_one(DataTable)
        table.add_columns(*(f"column {number}" for number in range(8)))
        for row in range(12):
            table.add_row(*(f"cell {row}.{number}" for number in range(8)), key=str(row))
        if sys.argv[-1] == "busy":
            self.set_interval(1.0, self._title)
            self.set_interval(0.2, self._cell)

    def _title(self) -> None:
        self.query_one("#title", Static).update(f"{time.time():.0f}", layout=False)

    def _cell(self) -> None:
        table = self.query_one(DataTable)
        table.update_cell_at(Coordinate(3, 3), f"{time.time() * 10 % 1000:.0f}")


class _Ours(TerminalApp, _Stock):
    """The same on our base."""


def traffic(kind: str, load: str) -> tuple[float, float, int]:
    """Bytes a second, CPU in percent of a core, and the bytes of the start, of a screen in a child."""
    with tempfile.TemporaryDirectory() as place:
        environ = {"PATH": os.environ["PATH"], "HOME": place, "LETTAOPS_STATE_DIR": f"{place}/state"}
        environ["TEXTUAL_ANIMATIONS"] = "none"
        command = [sys.executable, "-m", "bench.terminal", kind, load]
        with Terminal(command, environ, columns=COLUMNS, rows=ROWS) as terminal:
            terminal.wait_for("cell 11.7")
            terminal.settle(0.15 if load == "busy" else 0.5)
            start, bytes_before, cpu_before = time.monotonic(), len(terminal.raw), _cpu(terminal.process.pid)
            first = bytes_before
            while time.monotonic() - start < SECONDS:
                terminal.pump(0.1)
            took = time.monotonic() - start
            sent = len(terminal.raw) - bytes_before
            return sent / took, (_cpu(terminal.process.pid) - cpu_before) / took * 100, first


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def filter_cost() -> list[tuple[str, float]]:
    """Milliseconds for a frame of 26 kB, a small one, and one with something to drop."""
    line = "\x1b[38;2;224;224;224;48;2;18;18;18m│ letta_server  running ● 12 % \x1b[0m" * 4
    frame = "".join(f"\x1b[{row};1H{line}" for row in range(1, 90))[:26_000].rpartition("\x1b")[0]
    cases = [("26 kB", frame), ("26 kB, ASCII", frame.replace("│", "|").replace("●", "*"))]
    cases += [("40 bytes", frame[:40]), ("26 kB with OSC 52", f"{frame}\x1b]52;c;aGk=\x07")]
    return [
        (name, min(timeit.repeat(partial(allowed, data), number=50, repeat=5)) * 1000 / 50)
        for name, data in cases
    ]


def first_frame() -> tuple[float, float]:
    """Milliseconds from process start to output: the bare interpreter, and states of a fake engine."""
    labels = {"com.docker.compose.project": "letta", "com.docker.compose.service": "letta_server"}
    row = {
        "Id": "a",
        "Names": ["/letta_server-1"],
        "Image": "letta/letta",
        "State": "running",
        "Labels": labels,
    }
    body = b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps([row] * 3).encode()
    with tempfile.TemporaryDirectory() as place, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{place}/docker.sock")
        server.listen()
        threading.Thread(target=_serve, args=(server, body), daemon=True).start()
        environ = {"PATH": os.environ["PATH"], "HOME": place}
        bare = [sys.executable, "-c", "print('letta_server')"]
        code = "from tests.pty.first import main; main()"
        ours = [sys.executable, "-c", code, f"{place}/docker.sock", f"{place}/modules"]
        return _until_shown(bare, environ), _until_shown(ours, environ)


def _serve(server: socket.socket, body: bytes) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.recv(4096)
            connection.sendall(body)


def _until_shown(command: list[str], environ: dict[str, str]) -> float:
    taken = []
    for _ in range(ROUNDS):
        with Terminal(command, environ, columns=COLUMNS, rows=ROWS) as terminal:
            shown = b""  # read past the emulator, whose time isn't the program's
            while b"letta_server" not in shown and b"looking" not in shown:
                shown += os.read(terminal.primary, 65536)
            taken.append((time.monotonic() - terminal.started) * 1000)
            if b"looking" in shown:
                print("  (a run without states: the engine was too slow for the deadline)")
    return statistics.median(taken)


def main() -> None:
    """Print the table."""
    print(f"{'stock widgets, 160x48, ansi-dark':<36}{'B/s':>9}{'CPU %':>8}{'start, B':>10}")
    for load in ("idle", "busy"):
        for kind, name in (("stock", "Textual's driver"), ("ours", "ours")):
            rate, cpu, start = traffic(kind, load)
            print(f"  {load}, {name:<28}{rate:9.0f}{cpu:8.2f}{start:10d}")
    print("filter")
    for name, milliseconds in filter_cost():
        print(f"  {name:<34}{milliseconds:9.3f} ms")
    bare, first = first_frame()
    print(f"bare interpreter prints{bare:22.0f} ms\nfirst frame with states{first:22.0f} ms   promise 60")


if __name__ == "__main__":
    if sys.argv[1:2] == ["stock"]:
        _Stock().run()
    elif sys.argv[1:2] == ["ours"]:
        sys.exit(_Ours().start())
    else:
        main()
