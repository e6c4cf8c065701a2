"""Keys while Textual is still being imported: they move the cursor of the first frame, and `q` leaves.

An operator who knows what to look at presses keys at once: half a second of loading must not make them
wait. Any other key, and all that follow it, are kept for the driver's parser. Imports as little as the
first frame.
"""

import os
import select
from contextlib import suppress
from threading import Thread
from typing import Final

from lettaops.terminal.capabilities import Capabilities
from lettaops.terminal.first_frame import FirstFrame, painted, sent
from lettaops.terminal.held import HeldTerminal

_MOVES: Final = {b"j": 1, b"k": -1, b"\x1b[B": 1, b"\x1b[A": -1, b"\x1bOB": 1, b"\x1bOA": -1}
_QUIT: Final = b"q"
_JOIN_SECONDS: Final = 0.5  # more than two rows take on a terminal that takes nothing


class FirstKeys:
    """Reads the terminal in a thread, until `end`. The row that was chosen is in `held.chosen`."""

    def __init__(self, held: HeldTerminal, frame: FirstFrame, capabilities: Capabilities) -> None:
        self._held = held
        self._frame = frame
        self._capabilities = capabilities
        self._unread = b""
        self._wake = os.pipe()
        self._thread = Thread(target=self._run, name="lettaops-first-keys", daemon=True)

    def start(self) -> None:
        """Begin, unless the terminal is another program's."""
        if self._held.in_foreground():
            self._held.keys = self
            self._thread.start()

    def release(self) -> None:
        """Stop reading soon. From any thread, or a signal handler."""
        with suppress(OSError):
            os.write(self._wake[1], b"x")

    def end(self) -> bytes:
        """Stop reading, and wait for it; what was read and not taken."""
        self.release()
        self._thread.join(_JOIN_SECONDS)
        if not self._thread.is_alive():
            os.close(self._wake[0])
            os.close(self._wake[1])
        return self._unread

    def _run(self) -> None:
        terminal, wake = self._held.input_fd, self._wake[0]
        with suppress(OSError, ValueError):  # it was hung up: the signal that tells it is on its way
            while True:
                ready, _, _ = select.select((terminal, wake), (), ())
                if wake in ready:
                    return
                data = os.read(terminal, 256)
                if not data or not self._take(data):
                    return

    def _take(self, data: bytes) -> bool:
        """Take the keys from the front that are known here; False when there is another one."""
        rest, self._unread = self._unread + data, b""
        while rest:
            known = next((key for key in (*_MOVES, _QUIT) if rest.startswith(key)), None)
            if known is None:
                self._unread = rest
                return any(key.startswith(rest) for key in _MOVES)  # the rest of it may be on its way
            if known == _QUIT:
                self._leave()
                return False
            self._move(_MOVES[known])
            rest = rest[len(known) :]
        return True

    def _move(self, by: int) -> None:
        keys = self._frame.keys
        at = max(0, min(len(keys) - 1, self._frame.cursor + by))
        if not keys or at == self._frame.cursor or self._held.painted is None:
            return
        self._frame = self._frame._replace(cursor=at)
        self._held.chosen = keys[at]
        columns, rows, old = self._held.painted
        new = painted(self._frame, self._capabilities)
        self._held.painted = (columns, rows, new)
        changed = {y: row for y, row in enumerate(new) if row != old[y]}
        self._held.write(sent(changed, self._capabilities))

    def _leave(self) -> None:
        self._held.leave()
        self._held.drop_input()
        os._exit(0)
