"""Signals, and the hard end: a process that was told to go is gone soon, whatever hangs in it.

Python runs signal handlers in the main thread, which may sit in a system call that the signal did
not interrupt (it may be delivered to another thread). So the C handler's byte is read by a thread
of its own, which passes the signal on to the event loop and keeps the time. No other code may call
`loop.add_signal_handler`, which would take the byte away.
"""

import asyncio
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

_ARM: Final = 0  # no signal has this number


class Signals:
    """Calls in the event loop for signals, and `end`, in a thread, when the end takes too long."""

    def __init__(self, loop: asyncio.AbstractEventLoop, deadline: float, end: Callable[[], None]) -> None:
        self._loop = loop
        self._deadline = deadline
        self._end = end
        self._calls: dict[int, Callable[[], None]] = {}
        self._deadly: set[int] = set()
        self._before: dict[int, Any] = {}
        self._muted: frozenset[int] = frozenset()
        self.last_deadly = 0
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        with suppress(ValueError):  # not the main thread: no signals, the deadline works all the same
            signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        threading.Thread(target=self._run, name="lettaops-signals", daemon=True).start()

    def on(self, number: signal.Signals, call: Callable[[], None], *, deadly: bool = False) -> None:
        """Call in the event loop from now on. `deadly`: and the process has ended by the deadline."""
        with suppress(ValueError):
            before = signal.signal(number, _noted)
            self._before.setdefault(number, before)
            self._calls[number] = call
            if deadly:
                self._deadly.add(number)

    def off(self, number: signal.Signals) -> None:
        """Handle a signal as before."""
        if number in self._before:
            signal.signal(number, self._before.pop(number))

    @contextmanager
    def muted(self, *numbers: signal.Signals) -> Iterator[None]:
        """Do nothing about some signals for a while. They are not ignored, which a child would inherit."""
        self._muted = frozenset(numbers)
        try:
            yield
        finally:
            self._muted = frozenset()

    def arm(self) -> None:
        """The process has to end by the deadline from now. Again: no effect."""
        with suppress(OSError):
            os.write(self._write, bytes([_ARM]))

    def _run(self) -> None:
        until: float | None = None
        while True:
            wait = None if until is None else max(0.0, until - time.monotonic())
            if wait == 0 or not select.select((self._read,), (), (), wait)[0]:
                self._end()
                return
            for number in os.read(self._read, 64):
                if number in self._muted:
                    continue
                if number in self._deadly:
                    self.last_deadly = number
                if until is None and (number == _ARM or number in self._deadly):
                    until = time.monotonic() + self._deadline
                call = self._calls.get(number)
                if call is not None:
                    with suppress(RuntimeError):  # the loop has ended
                        self._loop.call_soon_threadsafe(call)


def _noted(number: int, frame: object) -> None:
    """The byte has been written; there is nothing to do here. A handler, so that it can be written at all."""
