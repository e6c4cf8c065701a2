"""How the command line ends: a reader that goes, Ctrl-C, a profile with acts that don't exist."""

import json
import os
import signal
import socket
import subprocess
import tomllib
from pathlib import Path

import msgspec
import pytest

from lettaops.cli.config import template
from lettaops.cli.main import run
from lettaops.cli.session import Options, Session
from lettaops.config.paths import StateDirectory
from lettaops.config.profile import Configuration, Profile
from lettaops.model.engine import ContainerStatus, ContainerSummary
from lettaops.model.errors import Refused, UsageError
from lettaops.model.text import Safe
from lettaops.monitor.observe import choose
from lettaops.operations.audit import AuditLog, Operator
from lettaops.operations.deed_plan import Deed
from lettaops.operations.execute import _failed
from lettaops.operations.plan import Act, make_plan
from tests.unit.build import database, exited, server, stack_of
from tests.unit.programme import COMMAND, environment, ran


@pytest.mark.parametrize(
    "words",
    [
        ["--version"],
        ["--help"],
        ["--ascii", "--version"],
        ["config", "schema"],
        ["stop", "--help"],
        ["completion", "bash"],
    ],
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
    assert not (tmp_path / "state").exists(), "no report of it"


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
    asked = {"_LETTAOPS_COMPLETE": "bash_complete", "COMP_WORDS": "lettaops sta", "COMP_CWORD": "1"}
    done = ran(tmp_path, *COMMAND, **asked)
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
    assert caught.value.next_step == f"known: {', '.join([*Act, *Deed])}"
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


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", ["--version", "--help", "config schema", "status"])
@pytest.mark.parametrize("redirection", [">/dev/full", ">&-"])
def test_a_stdout_that_can_not_be_written(
    tmp_path: Path, words: str, redirection: str, unbuffered: str
) -> None:
    host = f"--host unix://{tmp_path}/none.sock " if words == "status" else ""
    command = f"exec {' '.join(COMMAND)} {host}{words} {redirection}"
    done = ran(tmp_path, "sh", "-c", command, PYTHONUNBUFFERED=unbuffered)
    why = "No space left on device" if "full" in redirection else "Bad file descriptor"
    assert (done.returncode, done.stderr) == (1, f"lettaops: standard output can't be written: {why}\n")
    assert not list(tmp_path.glob("state/crash*"))


def test_no_terminal_is_refused_once(tmp_path: Path) -> None:
    done = ran(tmp_path, *COMMAND)
    assert done.returncode == 2
    assert done.stderr.count("lettaops status") == 1


def test_the_first_configuration_holds_every_field_and_is_right(tmp_path: Path) -> None:
    lines = [each.removeprefix("# ") for each in template().splitlines()]
    values = [each for each in lines if " = " in each or each.startswith("[")]
    raw = tomllib.loads("\n".join(values))
    assert set(raw["profiles"]["prod"]) == set(Profile.__struct_fields__)
    msgspec.convert(raw, Configuration)
    assert "Refuse every act:" in lines


def test_the_record_as_json_is_whole_unless_told_otherwise(
    state: StateDirectory, me: Operator, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog(state, me)
    for _ in range(60):
        log.intend("stop", {}, {})
    with log.path.open("a") as file:
        file.write("nonsense\n")
    monkeypatch.setenv("LETTAOPS_STATE_DIR", str(state.path))
    assert run(["audit", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)["records"]
    assert len(records) == 61
    assert records[-1] == {"line": 61, "broken": "the line is no audit record"}
    assert run(["audit", "--json", "--last", "2"]) == 0
    assert len(json.loads(capsys.readouterr().out)["records"]) == 2
    assert run(["audit"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 51


def row(project: str) -> ContainerSummary:
    return ContainerSummary(
        id=project,
        name=Safe(project),
        image=Safe("x"),
        state=ContainerStatus.RUNNING,
        status=Safe("Up"),
        labels={Safe("com.docker.compose.project"): Safe(project)} if project else {},
    )


def test_an_unknown_project_is_told_those_that_were_seen() -> None:
    with pytest.raises(UsageError) as caught:
        choose([], "leta", [row("web"), row("letta"), row("letta"), row("")])
    assert caught.value.next_step == "projects seen: letta, web"
    with pytest.raises(UsageError) as caught:
        choose([], "leta", [row("")])
    assert caught.value.next_step == "no container here belongs to a compose project"
