"""The dashboard on its terminal while others write hostile text, churn, replace, freeze, kill and resize.

A real engine with a stack of stubs, whose containers outlive the engine.
"""

import itertools
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import docker
import pytest
from docker.errors import APIError

from tests.fakes.unix_proxy import UnixProxy
from tests.pty.strict import clipboard, foreign, unseen
from tests.pty.terminal import Terminal
from tests.stack.hostile import ATTACK, hostile_container
from tests.stack.lettaops_cli import LettaOps
from tests.testbed.stacks import DB, PROXY, SERVER, StubStack

COLUMNS, ROWS = 200, 40
END = "\x1b[F"
CTRL_P = "\x10"
OTHERS = 100  # 200 would take over a minute to make here; one list of 100 is as much one list
ACTS = 120  # starts and stops of the others while the dashboard is watched
LISTS_A_SECOND = 4
SILENT = re.compile(r"(?:stale|down) · (?:(\d+) m )?([\d.]+) (ms|s)\s*$", re.MULTILINE)


@pytest.fixture
def lettaops(lasting: StubStack, tmp_path: Path) -> LettaOps:
    return LettaOps(lasting.daemon.host, lasting.project, tmp_path)


def reports(lettaops: LettaOps) -> list[str]:
    """The fault reports that were written, with their texts."""
    return [each.read_text() for each in (lettaops.state / "state").glob("crash-*.txt")]


@contextmanager
def opened(lettaops: LettaOps) -> Iterator[Terminal]:
    """The dashboard with a live stack on it; left with `q` after the block, and no fault was reported."""
    with Terminal(lettaops.command(), lettaops.environ, columns=COLUMNS, rows=ROWS) as terminal:
        terminal.wait_until(lambda: is_well(terminal), "a live stack")
        yield terminal
        terminal.press("q")
        assert terminal.end() == 0
    assert reports(lettaops) == []
    assert b"Traceback" not in terminal.raw


def title(terminal: Terminal) -> str:
    return str(terminal.screen.display[0]).rstrip()


def service_rows(terminal: Terminal) -> dict[str, str]:
    """The rows of the table, by service, as they stand on the screen."""
    found = re.finditer(rf"^[ ›]*([●◐▲○✕?]\s+({DB}|{SERVER}|{PROXY}) .*)$", terminal.text, re.MULTILINE)
    return {each[2]: each[1] for each in found}


def is_well(terminal: Terminal) -> bool:
    """Whether the engine is live, and every service runs."""
    rows = service_rows(terminal)
    return (
        len(rows) == 3
        and not SILENT.search(title(terminal))
        and all(each[0] not in "○✕?" for each in rows.values())
    )


def select(terminal: Terminal, service: str) -> None:
    """Move the cursor to a service."""
    terminal.press("\x1b[H")
    for _ in range(6):
        terminal.settle(0.2)
        if re.search(rf"^\s*›\S\s+{service}\b", terminal.text, re.MULTILINE):
            return
        terminal.press("j")
    raise AssertionError(f"{service} can't be selected:\n{terminal.text}")


# Hostile text

PASTED = f"\x1b[200~{ATTACK}\x1b[201~"


def look_at_every_side(terminal: Terminal, container: str) -> None:
    """Each detail of the selected service, and the hostile text searched for in its document."""
    for key, what in (("d", container), ("v", "LETTA_X="), ("V", "secrets are shown"), ("i", "Path: sh")):
        terminal.press(key)
        terminal.wait_for(what)
    ask_for_text(terminal)
    terminal.press("\r")
    terminal.wait_for("the document doesn't hold")
    terminal.press("\x1b")
    terminal.settle()
    terminal.press("e")
    terminal.wait_for("── events ──")


def ask_for_text(terminal: Terminal) -> None:
    """Paste the hostile text into the line for a text."""
    terminal.press("/")
    terminal.wait_for("text, or /regular expression/")
    terminal.press(PASTED)


