"""Labels, environments and health output that others write never reach the terminal as a command."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.lettaops_cli import ROOT, LettaOps
from tests.stack.terminal import on_a_terminal
from tests.testbed.stacks import StubStack

ATTACKS = (
    "\x1b]52;c;ZXZpbA==\x07",  # writes the clipboard
    "\x1b]0;owned\x07",  # sets the title
    "\x1b[2J\x1b[H",  # clears the screen
    "\x9b31m",  # the 8-bit introducer
    "\x1bP0;1|17/ab\x1b\\",  # a device control string
    "\u202edesrever\u2066",  # turns the direction of text
    "\x1b]8;;http://evil/\x1b\\link",
    "[bold red]markup[/]",
    "\x08\x08\x08\r\x0b\x0c\x00".replace("\x00", ""),
)
ATTACK = "".join(ATTACKS)
# What lettaops itself sends: to the first line and clear, before each repaint of `--watch`.
OURS = re.compile(rb"\x1b\[H\x1b\[2J")
ALLOWED = re.compile(
    r"[^\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]*"
)


@pytest.fixture
def lettaops(stub_stack: StubStack, tmp_path: Path) -> Iterator[LettaOps]:
    name = f"{stub_stack.project}-hostile"
    stub_stack.docker(
        *("run", "-d", "--name", name, "--label", f"com.docker.compose.project={stub_stack.project}"),
        *("--label", f"com.docker.compose.service=evil{ATTACK}", "--label", f"x{ATTACK}=y{ATTACK}"),
        *("--env", f"LETTA_X={ATTACK}", "--env", f"A{ATTACK}=b", "--hostname", "evil"),
        *(
            "--health-cmd",
            f"printf '%s' '{ATTACK}'; exit 1",
            "--health-interval",
            "1s",
            "--health-retries",
            "1",
        ),
        *("--entrypoint", "sh", "ankane/pgvector:v0.5.1", "-c", "sleep 600"),
    )
    lettaops = LettaOps(stub_stack.daemon.host, stub_stack.project, tmp_path)
    try:
        lettaops.wait_for(
            lambda each: any("healthcheck failed" in row["reason"] for row in each["services"]),
            "its health output",
        )
        yield lettaops
    finally:
        stub_stack.docker("rm", "-f", name)


def assert_clean(written: bytes) -> None:
    text = OURS.sub(b"", written).decode("utf-8")
    assert ALLOWED.fullmatch(text), repr(text)
    assert "evil" in text


@pytest.mark.parametrize("arguments", [["status"], ["status", "--json"], ["stop", f"evil{ATTACK}"]])
def test_verbs_on_a_terminal(lettaops: LettaOps, arguments: list[str]) -> None:
    written = on_a_terminal(lettaops.command(*arguments), lettaops.environ, ROOT, until=b"Stop?")
    assert_clean(written)
    if arguments[0] == "status":
        assert b"healthcheck" in written


def test_watch_on_a_terminal(lettaops: LettaOps) -> None:
    written = on_a_terminal(
        lettaops.command("status", "--watch"), lettaops.environ, ROOT, until=b"healthcheck failed"
    )
    assert_clean(written)


def test_record_and_its_view(lettaops: LettaOps) -> None:
    document = lettaops.status()
    evil = next(each["name"] for each in document["services"] if each["name"].startswith("evil"))
    done = lettaops.run("pause", "--yes", evil)
    assert done.returncode == 0, done.stdout + done.stderr
    assert lettaops.run("unpause", "--yes", evil).returncode == 0
    assert_clean(on_a_terminal(lettaops.command("audit"), lettaops.environ, ROOT))
    record = (lettaops.state / "state" / "audit.jsonl").read_text()
    assert "\x1b" not in record
    assert "\\u001b" not in record
