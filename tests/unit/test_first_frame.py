"""The first frame: real states before anything slow is imported, and a way back at any moment."""

import asyncio
import os
import signal
import socket
import sys
import termios
from pathlib import Path

import pytest

from lettaops.model.cells import width
from lettaops.model.recognise import CHAIN_NAMES
from lettaops.model.signs import Tone
from lettaops.model.stack import Role
from lettaops.model.text import clean
from lettaops.terminal.capabilities import Capabilities
from lettaops.terminal.first_frame import FirstFrame, Span, lay_out, painted
from lettaops.terminal.first_look import Look, look
from tests.fakes.engine import FakeEngine, Reply, answer, error, hang, raw, stream, trickle
from tests.pty.terminal import Terminal

HEAVY = ("textual", "rich", "httpx", "asyncpg", "docker", "msgspec", "click", "asyncio", "psutil")


def listed(
    name: str, service: str, image: str, state: str = "running", project: str = "letta", **labels: str
) -> dict[str, object]:
    """A row of the engine's list."""
    compose = (
        {"com.docker.compose.project": project, "com.docker.compose.service": service} if project else {}
    )
    return {
        "Id": name * 4,
        "Names": [f"/{name}"],
        "Image": image,
        "Command": "x",
        "State": state,
        "Status": "Up 2 days" if state == "running" else "Exited (137) 3 minutes ago",
        "Labels": (compose if project else {}) | labels,
        "Ports": [{"PrivatePort": 80, "Type": "tcp"}],
    }


LETTA = [
    listed("letta-letta_db-1", "letta_db", "ankane/pgvector:v0.5.1", "exited"),
    listed("letta-letta_server-1", "letta_server", "letta/letta:latest"),
    listed("letta-letta_nginx-1", "letta_nginx", "nginx:stable-alpine"),
    listed("other-1", "web", "python:3", project="other"),
]


async def asked(
    engine: FakeEngine, reply: Reply, project: str | None = None, deadline: float = 10
) -> Look | None:
    """What is seen of an engine that replies so."""
    engine.on("/containers/json", reply)
    return await asyncio.to_thread(look, str(engine.path), project, deadline=deadline)


@pytest.fixture
async def engine(tmp_path: Path) -> FakeEngine:
    return FakeEngine(tmp_path / "docker.sock")


async def test_the_stack_is_chosen_by_the_rules_and_ordered_along_the_chain(engine: FakeEngine) -> None:
    async with engine:
        seen = await asked(engine, answer(LETTA))
    assert seen is not None
    assert (seen.project, seen.others) == ("letta", 1)
    assert [(each.service, each.role, each.state) for each in seen.members] == [
        ("letta_nginx", "proxy", "running"),
        ("letta_server", "server", "running"),
        ("letta_db", "database", "exited"),
    ]
    assert engine.requests[0].query == {"all": "1"}


async def test_one_off_containers_are_left_out(engine: FakeEngine) -> None:
    one_off = listed("run-1", "letta_server", "letta/letta", **{"com.docker.compose.oneoff": "True"})
    async with engine:
        seen = await asked(engine, answer([*LETTA, one_off]))
    assert seen is not None
    assert [each.name for each in seen.members].count(clean("run-1")) == 0


async def test_several_deployments_are_counted_and_one_can_be_named(engine: FakeEngine) -> None:
    both = [*LETTA, listed("b-1", "letta_server", "letta/letta", project="second")]
    async with engine:
        seen = await asked(engine, answer(both))
        named = await asked(engine, answer(both), "second")
    assert seen is not None
    assert (seen.members, seen.choices) == ((), 2)
    assert named is not None
    assert [each.name for each in named.members] == ["b-1"]


@pytest.mark.parametrize(
    "reply",
    [
        error(500, "boom"),
        raw(b"nonsense"),
        raw(b"HTTP/1.1 200 OK\r\n\r\n[{"),
        raw(b'HTTP/1.1 200 OK\r\n\r\n{"a": 1}'),
        raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000),
        raw(b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe"),
    ],
)
async def test_an_engine_that_answers_wrong_is_nothing_known(engine: FakeEngine, reply: Reply) -> None:
    async with engine:
        assert await asked(engine, reply) is None


async def test_strange_rows_do_no_harm(engine: FakeEngine) -> None:
    odd: dict[str, object] = {"Id": 5, "Names": None, "Labels": [], "Ports": 3}
    rows: list[object] = [None, 1, {}, odd, {"Names": [None], "Ports": [7, {}]}]
    async with engine:
        seen = await asked(engine, answer(rows))
    assert seen == Look(others=3)


@pytest.mark.parametrize(
    "reply", [hang(), hang(b"HTTP/1.1 200 OK\r\n\r\n["), trickle(b"HTTP/1.1 200 OK\r\n", 0.05)]
)
async def test_an_engine_that_hangs_costs_the_deadline(engine: FakeEngine, reply: Reply) -> None:
    async with engine, asyncio.timeout(20):  # without a deadline it would never end
        assert await asked(engine, reply, deadline=0.2) is None


