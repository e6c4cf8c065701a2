"""The dashboard against lazydocker, in one run on a pty of 160x48, on a real engine with a stack of stubs.

`python -m bench.dashboard [--quick] [--seconds N]`, as root. What came on the terminal is noted with its
time and emulated only afterwards: an emulator would take the processor from what is measured.
"""

import argparse
import math
import os
import random
import re
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bench.figures import Figure
from bench.stack import stub_stack
from tests.pty.terminal import Terminal
from tests.testbed.cache import Cache
from tests.testbed.stacks import DB, PROXY, SERVER, StubStack

COLUMNS, ROWS = 160, 48
SIZE: Final = f"{COLUMNS}x{ROWS}"
STARTS: Final = 5
START_SECONDS: Final = 3.0
KEY_EVERY: Final = 0.04  # seconds between keys that are tried while a program starts
PRESSES: Final = 40
PRESS_WINDOW: Final = 0.25  # seconds a key may take
SETTLE_SECONDS: Final = 5.0
UP_SECONDS: Final = 30.0
FRESH_SECONDS: Final = 75.0  # a container younger than a minute shows its age in seconds
END_SECONDS: Final = 10.0
SERVICES: Final = (PROXY, SERVER, DB)
MANY, MANY_QUICK = 100, 40
CURSOR: Final = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
_VERDICTS: Final = "ok|degraded|down|starting|stopped"


class Recorder(Terminal):
    """A terminal that only notes what came and when, until `replay` shows it."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self.came: list[tuple[float, bytes]] = []
        self._shown = 0
        super().__init__(command, environ, columns=COLUMNS, rows=ROWS)

    def feed(self, data: bytes) -> None:
        self.came.append((time.monotonic(), data))

    def replay(self, until: float = math.inf) -> Iterator[float]:
        """Bring the screen up to each thing that came before a moment; gives the time of each."""
        while self._shown < len(self.came) and self.came[self._shown][0] <= until:
            moment, data = self.came[self._shown]
            self._shown += 1
            super().feed(data)
            yield moment

    def listen(self, seconds: float) -> None:
        """Note what comes for a while."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            assert self.process.poll() is None, f"it ended: {bytes(self.raw[-400:])!r}"
            self.pump(left)

    def time_to_end(self) -> float:
        """Seconds until the process has ended."""
        began = time.monotonic()
        while self.process.poll() is None and time.monotonic() - began < END_SECONDS:
            self.pump(0.002)
            time.sleep(0.001)
        return time.monotonic() - began

    def cpu(self) -> float:
        """Seconds of processor time the process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Program(NamedTuple):
    """What is measured: how it is started, and how its screen is read."""

    command: list[str]
    environ: dict[str, str]
    states: Callable[[Terminal], bool]
    cursor: Callable[[Terminal], int | None]
    verdicts: Callable[[Terminal], bool] | None = None

    def started(self) -> Recorder:
        """On a terminal of its own."""
        return Recorder(self.command, self.environ)

    def settled(self) -> Recorder:
        """The same, wholly up and left alone for a while."""
        terminal = self.started()
        is_up = self.verdicts or self.states
        up = False
        while not up:
            assert time.monotonic() - terminal.started < UP_SECONDS, terminal.text
            terminal.listen(0.2)
            for _ in terminal.replay():
                up = is_up(terminal)
        terminal.listen(SETTLE_SECONDS)
        return terminal


class Start(NamedTuple):
    """Seconds from the start of the process; infinite when it was not seen."""

    states: float
    keys: float
    verdicts: float


class Idle(NamedTuple):
    """What doing nothing costs."""

    rate: float
    cpu: float


def lettaops(host: str, project: str, home: str) -> Program:
    """The dashboard of this checkout, without a configuration."""
    environ = {"PATH": os.environ["PATH"], "HOME": home, "LETTAOPS_STATE_DIR": f"{home}/state"}
    command = [sys.executable, "-m", "lettaops", "--host", host, "--project", project]

    def states(terminal: Terminal) -> bool:
        text = terminal.text
        return all(
            re.search(rf"● +{service} +(?:… +running|{_VERDICTS})\b", text, re.MULTILINE)
            for service in SERVICES
        )

    def cursor(terminal: Terminal) -> int | None:
        return next((y for y, line in enumerate(terminal.screen.display) if line.startswith(CURSOR)), None)

    def verdicts(terminal: Terminal) -> bool:
        return all(re.search(rf"\b{service} +(?:{_VERDICTS})\b", terminal.text) for service in (SERVER, DB))

    return Program(command, environ, states, cursor, verdicts)


def lazydocker(program: Path, host: str, project: str, home: str, cli_config: Path) -> Program:
    """lazydocker outside the project's folder, where it lists all containers."""
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": home,
        "DOCKER_HOST": host,
        "DOCKER_CONFIG": str(cli_config),  # where it finds compose, as on a server that has it
    }

    def states(terminal: Terminal) -> bool:
        text = terminal.text
        return all(re.search(rf"running.* {project}-{service}-1\b", text) for service in SERVICES)

    def cursor(terminal: Terminal) -> int | None:
        rows = terminal.screen.buffer
        return next((y for y in range(1, 12) if rows[y][5].bg != "default"), None)

    return Program([str(program)], environ, states, cursor)


