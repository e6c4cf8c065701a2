"""How the command line ends: a reader that goes, Ctrl-C, a profile with acts that don't exist."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lettaops.cli.main import run
from lettaops.cli.session import Options, Session
from lettaops.model.errors import Refused, UsageError
from lettaops.model.text import Safe
from lettaops.operations.execute import _failed
from lettaops.operations.plan import Act, make_plan
from tests.unit.build import database, exited, server, stack_of

COMMAND = (sys.executable, "-m", "lettaops")


def environment(place: Path) -> dict[str, str]:
    return os.environ | {
        "LETTAOPS_STATE_DIR": str(place / "state"),
        "LETTAOPS_CONFIG": str(place / "config.toml"),
    }


@pytest.mark.parametrize(
    "words",
    [["--version"], ["--help"], ["--ascii", "--version"], ["config", "schema"], ["stop", "--help"]],
    ids=" ".join,
)
def test_a_reader_that_is_gone_is_no_error(tmp_path: Path, words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*COMMAND, *words],
            stdin=subprocess.DEVNULL,
            stdout=writing,
            stderr=subprocess.PIPE,
            env=environment(tmp_path),
            timeout=30,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_ctrl_c_is_told_by_the_exit_status(tmp_path: Path) -> None:
    """Pressed while an engine is asked that takes the connection and never answers."""
    path = str(tmp_path / "engine.sock")
    with socket.socket(socket.AF_UNIX) as engine:
        engine.bind(path)
        engine.listen()
        process = subprocess.Popen(
            [*COMMAND, "--host", f"unix://{path}", "stop", "--yes", "letta_server"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(tmp_path),
        )
        engine.settimeout(20)
        connection, _ = engine.accept()
        with connection:
            process.send_signal(signal.SIGINT)
            out, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert (out, said.strip()) == (b"", b"")


def test_completion_still_completes(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND,
        env=environment(tmp_path)
        | {"_LETTAOPS_COMPLETE": "bash_complete", "COMP_WORDS": "lettaops sta", "COMP_CWORD": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.split() == ["plain,status", "plain,start"], done.stderr


def test_an_act_that_does_not_exist_can_not_be_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[profiles.default]\nallow = ['start', 'reboot']")
    with pytest.raises(UsageError) as caught:
        _ = Session(Options(), environment(tmp_path)).permission
    assert "reboot" in caught.value.what
    assert str(file) in caught.value.what
    assert caught.value.next_step == "known: start, stop, restart, kill, pause, unpause"
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    assert run(["config", "validate"]) == 2
    assert "reboot" in capsys.readouterr().err
    file.write_text("[profiles.default]\nallow = ['start', 'stop']")
    assert Session(Options(), environment(tmp_path)).permission.allow == ("start", "stop")
    assert run(["config", "validate"]) == 0


def test_a_failed_step_does_not_name_its_service_twice() -> None:
    stack = stack_of(database(), server(state=exited(0)))
    (step,) = make_plan(Act.START, stack, ["letta_server"], engine=Safe("here")).steps
    replaced = _failed(step, Refused("letta_server was replaced", not_done="Nothing was done."), 0.1)
    assert replaced.words == "was replaced. Nothing was done."
    assert _failed(step, Refused("stop was sent"), 0.1).words == "stop was sent"
