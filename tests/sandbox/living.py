"""A sandbox as `lettaops demo --serve` runs it, and what a test does with it."""

import json
import os
import select
import signal
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Self

import httpx

from lettaops.sandbox.database.programs import find_programs
from lettaops.sandbox.engine import procfs
from tests.stack.lettaops_cli import COMMAND, ROOT, LettaOps
from tests.testbed import common

DEADLINE = 90.0  # seconds; generous, because a wait ends as soon as its condition holds


get = partial(httpx.get, timeout=DEADLINE, trust_env=False)  # a proxy of the environment isn't meant


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Poll until the condition holds."""
    common.wait_until(condition, what, DEADLINE)


class Sandboxes:
    """Where a test run keeps its sandboxes: not where the user's are. The finished database is shared."""

    def __init__(self, base: Path, cache: Path) -> None:
        self.base = base
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(cache),
            "LETTAOPS_SANDBOX_DIR": str(base),
            "LETTAOPS_CACHE_DIR": str(cache),
            "LETTAOPS_STATE_DIR": str(cache / "state"),
            "LETTAOPS_CONFIG": str(cache / "absent.toml"),
        }

    def start(self, *arguments: str) -> "Sandbox":
        """A sandbox that comes up; use it as a context manager."""
        return Sandbox(self, arguments)

    @property
    def directories(self) -> set[str]:
        """The directories of sandboxes that are there now."""
        return {each.name for each in self.base.iterdir()} if self.base.is_dir() else set()


class Sandbox:
    """One running sandbox. Leaving the context ends it, however the test ended."""

    def __init__(self, home: Sandboxes, arguments: tuple[str, ...]) -> None:
        self._home = home
        self._process = subprocess.Popen(
            [*COMMAND, "demo", "--serve", *arguments],
            env=home.environ,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.told: dict[str, Any] = {}

    def __enter__(self) -> Self:
        try:
            self.wait()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        self._close()

    def wait(self) -> None:
        """Wait until it says that it is up."""
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        ready = select.select([self._process.stdout], [], [], DEADLINE)[0]
        line = self._process.stdout.readline() if ready else b""
        if not line:
            self._process.kill()
            raise AssertionError(f"no sandbox came up: {self._process.stderr.read().decode()}")
        self.told = json.loads(line)
        self.lettaops = LettaOps(self.told["engine"], None, Path(self.told["directory"]) / "lettaops")
        self.lettaops.state.mkdir(mode=0o700, exist_ok=True)

    @property
    def pid(self) -> int:
        """Of the process that runs it."""
        return self._process.pid

    @property
    def directory(self) -> Path:
        """All of its files."""
        return Path(self.told["directory"])

    @property
    def processes(self) -> set[int]:
        """Its living processes: all below the first one, or with its mark in their environment."""
        below = procfs.descendants(procfs.table(), [self.pid])
        found = below | procfs.marked(f"LETTAOPS_SANDBOX={self.directory}")
        return {pid for pid in found if procfs.started(pid) is not None}

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end, and wait until it has; its exit status."""
        self._process.send_signal(number)
        return self.wait_for_end()

    def wait_for_end(self) -> int:
        """Wait until it has ended; its exit status."""
        return self._process.wait(DEADLINE)

    def psql(self, statement: str) -> str:
        """What Postgres answers to its owner, over the socket in the sandbox's directory."""
        data = self.directory / "database" / "data"
        port = (data / "postmaster.pid").read_text().splitlines()[3]
        sockets = self.directory / "database" / "sockets"
        done = subprocess.run(
            [
                find_programs().path("psql"),
                "-XqAt",
                "-h",
                sockets,
                "-p",
                port,
                "-U",
                "letta",
                "-c",
                statement,
            ],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def container(self, service: str) -> dict[str, Any]:
        """What the sandbox was told about one service: the entry of its specification."""
        spec = json.loads((self.directory / "spec.json").read_text())
        found = [each for each in spec["containers"] if each["service"] == service]
        assert len(found) == 1
        entry = found[0]
        assert isinstance(entry, dict)
        return entry

    @property
    def password(self) -> str:
        """Of its server."""
        return str(self.container("letta_server")["environment"]["LETTA_SERVER_PASSWORD"])

    def _close(self) -> None:
        try:
            self._process.wait(DEADLINE)
        finally:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdout, self._process.stderr):
                if pipe is not None:
                    pipe.close()