def start_up(program: Program) -> Start:
    """Start it, and press a key again and again from the first states on."""
    with program.started() as terminal:
        until, press_at = terminal.started + START_SECONDS, 0.0
        while (now := time.monotonic()) < until:
            terminal.pump(KEY_EVERY / 2)
            if SERVER.encode() in terminal.raw and now >= press_at:
                terminal.press("j")
                press_at = now + KEY_EVERY
        states = keys = verdicts = math.inf
        at: int | None = None
        for moment in terminal.replay():
            took = moment - terminal.started
            if states == math.inf and program.states(terminal):
                states = took
            if keys == math.inf:
                before, at = at, program.cursor(terminal)
                keys = took if None not in {before, at} and before != at else keys
            if verdicts == math.inf and program.verdicts is not None and program.verdicts(terminal):
                verdicts = took
    return Start(states, keys, verdicts)


def key_presses(program: Program) -> list[float]:
    """Milliseconds from a key to the moved cursor, of an idle program."""
    dice = random.Random(8)
    pressed, taken = list[float](), list[float]()
    with program.settled() as terminal:
        for number in range(PRESSES):
            pressed.append(time.monotonic())
            terminal.press("jk"[number % 2])
            terminal.listen(PRESS_WINDOW + dice.random() / 10)
        for moment in pressed:
            for _ in terminal.replay(moment):
                pass
            before, found = program.cursor(terminal), math.inf
            for came in terminal.replay(moment + PRESS_WINDOW):
                if program.cursor(terminal) != before:
                    found = came - moment
                    break
            taken.append(found * 1000)
    return taken


def idle(program: Program, seconds: float) -> Idle:
    """Bytes a second, and processor time in percent of a core."""
    with program.settled() as terminal:
        began, sent, cpu = time.monotonic(), len(terminal.raw), terminal.cpu()
        terminal.listen(seconds)
        took = time.monotonic() - began
        return Idle((len(terminal.raw) - sent) / took, (terminal.cpu() - cpu) / took * 100)


def leaving(program: Program, leave: Callable[[Terminal], None]) -> tuple[float, bool]:
    """Seconds a running program takes to end, and whether it leaves the terminal as it was."""
    with program.settled() as terminal:
        leave(terminal)
        took = terminal.time_to_end()
        terminal.pump(0.05)
        main_screen = terminal.raw.rfind(b"\x1b[?1049l") > terminal.raw.rfind(b"\x1b[?1049h")
        return took, main_screen and terminal.attributes() == terminal.found


def _median(starts: Sequence[Start]) -> Start:
    return Start(*(statistics.median(values) for values in zip(*starts, strict=True)))


