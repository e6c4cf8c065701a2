"""The verbs that act: what is asked, where, and what is done without asking."""

import asyncio
import io
from pathlib import Path
from typing import Any

import click
import pytest

from lettaops.cli import act
from lettaops.cli.main import run
from lettaops.model.engine import ContainerState, ContainerStatus
from lettaops.model.errors import DeadlineExceeded
from lettaops.model.text import Safe
from lettaops.operations.plan import Plan, make_plan
from tests.unit.build import database, exited, running, server, stack_of

PAUSED = ContainerState(status=ContainerStatus.PAUSED)


class World:
    """Plans on a stack that is made up, and the plans that were executed."""

    def __init__(self) -> None:
        self.state = running()
        self.executed: list[Plan] = []

    async def plan(self, session: Any, action: Any, names: Any, *, grace_s: Any, signal: str) -> Plan:
        stack = stack_of(database(), server(state=self.state))
        signal = signal if action.takes_signal else ""
        return make_plan(action.act, stack, names, engine=Safe("here"), signal=signal)

    async def execute(self, session: Any, plan: Plan) -> int:
        self.executed.append(plan)
        return 0


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> World:
    made = World()
    monkeypatch.setattr(act, "_plan", made.plan)
    monkeypatch.setattr(act, "_execute", made.execute)
    monkeypatch.setenv("LETTAOPS_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("LETTAOPS_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    return made


def test_ctrl_c_at_the_question_leaves_all_alone(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def confirm(*_: Any, **__: Any) -> bool:
        with pytest.raises(RuntimeError):  # in a loop the first Ctrl-C would only cancel a task
            asyncio.get_running_loop()
        raise click.Abort

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "confirm", confirm)
    assert run(["stop", "letta_server"]) == 9
    assert "Nothing was done." in capsys.readouterr().err
    assert not world.executed


@pytest.mark.parametrize("verb", ["stop", "restart", "kill", "pause"])
def test_where_nobody_can_be_asked_yes_is_needed(
    world: World, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([verb, "letta_server"]) == 9
    said = capsys.readouterr().err
    assert f"{verb} needs --yes: nobody can be asked here" in said
    assert "Nothing was done." in said
    assert not world.executed
    assert run([verb, "--yes", "letta_server"]) == 0
    assert len(world.executed) == 1


@pytest.mark.parametrize(("verb", "state"), [("start", exited(0)), ("unpause", PAUSED)])
def test_what_costs_nothing_is_not_asked(
    world: World, verb: str, state: ContainerState, capsys: pytest.CaptureFixture[str]
) -> None:
    world.state = state
    assert run([verb, "letta_server"]) == 0
    assert len(world.executed) == 1
    assert f"{verb.capitalize()} in letta on here:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verb", "state", "words"),
    [
        ("start", running(), "runs already"),
        ("stop", exited(0), "is stopped already"),
        ("pause", PAUSED, "is paused already"),
    ],
)
def test_what_is_so_already(
    world: World, verb: str, state: ContainerState, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    world.state = state
    assert run([verb, "letta_server"]) == 0
    assert capsys.readouterr().out == f"letta_server {words}: nothing was done\n"
    assert not world.executed


@pytest.mark.parametrize("written", ["SIGTERM", "term", "15"])
def test_signals_by_any_of_their_names(world: World, written: str) -> None:
    assert run(["kill", "--yes", "--signal", written, "letta_server"]) == 0
    assert world.executed[0].signal == "SIGTERM"


@pytest.mark.parametrize("written", ["SIGNONSENSE", "0", "999", "", "--", "²"])
def test_what_is_no_signal(world: World, written: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kill", "--yes", "--signal", written, "letta_server"]) == 2
    assert "SIGHUP" in capsys.readouterr().err
    assert not world.executed


def test_an_act_on_a_frozen_engine_says_that_nothing_was_done(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def frozen(*_: Any, **__: Any) -> Plan:
        raise DeadlineExceeded("here did not answer within 2 s")

    monkeypatch.setattr(act, "_plan", frozen)
    assert run(["stop", "--yes", "letta_server"]) == 1
    assert "Nothing was done." in capsys.readouterr().err
