"""lettaops as its user runs it: a process with arguments, its output and its exit status."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

COMMAND = [sys.executable, "-m", "lettaops"]
ROOT = Path(__file__).parents[2]


class LettaOps:
    """The command line against one engine and project, with a state directory of its own."""

    def __init__(self, host: str, project: str | None, state: Path) -> None:
        self.host = host
        self.project = project
        self.state = state
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(state),
            "LETTAOPS_STATE_DIR": str(state / "state"),
            "LETTAOPS_CONFIG": str(state / "config.toml"),
        }

    def command(self, *arguments: str) -> list[str]:
        """The words that start lettaops with these arguments."""
        chosen = ["--project", self.project] if self.project else []
        return [*COMMAND, "--host", self.host, *chosen, *arguments]

    def run(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run to the end; standard input is no terminal."""
        return subprocess.run(
            self.command(*arguments),
            env=self.environ,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def status(self) -> dict[str, Any]:
        """The object that `status --json` prints."""
        done = self.run("status", "--json")
        assert done.stdout, done.stderr
        document = json.loads(done.stdout)
        assert isinstance(document, dict)
        return document

    def wait_for(
        self, condition: Callable[[dict[str, Any]], bool], what: str, timeout: float = 20
    ) -> dict[str, Any]:
        """Ask for the status until it is as expected."""
        deadline = time.monotonic() + timeout
        while True:
            document = self.status()
            if condition(document):
                return document
            assert time.monotonic() < deadline, f"{what} was not seen in {timeout} s: {summary(document)}"

    def watch(self, *arguments: str) -> "Watch":
        """`status --watch --json` in the background."""
        return Watch(self.command("status", "--watch", "--json", *arguments), self.environ)


class Watch:
    """A running `status --watch --json`: the objects it has printed so far."""

    def __init__(self, command: list[str], environ: Mapping[str, str]) -> None:
        self.documents: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            command, env=dict(environ), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(10)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join(5)
            assert self._process.stdout is not None
            self._process.stdout.close()

    def wait_for(
        self, condition: Callable[[dict[str, Any]], bool], what: str, timeout: float = 30
    ) -> dict[str, Any]:
        """The first object from now on, or the newest one, that is as expected."""
        deadline = time.monotonic() + timeout
        with self._news:
            at = max(0, len(self.documents) - 1)
            while True:
                for document in self.documents[at:]:
                    if condition(document):
                        return document
                at = len(self.documents)
                left = deadline - time.monotonic()
                newest = summary(self.documents[-1]) if self.documents else "nothing"
                assert left > 0, f"{what} was not seen in {timeout} s; newest: {newest}"
                self._news.wait(left)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self.documents.append(json.loads(line))
                self._news.notify_all()


def service(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The entry of one service."""
    found = [each for each in document["services"] if each["name"] == name]
    assert len(found) == 1, f"{name} is in the status {len(found)} times"
    entry = found[0]
    assert isinstance(entry, dict)
    return entry


def summary(document: dict[str, Any]) -> str:
    """A status in short, for messages of failed tests."""
    verdicts = ", ".join(
        f"{each['name']} {each['verdict']} ({each['reason']})" for each in document["services"]
    )
    return f"{document['overall']}, engine {document['engine']['state']}: {document['sentence']} [{verdicts}]"
