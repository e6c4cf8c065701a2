"""Two operators at one engine: both watch, and only one acts on a service at a time."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.fakes.unix_proxy import UnixProxy
from tests.stack.lettaops_cli import COMMAND, ROOT, LettaOps
from tests.testbed.stacks import DB, SERVER, StubStack

OTHER_ACCOUNT = 54321
SHARED_GROUP = 54322


@pytest.fixture
def stubborn(stub_stack: StubStack) -> str:
    """A service of the stack that takes no notice of its stop signal."""
    name = f"{stub_stack.project}-stubborn"
    stub_stack.docker(
        *("run", "-d", "--name", name, "--label", f"com.docker.compose.project={stub_stack.project}"),
        *("--label", "com.docker.compose.service=stubborn", "--entrypoint", "sh"),
        *("ankane/pgvector:v0.5.1", "-c", "trap '' TERM; while :; do sleep 1; done"),
    )
    return "stubborn"


def test_second_operator_is_refused_with_the_first_ones_name(
    stub_stack: StubStack, stubborn: str, tmp_path: Path
) -> None:
    state = tmp_path / "shared"
    state.mkdir()
    os.chown(state, 0, SHARED_GROUP)
    state.chmod(0o2770)
    for folder in [tmp_path, *tmp_path.parents][:-2]:
        folder.chmod(folder.stat().st_mode | 0o011)
    first = LettaOps(stub_stack.daemon.host, stub_stack.project, tmp_path)
    first.environ |= {"LETTAOPS_STATE_DIR": str(state), "SUDO_USER": "ada"}
    with UnixProxy(stub_stack.daemon.host.removeprefix("unix://")) as socket:
        socket.path.parent.chmod(0o755)
        socket.path.chmod(0o666)
        acting = subprocess.Popen(
            first.command("stop", "--yes", "--timeout", "20", stubborn), env=first.environ, cwd=ROOT
        )
        try:
            deadline = time.monotonic() + 15
            while not any(state.glob("locks/*.lock")):
                assert time.monotonic() < deadline
                assert acting.poll() is None
                time.sleep(0.02)
            second = [
                "setpriv",
                f"--reuid={OTHER_ACCOUNT}",
                f"--regid={SHARED_GROUP}",
                "--clear-groups",
                *COMMAND,
            ]
            place = ["--host", socket.host, "--project", stub_stack.project]
            environ = {
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
                "LETTAOPS_STATE_DIR": str(state),
                "LETTAOPS_CONFIG": str(tmp_path / "none.toml"),
                "PYTHONDONTWRITEBYTECODE": "1",
            }

            def run(*arguments: str) -> subprocess.CompletedProcess[str]:
                return subprocess.run(
                    [*second, *place, *arguments],
                    env=environ,
                    cwd=ROOT,
                    capture_output=True,
                    text=True,
                    timeout=30,
                    check=False,
                )

            refused = run("restart", "--yes", stubborn)
            assert refused.returncode == 4, refused.stdout + refused.stderr
            assert "ada" in refused.stderr, refused.stderr
            assert "stop on stubborn" in refused.stderr
            watched = run("status")
            assert SERVER in watched.stdout, "watching is never refused"
            other = run("restart", "--yes", "--timeout", "1", DB)
            assert other.returncode == 0, other.stdout + other.stderr
        finally:
            acting.wait(40)
    assert acting.returncode == 0
    verified = subprocess.run(
        [sys.executable, "-m", "lettaops", "audit", "verify"],
        env=first.environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
