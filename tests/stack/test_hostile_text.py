"""Labels, environments and health output that others write never reach the terminal as a command."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.hostile import ATTACK, hostile_container
from tests.stack.lettaops_cli import ROOT, LettaOps
from tests.stack.terminal import on_a_terminal
from tests.testbed.stacks import StubStack

# What lettaops itself sends: to the first line and clear, before each repaint of `--watch`.
OURS = re.compile(rb"\x1b\[H\x1b\[2J")
ALLOWED = re.compile(
    r"[^\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]*"
)


@pytest.fixture
def lettaops(stub_stack: StubStack, tmp_path: Path) -> Iterator[LettaOps]:
    lettaops = LettaOps(stub_stack.daemon.host, stub_stack.project, tmp_path)
    with hostile_container(stub_stack):
        lettaops.wait_for(
            lambda each: any("healthcheck failed" in row["reason"] for row in each["services"]),
            "its health output",
        )
        yield lettaops


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
    done = lettaops.run("stop", "--yes", evil)
    assert done.returncode == 0, done.stdout + done.stderr
    assert lettaops.run("start", "--yes", evil).returncode == 0
    assert_clean(on_a_terminal(lettaops.command("audit"), lettaops.environ, ROOT))
    record = (lettaops.state / "state" / "audit.jsonl").read_text()
    assert "\x1b" not in record
    assert "\\u001b" not in record