def test_no_engine_and_no_permission(tmp_path: Path) -> None:
    assert look(str(tmp_path / "absent.sock")) is None
    assert look(str(tmp_path)) is None
    assert look("x" * 300) is None
    with socket.socket(socket.AF_UNIX) as full:  # takes nobody: nothing accepts, and the queue is full
        full.bind(str(tmp_path / "full.sock"))
        assert look(str(tmp_path / "full.sock")) is None


async def test_chunked_answers_are_left_to_the_real_client(engine: FakeEngine) -> None:
    async with engine:
        assert await asked(engine, stream(b"[]")) is not None  # bare to HTTP/1.0


def test_role_names_are_the_chain() -> None:
    assert tuple(Role) == CHAIN_NAMES


@pytest.mark.parametrize("seen", [None, Look(), Look(choices=3, others=9), Look(others=1)])
def test_without_members_it_says_that_it_looks(seen: Look | None) -> None:
    frame = lay_out("unix:///x", seen, 100)
    assert "looking" in frame.sentence[0][0].text
    assert frame.rows == ()


@pytest.mark.parametrize("size", [(160, 48), (80, 24), (20, 5), (1, 1), (300, 100)])
@pytest.mark.parametrize("ascii", [False, True])
def test_every_size_is_kept(size: tuple[int, int], ascii: bool) -> None:
    hostile = "漢" * 200 + "\x1b]0;x\x07\x1b[2J\u202e"
    lines = tuple((Span(hostile, Tone.BAD), Span("plain")) for _ in range(60))
    frame = FirstFrame((Span(hostile, Tone.ACCENT),), lines[:2], lines, lines[:2])
    rows = painted(frame, Capabilities(columns=size[0], rows=size[1], ascii=ascii))
    assert len(rows) == size[1]
    for row in rows:
        text = "".join(each for each, _ in row)
        assert width(text) <= size[0]
        assert text.isprintable()
        assert text.isascii() or not ascii


def test_without_colour_no_colour_is_sent() -> None:
    frame = lay_out("x", None, 80)
    rows = painted(frame, Capabilities(color=False))
    assert {pen for row in rows for _, pen in row} <= {"", "1", "2"}


def environment(place: Path) -> dict[str, str]:
    """Nothing of the operator's own."""
    return {"PATH": os.environ["PATH"], "HOME": str(place), "LETTAOPS_STATE_DIR": str(place / "state")}


async def drawn(engine: FakeEngine, place: Path, *rest: str) -> Terminal:
    """A terminal that shows the first frame."""
    command = [sys.executable, "-m", "tests.pty.first", str(engine.path), str(place / "modules"), *rest]
    terminal = Terminal(command, environment(place))
    await asyncio.to_thread(terminal.wait_until, (place / "modules").exists, "the first frame was drawn")
    await asyncio.to_thread(terminal.wait_for, "letta_db")
    return terminal


async def test_states_stand_on_the_screen_before_textual_is_imported(
    engine: FakeEngine, tmp_path: Path
) -> None:
    engine.on("/containers/json", answer(LETTA))
    async with engine:
        terminal = await drawn(engine, tmp_path)
        with terminal:
            assert "○ letta_db      …        exited  Exited (137) 3 minutes ago" in terminal.text
            assert "● letta_server  …        running  Up 2 days" in terminal.text
            assert "3 containers, 2 running; asking the services" in terminal.text
            loaded = {name.partition(".")[0] for name in (tmp_path / "modules").read_text().split()}
            assert not loaded & set(HEAVY)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
async def test_a_signal_during_it_restores_the_terminal(
    engine: FakeEngine, tmp_path: Path, number: signal.Signals
) -> None:
    engine.on("/containers/json", answer(LETTA))
    async with engine:
        terminal = await drawn(engine, tmp_path)
        with terminal:
            changed = terminal.attributes()
            assert changed != terminal.found
            terminal.signal(number)
            assert await asyncio.to_thread(terminal.end) == 128 + number
            assert terminal.attributes() == terminal.found
            assert terminal.raw.count(b"\x1b[?1049h") == terminal.raw.count(b"\x1b[?1049l") == 1
            assert terminal.raw.endswith(b"\x1b[?25h")


async def test_ctrl_c_during_it_restores_the_terminal(engine: FakeEngine, tmp_path: Path) -> None:
    engine.on("/containers/json", answer(LETTA))
    async with engine:
        terminal = await drawn(engine, tmp_path)
        with terminal:
            terminal.press("\x03")
            assert await asyncio.to_thread(terminal.end) == 130
            assert terminal.attributes() == terminal.found


async def test_the_application_takes_over_without_entering_the_screen_again(
    engine: FakeEngine, tmp_path: Path
) -> None:
    engine.on("/containers/json", answer(LETTA))
    async with engine:
        terminal = await drawn(engine, tmp_path, "app")
        with terminal:
            terminal.press("2")  # typed while Textual is still being imported: it is not lost
            (tmp_path / "modules").unlink()
            await asyncio.to_thread(terminal.wait_for, "second screen")
            assert "letta_db" not in terminal.text
            assert terminal.raw.count(b"\x1b[?1049h") == 1
            terminal.press("q")
            assert await asyncio.to_thread(terminal.end) == 0
            assert terminal.attributes() == terminal.found
            assert terminal.attributes()[3] == terminal.found[3]
            assert isinstance(terminal.found[3], int)
            assert terminal.found[3] & termios.ECHO