def act_on_it(terminal: Terminal) -> None:
    """Two acts that are done, and one that is left alone."""
    for key, answer, end in (("s", "y", "down: ended"), ("s", "", " runs ("), ("K", "n", "left alone")):
        terminal.press(key)
        if answer:
            terminal.wait_for("y  do it")
            terminal.press(answer)
        terminal.wait_for(end)


def test_hostile_text_reaches_the_terminal_as_visible_text_only(
    lettaops: LettaOps, lasting: StubStack
) -> None:
    with hostile_container(lasting) as name, opened(lettaops) as terminal:
        terminal.wait_for("healthcheck failed")
        select(terminal, "evil")
        look_at_every_side(terminal, name)
        ask_for_text(terminal)
        terminal.wait_until(lambda: DB not in service_rows(terminal), "rows that are filtered")
        terminal.press("\x1b")
        terminal.wait_until(lambda: DB in service_rows(terminal), "all rows again")
        select(terminal, "evil")
        act_on_it(terminal)
        terminal.press("?")
        terminal.wait_for("In every list")
        terminal.press("q")
        terminal.press(CTRL_P)
        terminal.wait_for("Search for commands")
        terminal.press(PASTED)
        terminal.settle()
        terminal.press("\x1b")
        terminal.wait_until(lambda: SERVER in service_rows(terminal), "the table")
        assert foreign(bytes(terminal.raw), columns=COLUMNS, rows=ROWS) == []

        select(terminal, "evil")
        terminal.press("y")
        terminal.wait_for("through the terminal (OSC 52)")
        _, [copied] = clipboard(bytes(terminal.raw))
        assert "evil" in copied
        assert set(unseen(copied)) <= {repr("\t"), repr("\n")}
    rest, copies = clipboard(bytes(terminal.raw))
    assert len(copies) == 1
    after = rest.rpartition(b"\x1b[?1049l")  # what is said once the screen is given back may end lines
    assert foreign(after[0] + after[1] + after[2].translate(None, b"\r\n"), columns=COLUMNS, rows=ROWS) == []


# Many containers


class Churn:
    """Starts and stops containers through the engine's API, in threads, until the block is left."""

    def __init__(self, host: str, names: list[str], *, threads: int = 4) -> None:
        self.acts = 0
        self._stop = threading.Event()
        self._counting = threading.Lock()
        shares = [names[number::threads] for number in range(threads)]
        self._threads = [threading.Thread(target=self._run, args=(host, share)) for share in shares]
        self.failures: list[str] = []

    def __enter__(self) -> Self:
        self.began = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, host: str, names: list[str]) -> None:
        client = docker.DockerClient(base_url=host, timeout=60)
        try:
            for name in itertools.cycle(names):
                for act in (client.api.kill, client.api.start):
                    if self._stop.is_set():
                        return
                    act(name)
                    with self._counting:
                        self.acts += 1
        except APIError as error:
            self.failures.append(str(error))
        finally:
            client.close()


def test_many_containers_that_start_and_stop(lettaops: LettaOps, lasting: StubStack) -> None:
    names = lasting.add_sleepers(OTHERS)
    with UnixProxy(lasting.daemon.host.removeprefix("unix://")) as proxy:
        through = LettaOps(proxy.host, lasting.project, lettaops.state)
        began = time.monotonic()
        with opened(through) as terminal, Churn(lasting.daemon.host, names) as churn:
            terminal.wait_for(f"+ {OTHERS} other containers")
            for key, effect in (("o", f"- {OTHERS} other"), ("?", "In every list"), ("q", "SERVICE")) * 3:
                before = churn.acts
                terminal.press(key)
                terminal.wait_for(effect)
                while churn.acts == before:  # it goes on all the while
                    terminal.pump()
                    assert churn.failures == []
                if key == "q":
                    terminal.press("o")
                    terminal.wait_for(f"+ {OTHERS} other")
            while churn.acts < ACTS:
                terminal.pump()
                assert is_well(terminal), terminal.text
                assert churn.failures == []
            lasting.docker("stop", lasting.container(DB))
            terminal.wait_until(lambda: service_rows(terminal)[DB][0] in "○✕", "the stopped database")
            assert service_rows(terminal)[SERVER][0] not in "○✕", terminal.text
            lasting.docker("start", lasting.container(DB))
            terminal.wait_until(lambda: is_well(terminal), "the database again")
            assert churn.failures == []
            print(f"{churn.acts / (time.monotonic() - churn.began):.0f} starts and stops a second")
        lists = proxy.count("/containers/json")
        assert proxy.most_at_once("/containers/json") == 1
        assert lists <= LISTS_A_SECOND * (time.monotonic() - began) + 5, "events are merged"


