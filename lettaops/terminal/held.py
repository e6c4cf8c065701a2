"""The terminal as it was found, and the way back to it. Imports nothing but the standard library.

Made before anything is drawn, so that the way back is known whatever happens next: the first frame
enters the alternate screen, the driver takes over, and whoever ends the process calls `leave`.
"""

import os
import select
import termios
import time
from contextlib import suppress
from typing import Final, Protocol

_Attributes = list[int | list[bytes | int]]
ENTER: Final = b"\x1b[?1049h\x1b[?25l\x1b[?7l"
# Everything that we or Textual ever switch on, off again: synchronised output, mouse, paste, focus, kitty
# keys (popped before the alternate screen is left: each screen has its own stack), pen, wrap, cursor.
LEAVE: Final = (
    b"\x1b[?2026l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?2004l\x1b[?1004l\x1b[<u"
    b"\x1b[m\x1b[?7h\x1b[?1049l\x1b[?25h"
)
LINUX_CONSOLE_LEAVE: Final = b"\x1b[?1000l\x1b[m\x1b[?7h\x1b[?1049l\x1b[?25h"
_PATIENCE: Final = 0.15  # seconds; a terminal that takes nothing is left without its sequences
_LFLAG, _IFLAG, _CC = 3, 0, 6  # places in what `tcgetattr` gives


class Keys(Protocol):
    """Who reads the terminal until the driver does."""

    def release(self) -> None:
        """Stop soon."""

    def end(self) -> bytes:
        """Stop; what was read and not taken."""


class HeldTerminal:
    """A terminal that is ours for a while. `leave` may be called from any thread, any number of times."""

    def __init__(self, input_fd: int = 0, output_fd: int = 1, *, linux_console: bool = False) -> None:
        self.input_fd = input_fd
        self.output_fd = output_fd
        self.linux_console = linux_console
        self.entered = False
        # What the first frame drew: columns, rows, and the rows as (text, SGR parameters).
        self.painted: tuple[int, int, list[list[tuple[str, str]]]] | None = None
        self.keys: Keys | None = None
        self.chosen: str | None = None  # the container that the first frame's cursor was moved to
        self._typed = b""
        try:
            self.found: _Attributes | None = termios.tcgetattr(input_fd)
        except termios.error:
            self.found = None

    def enter(self, *, signals: bool, again: bool = False) -> None:
        """Take the terminal: alternate screen, cursor hidden, no wrap, keys one by one without echo.

        `signals`: Ctrl-C and the like still signal the process. In the alternate screen already: it is
        not entered a second time, which some terminals show as a blink, except `again`.
        """
        if not self.entered or again:
            self.entered = True
            self.write(ENTER)
        if self.found is not None:
            attributes: _Attributes = [*self.found[:_CC], list(_control_characters(self.found))]
            local, entry = _flags(attributes, _LFLAG), _flags(attributes, _IFLAG)
            local &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | (0 if signals else termios.ISIG))
            entry &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
            attributes[_LFLAG], attributes[_IFLAG] = local, entry
            characters = _control_characters(attributes)
            characters[termios.VMIN], characters[termios.VTIME] = 1, 0
            self._set(attributes)

    def leave(self) -> None:
        """Give the terminal back as it was found; nothing when it isn't held. Doesn't wait or raise."""
        if not self.entered:
            return
        self.entered = False
        if self.keys is not None:
            self.keys.release()
        self.write(LINUX_CONSOLE_LEAVE if self.linux_console else LEAVE)
        if self.found is not None:
            self._set(self.found)

    def end_keys(self) -> str | None:
        """Have the first frame read no more keys; the container that was chosen there, once."""
        keys, self.keys = self.keys, None
        if keys is not None:
            self._typed += keys.end()
        chosen, self.chosen = self.chosen, None
        return chosen

    def typed(self) -> bytes:
        """What the first frame read and didn't take, once."""
        typed, self._typed = self._typed, b""
        return typed

    def write(self, data: bytes) -> bool:
        """Write to the terminal while it takes it; whether all of it went out. Doesn't raise."""
        deadline = time.monotonic() + _PATIENCE
        while data:
            try:
                _, ready, _ = select.select((), (self.output_fd,), (), max(0.0, deadline - time.monotonic()))
                if not ready:
                    return False
                data = data[os.write(self.output_fd, data[:256]) :]  # as much as a ready tty takes at once
            except BlockingIOError:
                continue
            except (OSError, ValueError):
                return False
        return True

    def drop_input(self) -> None:
        """Forget keys and answers of the terminal that nobody read."""
        with suppress(termios.error):
            termios.tcflush(self.input_fd, termios.TCIFLUSH)

    def in_foreground(self) -> bool:
        """Whether the terminal is ours to use (`bg` in a shell: no). True where there is no job control."""
        try:
            return os.tcgetpgrp(self.input_fd) == os.getpgrp()
        except OSError:
            return True

    def size(self) -> tuple[int, int]:
        """Columns and rows; 80x24 when the terminal doesn't say."""
        for descriptor in (self.output_fd, self.input_fd):
            try:
                columns, rows = os.get_terminal_size(descriptor)
            except OSError:
                continue
            if columns > 0 and rows > 0:
                return columns, rows
        return 80, 24

    def _set(self, attributes: _Attributes) -> None:
        with suppress(termios.error):  # it is gone
            termios.tcsetattr(self.input_fd, termios.TCSANOW, attributes)


def _flags(attributes: _Attributes, place: int) -> int:
    value = attributes[place]
    return value if isinstance(value, int) else 0


def _control_characters(attributes: _Attributes) -> list[bytes | int]:
    value = attributes[_CC]
    return value if isinstance(value, list) else []