def _starts(ours: Program, theirs: Program) -> list[Figure]:
    rounds = [(start_up(ours), start_up(theirs)) for _ in range(STARTS)]  # in turns: a load hits both
    our, their = (
        Start(*map(statistics.median, zip(*each, strict=True))) for each in zip(*rounds, strict=True)
    )
    return [
        Figure(
            "engine's states on the screen", "s", our.states, their.states,
            "≤ 0.3 × lazydocker", our.states <= 0.3 * their.states,
        ),
        Figure(
            "keys taken", "s", our.keys, their.keys, "≤ 1.1 × lazydocker", our.keys <= 1.1 * their.keys
        ),
        Figure("verdicts of server and database", "s", our.verdicts, None, "≤ 1.5", our.verdicts <= 1.5),
    ]  # fmt: skip


def _keys(ours: Program, theirs: Program) -> list[Figure]:
    our, their = sorted(key_presses(ours)), sorted(key_presses(theirs))
    late = math.ceil(0.95 * PRESSES) - 1
    median = statistics.median(our)
    return [
        Figure("key to moved cursor, median", "ms", median, statistics.median(their), "≤ 30", median <= 30),
        Figure("key to moved cursor, 95 of 100", "ms", our[late], their[late]),
    ]


def _idle(ours: Program, theirs: Program, beside: int, seconds: float) -> list[Figure]:
    where = f"idle, +{beside} containers" if beside else "idle, 3 containers"
    most_bytes, most_cpu = (500, 1.5) if beside else (200, 1.0)
    our, their = idle(ours, seconds), idle(theirs, seconds)
    return [
        Figure(where, "B/s", our.rate, their.rate, f"≤ {most_bytes}", our.rate <= most_bytes),
        Figure(where, "% of a core", our.cpu, their.cpu, f"≤ {most_cpu:g}", our.cpu <= most_cpu),
    ]


def _ends(ours: Program, theirs: Program) -> list[Figure]:
    found = []
    for name, leave in (
        ("quit by its key", lambda terminal: terminal.press("q")),
        ("end by SIGTERM", lambda terminal: terminal.signal(signal.SIGTERM)),
        ("end by SIGHUP", lambda terminal: terminal.signal(signal.SIGHUP)),
    ):
        (our, clean), (their, _) = leaving(ours, leave), leaving(theirs, leave)
        promise = "≤ 0.5, restored" if clean else "≤ 0.5, NOT RESTORED"
        found.append(Figure(name, "s", our, their, promise, our <= 0.5 and clean))
    return found


def run(stack: StubStack, cache: Cache, *, quick: bool = False, seconds: float = 20.0) -> list[Figure]:
    """Measure, and print the table as it grows."""
    many = MANY_QUICK if quick else MANY
    found: list[Figure] = []

    def show(figures: list[Figure]) -> None:
        for figure in figures:
            print(figure, flush=True)
        found.extend(figures)

    with tempfile.TemporaryDirectory() as our_home, tempfile.TemporaryDirectory() as their_home:
        ours = lettaops(stack.daemon.host, stack.project, our_home)
        theirs = lazydocker(
            cache.lazydocker(), stack.daemon.host, stack.project, their_home, cache.cli_config
        )
        for program in (ours, theirs):  # compiled modules, the page cache, their configuration
            start_up(program)
        began = time.monotonic()
        print(f"{'':<46}{'lettaops':>10}{'lazydocker':>12}{'ratio':>9}  promise")
        show(_starts(ours, theirs))
        show(_keys(ours, theirs))
        show(_ends(ours, theirs))
        time.sleep(max(0.0, FRESH_SECONDS - (time.monotonic() - began)))
        show(_idle(ours, theirs, 0, seconds))
        stack.add_sleepers(many)
        show(_idle(ours, theirs, many, seconds))
    kept = [figure.holds for figure in found if figure.holds is not None]
    print(f"{sum(kept)} of {len(kept)} promises hold")
    return found


def main() -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{MANY_QUICK} more containers, not {MANY}")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each idle measurement")
    options = parser.parse_args()
    cache = Cache()
    with stub_stack(cache) as stack:
        figures = run(stack, cache, quick=options.quick, seconds=options.seconds)
    return 1 if any(figure.holds is False for figure in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