# A container that isn't the one that was confirmed


def removed(stack: StubStack, container: str) -> None:
    stack.docker("rm", "-f", container)


def renamed(stack: StubStack, container: str) -> None:
    stack.docker("rename", container, f"{container}-before")


def replaced(stack: StubStack, container: str) -> None:
    stack.docker("rm", "-f", container)
    stack.compose("up", "-d", DB)


@pytest.mark.parametrize(
    ("meanwhile", "words"),
    [
        (removed, "was replaced or removed since it was confirmed"),
        (renamed, "is now called"),
        (replaced, "was replaced or removed since it was confirmed"),
    ],
)
def test_only_what_was_confirmed_is_acted_on(
    lettaops: LettaOps, lasting: StubStack, meanwhile: Callable[[StubStack, str], None], words: str
) -> None:
    container = lasting.container(DB)
    with opened(lettaops) as terminal:
        select(terminal, DB)
        terminal.press("s")
        terminal.wait_for("y  do it")
        meanwhile(lasting, container)
        terminal.press("y")
        terminal.wait_for(words)
        activity = next(line for line in terminal.text.splitlines() if words in line)
        assert "Nothing was done" in activity, activity
        if meanwhile is not removed:
            state = "{{.State.Status}} {{.RestartCount}} {{.State.FinishedAt}}"
            now = lasting.docker("inspect", "--format", state, lasting.container(DB))
            assert now.split() == ["running", "0", "0001-01-01T00:00:00Z"], "it was never stopped"
        select(terminal, SERVER)
        terminal.press("d")
        terminal.wait_for("8283/tcp")
    audit = lettaops.state / "state" / "audit.jsonl"
    assert not audit.exists() or '"act":"stop"' not in audit.read_text()
    if meanwhile is renamed:
        lasting.docker("rename", f"{container}-before", container)


# The process, the terminal and the engine


