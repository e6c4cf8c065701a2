"""Keys that are pressed while Textual is still being imported, on a real terminal."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from lettaops.model.signs import CURSOR
from tests.fakes.engine import FakeEngine, answer, hang, stream
from tests.pty.terminal import Terminal
from tests.unit import build
from tests.unit.test_first_frame import LETTA, drawn, environment

NGINX, SERVER, DB = "letta_nginx", "letta_server", "letta_db"


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[FakeEngine]:
    """An engine with Letta's three containers."""
    async with FakeEngine(tmp_path / "docker.sock") as running:
        rows = [row | {"Id": build.identity(str(row["Names"]))} for row in LETTA]
        running.on("/containers/json", answer(rows))
        running.on("/events", stream(then="stay"))
        for row in rows:
            running.on(f"/containers/{row['Id']}/json", answer(inspected(row)))
        yield running


def inspected(row: dict[str, object]) -> dict[str, object]:
    """The inspect document of a row of the list."""
    names = row["Names"]
    assert isinstance(names, list)
    return {
        "Id": row["Id"],
        "Name": names[0],
        "Config": {"Image": row["Image"], "Labels": row["Labels"], "Env": []},
        "State": {"Status": row["State"], "Running": row["State"] == "running", "Pid": 0},
    }


def chosen(terminal: Terminal) -> str:
    """The service at the cursor."""
    row = next((line for line in terminal.screen.display if line.startswith(CURSOR)), "")
    return next((word for word in row.split() if word.startswith("letta_")), "")


async def until(terminal: Terminal, condition: Callable[[], object], what: str) -> None:
    await asyncio.to_thread(terminal.wait_until, condition, what)


@pytest.fixture
async def terminal(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[Terminal]:
    """The first frame, of a program that imports nothing more."""
    with await drawn(engine, tmp_path) as found:
        yield found


async def test_the_cursor_moves_at_once(terminal: Terminal) -> None:
    assert chosen(terminal) == NGINX
    steps = [("j", SERVER), ("\x1b[B", DB), ("j", DB), ("k", SERVER), ("\x1bOA", NGINX), ("k\x1b[A", NGINX)]
    for keys, service in [*steps, ("jj", DB)]:
        terminal.press(keys)
        await until(terminal, lambda service=service: chosen(terminal) == service, f"{keys!r}: {service}")  # type: ignore[misc]
    assert sum(line.startswith(CURSOR) for line in terminal.screen.display) == 1


async def test_a_key_that_comes_in_pieces(terminal: Terminal) -> None:
    for piece in ("\x1b", "[", "B"):
        terminal.press(piece)
        await asyncio.to_thread(terminal.pump, 0.05)
    await until(terminal, lambda: chosen(terminal) == SERVER, "the second row")


async def test_q_leaves_at_once_and_restores_the_terminal(terminal: Terminal) -> None:
    terminal.press("jq")
    assert await asyncio.to_thread(terminal.end) == 0
    assert terminal.attributes() == terminal.found
    assert terminal.raw.count(b"\x1b[?1049h") == terminal.raw.count(b"\x1b[?1049l") == 1


async def test_what_follows_another_key_is_kept_in_its_order(engine: FakeEngine, tmp_path: Path) -> None:
    with await drawn(engine, tmp_path, "app") as terminal:
        terminal.press("j2")
        await until(terminal, lambda: chosen(terminal) == SERVER, "the second row")
        terminal.press("j")  # after the 2, which isn't known here: for the application
        (tmp_path / "modules").unlink()
        await asyncio.to_thread(terminal.wait_for, "second screen")
        terminal.press("q")
        assert await asyncio.to_thread(terminal.end) == 0
        assert terminal.attributes() == terminal.found


async def test_the_dashboard_goes_on_with_the_row_that_was_chosen(engine: FakeEngine, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lettaops", "--host", f"unix://{engine.path}"]
    with Terminal(command, environment(tmp_path), columns=120, rows=30) as terminal:
        await until(terminal, lambda: chosen(terminal) == NGINX, "the first frame")
        terminal.press("j")
        await until(terminal, lambda: chosen(terminal) == SERVER, "the second row")
        done = "the second row of the table that comes after, with its title WHY"
        await until(terminal, lambda: "WHY" in terminal.text and chosen(terminal) == SERVER, done)
        terminal.press("j")
        await until(terminal, lambda: chosen(terminal) == DB, "the third row")
        terminal.press("q")
        assert await asyncio.to_thread(terminal.end) == 0
        assert terminal.attributes() == terminal.found


async def test_an_engine_that_goes_silent_does_not_keep_the_first_frame(
    engine: FakeEngine, tmp_path: Path
) -> None:
    engine.on("/version", hang())
    command = [sys.executable, "-m", "lettaops", "--host", f"unix://{engine.path}"]
    with Terminal(command, environment(tmp_path), columns=120, rows=30) as terminal:
        await until(terminal, lambda: chosen(terminal) == NGINX, "the first frame")
        terminal.press("?")
        await until(terminal, lambda: "elp" in terminal.text and chosen(terminal) == "", "the help")
        terminal.signal(signal.SIGTERM)
        assert await asyncio.to_thread(terminal.end) == 143
        assert terminal.attributes() == terminal.found
