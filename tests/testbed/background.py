"""A program that runs beside the tests: started, waited for until it answers, and ended."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from .common import BedError, log_tail, wait_until


class Scoped:
    """A context manager around start() and close(); what a failed start left behind is closed too."""

    def start(self) -> None:
        """Begin; raises BedError when it does not come up."""
        raise NotImplementedError

    def close(self) -> None:
        """End and clear away; safe to call twice and after any failure."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Background:
    """One program at a time, with its output appended to `log`; `answers` tells whether it is ready."""

    def __init__(self, name: str, log: Path, answers: Callable[[], bool]) -> None:
        self.name = name
        self.log = log
        self._answers = answers
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether its process exists (a frozen one does)."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id; BedError when it isn't running."""
        if self._process is None or self._process.poll() is not None:
            raise BedError(f"{self.name} is not running")
        return self._process.pid

    def start(
        self,
        command: Sequence[str],
        timeout: float,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
    ) -> None:
        """Run `command` and wait until it answers; raises BedError when it ends or `timeout` seconds pass.

        The process stays for end() in that case too.
        """
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                cwd=cwd,
                start_new_session=True,  # Ctrl-C in a test run must not reach it before teardown does
                pass_fds=pass_fds,
            )
        self.wait_ready(timeout)

    def wait_ready(self, timeout: float) -> None:
        """Wait until it answers; BedError as for start()."""
        wait_until(self._answers_or_died, f"{self.name} to answer", timeout, log=self.log)

    def end(self, how: signal.Signals, timeout: float) -> None:
        """Send a signal and wait until the process is gone; nothing happens when it is."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(how)
        if how is signal.SIGTERM:
            process.send_signal(signal.SIGCONT)  # a frozen program could not see the SIGTERM
        wait_until(lambda: process.poll() is not None, f"{self.name} to end", timeout, log=self.log)

    def _answers_or_died(self) -> bool:
        if self._process is not None and not self.running:
            raise BedError(f"{self.name} ended with {self._process.returncode}{log_tail(self.log)}")
        return self._answers()
