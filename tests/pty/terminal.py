"""A program on a terminal of its own: what it sent, what stands on the screen, and keys for it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

import pyte

DEADLINE = 30.0  # seconds; generous, because a wait ends as soon as its condition holds
_KITTY = re.compile(rb"\x1b\[[<>][0-9]*u")  # pyte prints their last letter
_UNFINISHED = re.compile(rb"\x1b(?:\[[<>?0-9;]*)?\Z")


class Terminal:
    """Starts `command` as the leader of a session on a new terminal. Use as a context manager."""

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str], *, columns: int = 100, rows: int = 30
    ) -> None:
        self.primary, secondary = pty.openpty()
        self.raw = bytearray()
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self._rest = b""
        self.resize(columns, rows, tell=False)
        self.found = termios.tcgetattr(self.primary)
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            command,
            env={"TERM": "xterm-256color", "LANG": "C.UTF-8", **environ},
            stdin=secondary,
            stdout=secondary,
            stderr=secondary,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 (no threads here)
        )
        os.close(secondary)
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.close()

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def pump(self, timeout: float = 0.05) -> bytes:
        """Read what has come, waiting at most `timeout` seconds for something."""
        if self._closed or not select.select([self.primary], [], [], timeout)[0]:
            return b""
        try:
            data = os.read(self.primary, 1 << 16)
        except OSError:  # EIO: nobody has the other side open
            return b""
        self.raw += data
        self.feed(data)
        return data

    def feed(self, data: bytes) -> None:
        """Bring the screen up to what came."""
        data = self._rest + data
        cut = _UNFINISHED.search(data)
        self._rest = data[cut.start() :] if cut else b""
        self._stream.feed(_KITTY.sub(b"", data[: cut.start()] if cut else data))

    def wait_until(self, condition: Callable[[], object], what: str = "") -> None:
        """Read until the condition holds; fails with what stands on the screen."""
        deadline = time.monotonic() + DEADLINE
        while not condition():
            assert time.monotonic() < deadline, f"{what or condition}: not in {DEADLINE} s:\n{self.text}"
            self.pump()

    def wait_for(self, text: str) -> None:
        """Read until a text stands on the screen."""
        self.wait_until(lambda: text in self.text, f"{text!r} on the screen")

    def settle(self, quiet: float = 0.4) -> None:
        """Read until nothing came for a while."""
        while self.pump(quiet):
            pass

    def press(self, keys: str) -> None:
        """Send keys as a terminal does."""
        os.write(self.primary, keys.encode())

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program."""
        self.process.send_signal(number)

    def resize(self, columns: int, rows: int, *, tell: bool = True) -> None:
        """Change the size; the kernel tells the program's process group."""
        fcntl.ioctl(self.primary, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        if tell:
            self.screen.resize(rows, columns)

    def attributes(self) -> list[object]:
        """The terminal's attributes as they are now."""
        return list(termios.tcgetattr(self.primary))

    def is_stopped(self) -> bool:
        """Whether the program is stopped by job control."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"

    def end(self) -> int:
        """Read until the program has ended; its exit status."""
        self.wait_until(lambda: self.process.poll() is not None, "end of the program")
        self.settle(0.05)
        return self.process.returncode

    def close(self) -> None:
        """Hang up."""
        if not self._closed:
            self._closed = True
            os.close(self.primary)
