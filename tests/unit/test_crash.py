"""A fault of our own: no traceback on the screen, a report for its owner, and nothing secret in either."""

import json
import stat
import sys
from pathlib import Path

import pytest

from lettaops.cli.main import run
from lettaops.model.secrets import Secret
from tests.unit.programme import COMMAND, environment, ran

NOWHERE = ("--host", "unix:///nowhere/docker.sock")
FAULT = """
import sys
import lettaops.cli.main
import lettaops.cli.config
from lettaops.model.secrets import Secret
def broken(*_):
    Secret("correct-horse")
    password_in_a_local_variable = "tango-whiskey"
    raise ZeroDivisionError("password=sesame, correct-horse, correct\\x1b[0m-horse \\x1b]0;owned\\x07")
lettaops.cli.config._shown = broken
sys.exit(lettaops.cli.main.run(["config", "show"]))
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process with a state directory of its own and no configuration."""
    for name, value in environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path / "state"


def test_an_unforeseen_error_is_a_report_and_no_traceback(tmp_path: Path) -> None:
    done = ran(tmp_path, sys.executable, "-c", FAULT)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    assert "ZeroDivisionError" not in done.stderr
    assert "fault of lettaops itself" in done.stderr
    (report,) = (tmp_path / "state").iterdir()
    assert str(report) in done.stderr
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    text = report.read_text(encoding="utf-8")
    assert "ZeroDivisionError" in text
    assert "in broken" in text
    for secret in ("sesame", "correct-horse", "tango-whiskey", "\x1b"):
        assert secret not in text.replace('"tango-whiskey"', "").replace('"correct-horse"', "")


def test_where_no_report_can_be_written_it_still_says_so(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in the way")
    done = ran(tmp_path, sys.executable, "-c", FAULT)
    assert done.returncode == 1
    assert done.stderr == "lettaops: this is a fault of lettaops itself; no report could be written\n"


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("nonsense",), 2, "nonsense"),
        (("--profile", "absent", "config", "show"), 2, "there is no profile absent"),
        ((*NOWHERE, "--context", "x", "config", "show"), 2, "--host and --context"),
        ((*NOWHERE, "--read-only", "stop", "letta_server", "--yes"), 5, "read-only session (command line)"),
        ((*NOWHERE, "restart", "letta_server", "--yes"), 1, "/nowhere/docker.sock"),
        (("restart",), 2, "SERVICE"),
        (("stop", "x", "--timeout", "-1"), 2, "--timeout"),
    ],
)
def test_errors_are_words_and_an_exit_status(
    here: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], status: int, said: str
) -> None:
    assert run(words) == status
    out, err = capsys.readouterr()
    assert said in err
    assert "Traceback" not in err
    assert out == ""
    assert not here.exists(), "no report of it"


def test_a_silent_engine_is_an_answer_of_status(tmp_path: Path) -> None:
    done = ran(tmp_path, *COMMAND, *NOWHERE, "status", "--json")
    assert done.returncode == 12
    found = json.loads(done.stdout)
    assert found["overall"] == "unknown"
    assert found["schema"] == "lettaops/status/1"
    assert "/nowhere/docker.sock" in found["engine"]["reason"]


def test_a_secret_on_the_way_out_is_struck_in_errors_too(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Secret("correct-horse")
    assert run(["--profile", "correct-horse", "config", "show"]) == 2
    assert "correct-horse" not in capsys.readouterr().err
