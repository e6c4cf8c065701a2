"""What every part of the test stack needs: errors, deadlines, commands, locks and ports."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

T = TypeVar("T")
LogSource = Path | Callable[[], str] | None

LOG_TAIL_LINES = 30


class BedError(RuntimeError):
    """The test stack could not do what was asked; the text says what and shows the log's end."""


def tail(text: str, lines: int = LOG_TAIL_LINES) -> str:
    """The last `lines` lines of `text`."""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def log_tail(log: LogSource) -> str:
    """The end of a log, ready to be put behind an error message; "" when there is none."""
    if log is None:
        return ""
    try:
        text = log.read_text(errors="replace") if isinstance(log, Path) else log()
    except (OSError, BedError) as exc:
        text = f"(the log could not be read: {exc})"
    name = f" of {log}" if isinstance(log, Path) else ""
    return f"\n--- end of the log{name} ---\n{tail(text)}"


def wait_until(
    condition: Callable[[], T | None],
    what: str,
    timeout: float,
    *,
    log: LogSource = None,
    interval: float = 0.05,
) -> T:
    """Poll `condition` every `interval` seconds until it is truthy and return that value.

    A BedError raised by `condition` ends the wait at once; OSError counts as "not yet".
    Raises BedError with `what`, the last OSError and the log's tail after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    last = ""
    while True:
        try:
            value = condition()
        except OSError as exc:
            value, last = None, f" (last error: {exc})"
        if value:
            return value
        if time.monotonic() >= deadline:
            raise BedError(f"waited {timeout:g} s for {what}{last}{log_tail(log)}")
        time.sleep(interval)


def run(
    command: Sequence[str | Path],
    *,
    timeout: float = 120,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    check: bool = True,
    log: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command without a standard input and return its output as text.

    With `log` the output is appended to that file instead of being returned.
    Raises BedError when it ends with an error (and `check`), is missing, or outlasts `timeout` seconds.
    """
    words = [str(word) for word in command]
    shown = " ".join(words)[:300]
    sink = log.open("a") if log else None
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=sink or subprocess.PIPE,
            stderr=subprocess.STDOUT if sink else subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=timeout,
            env=dict(env) if env is not None else None,
            cwd=cwd,
            check=False,
        )
    except FileNotFoundError as exc:
        raise BedError(f"{words[0]} is missing: run tests/testbed/install.sh as root ({exc})") from exc
    except subprocess.TimeoutExpired as exc:
        raise BedError(f"`{shown}` did not end within {timeout:g} s{log_tail(log)}") from exc
    finally:
        if sink:
            sink.close()
    if check and done.returncode:
        output = log_tail(log) if log else "\n" + tail((done.stdout or "") + (done.stderr or ""))
        raise BedError(f"`{shown}` ended with {done.returncode}{output}")
    return done


def require_root() -> None:
    """Raise BedError when this process may not start a Docker engine."""
    if os.geteuid() != 0:
        raise BedError("the real test stack starts its own dockerd: run it as root (on Debian)")


def free_ports(count: int) -> list[int]:
    """Ports on 127.0.0.1 that nobody listens on right now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [int(sock.getsockname()[1]) for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


class FileLock:
    """An exclusive flock on a file, which also tells who holds it.

    The kernel frees it when the holder dies, however it dies. acquire() waits `timeout` seconds for it.
    """

    def __init__(self, path: Path, what: str, timeout: float = 0) -> None:
        self.path = path
        self.what = what
        self.timeout = timeout
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._fd is not None

    def try_acquire(self) -> bool:
        """Take the lock if it is free; False when another process has it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        os.ftruncate(fd, 0)
        os.write(fd, f"process {os.getpid()}".encode())
        self._fd = fd
        return True

    def acquire(self) -> None:
        """Take the lock; BedError naming the holder when it doesn't get free in time."""
        try:
            wait_until(self.try_acquire, f"{self.what} to be free", self.timeout, interval=0.2)
        except BedError as exc:
            holder = self.path.read_text(errors="replace") or "another process"
            raise BedError(f"{exc}: {holder} is using it ({self.path})") from None

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