def children(pid: int) -> list[int]:
    """The process ids of a process's children."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_killed_in_an_act_it_leaves_no_lock_and_starts_again(lettaops: LettaOps, lasting: StubStack) -> None:
    """Twice on one terminal: the second one finds it raw, as a SIGKILL leaves it."""
    name = f"{lasting.project}-stubborn"
    lasting.docker(
        *("run", "-d", "--name", name, "--label", f"com.docker.compose.project={lasting.project}"),
        *("--label", "com.docker.compose.service=stubborn", "--entrypoint", "sh"),
        *("ankane/pgvector:v0.5.1", "-c", "trap '' TERM; while :; do sleep 1; done"),
    )
    twice = ["sh", "-c", '"$@"; "$@"', "sh", *lettaops.command()]
    with Terminal(twice, lettaops.environ, columns=COLUMNS, rows=ROWS) as terminal:
        terminal.wait_for("stubborn")
        select(terminal, "stubborn")
        terminal.press("s")
        terminal.wait_for("y  do it")
        terminal.press("y")
        locks = lettaops.state / "state" / "locks"
        terminal.wait_until(lambda: any(locks.glob("*.lock")), "the lock of the act")
        [first] = children(terminal.process.pid)
        subprocess.run(["kill", "-KILL", str(first)], check=True)
        terminal.wait_until(lambda: children(terminal.process.pid) not in ([], [first]), "the second one")
        terminal.screen.reset()
        terminal.wait_for("stubborn")
        select(terminal, "stubborn")
        terminal.press("K")
        terminal.wait_for("y  do it")
        terminal.press("y")
        terminal.wait_for("is stopped: exit 137")
        terminal.press("q")
        assert terminal.end() == 0
    assert reports(lettaops) == []


def test_after_a_sleep_everything_is_current(lettaops: LettaOps, lasting: StubStack) -> None:
    with opened(lettaops) as terminal:
        terminal.signal(signal.SIGSTOP)
        terminal.wait_until(terminal.is_stopped, "stopped")
        lasting.docker("stop", lasting.container(DB))
        time.sleep(4)  # the fault itself: longer than every deadline of the watch
        terminal.signal(signal.SIGCONT)
        terminal.wait_until(lambda: service_rows(terminal).get(DB, " ")[0] in "○✕", "the stopped database")
        terminal.wait_until(lambda: not SILENT.search(title(terminal)), "a live engine")
        lasting.docker("start", lasting.container(DB))
        terminal.wait_until(lambda: is_well(terminal), "a live stack")


def test_storm_of_sizes(lettaops: LettaOps, lasting: StubStack) -> None:
    with opened(lettaops) as terminal:
        for columns, rows in [(20, 5), (1, 1), (300, 100), (2, 90), (160, 48), (80, 24), (59, 14)] * 6:
            terminal.resize(columns, rows)
            terminal.press("jdve?"[columns % 5])  # six times `?`: the help opens and closes
            terminal.pump(0.02)
        terminal.resize(40, 10)
        terminal.wait_for("40x10 is too small")
        terminal.resize(COLUMNS, ROWS)
        terminal.screen.reset()
        terminal.wait_until(lambda: is_well(terminal), "a live stack")


def test_frozen_engine_is_stale_and_the_keys_live(lettaops: LettaOps, lasting: StubStack) -> None:
    with opened(lettaops) as terminal:
        select(terminal, SERVER)
        lasting.daemon.freeze()
        try:
            terminal.wait_until(
                lambda: re.search(r"stale · [\d.]+ m?s$", title(terminal)), "stale and its age"
            )
            terminal.press("d")
            terminal.wait_for("memory limit")
            terminal.press("?")
            terminal.wait_for("In every list")
            terminal.press("q")
            before = age(terminal)
            terminal.wait_until(lambda: (age(terminal) or 0) > (before or 0), "an age that grows")
            rows = service_rows(terminal)
            assert rows, terminal.text
            assert not any(row[0] in "○✕" for row in rows.values()), terminal.text
        finally:
            lasting.daemon.thaw()
        terminal.wait_until(lambda: is_well(terminal), "a live stack again")


def age(terminal: Terminal) -> float | None:
    """The age in the title, in seconds."""
    found = SILENT.search(title(terminal))
    if found is None:
        return None
    return 60 * int(found[1] or 0) + float(found[2]) / (1000 if found[3] == "ms" else 1)


def test_killed_engine_ends_no_container(lettaops: LettaOps, lasting: StubStack) -> None:
    """The containers outlive it; at no moment one is shown as ended."""
    seen: set[str] = set()

    def remember(condition: bool) -> bool:
        seen.update(row for row in service_rows(terminal).values() if row[0] in "○✕")
        return condition

    with opened(lettaops) as terminal:
        lasting.daemon.kill()
        terminal.wait_until(lambda: remember(bool(SILENT.search(title(terminal)))), "a silent engine")
        terminal.wait_for("The engine doesn't answer")
        lasting.daemon.start()
        terminal.wait_until(lambda: remember(is_well(terminal)), "a live stack again")
        assert seen == set()
