"""The thread that writes to the terminal, so that nothing else ever waits for it."""

import os
import select
import threading
from collections.abc import Callable
from typing import Final

_PIECE: Final = 64 * 1024


class Writer:
    """Writes in the background, in order. Never raises and never blocks its callers.

    `on_lost` is called in the writing thread, once, when the terminal is gone (EIO): what is
    written then is dropped.
    """

    def __init__(self, descriptor: int, on_lost: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._on_lost = on_lost
        self._changed = threading.Condition()
        self._queue: list[bytes] = []
        self._pending = 0
        self._stopping = False
        self._lost = False
        self._on_drained: Callable[[], None] | None = None
        self._thread = threading.Thread(target=self._run, name="lettaops-terminal", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> int:
        """Bytes that the terminal has not taken yet."""
        return self._pending

    def write(self, data: bytes) -> None:
        """Queue bytes."""
        with self._changed:
            if not (self._lost or self._stopping):
                self._queue.append(data)
                self._pending += len(data)
                self._changed.notify_all()

    def when_drained(self, call: Callable[[], None]) -> None:
        """Call once, in the writing thread, when everything is out; at once when it is already."""
        with self._changed:
            if self._pending and not self._lost:
                self._on_drained = call
                return
        call()

    def stop(self, timeout: float) -> bool:
        """Write what is queued, then end; whether that was done within `timeout` seconds."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout)
        return not self._thread.is_alive() and not self._lost

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._stopping)
                if not self._queue:
                    return
                data = b"".join(self._queue)
                self._queue.clear()
            lost = not self._write(data)
            with self._changed:
                self._lost = lost
                self._pending = 0 if lost else self._pending - len(data)
                call, self._on_drained = (
                    (None, self._on_drained) if self._pending else (self._on_drained, None)
                )
            if lost:
                self._on_lost()
                return
            if call is not None:
                call()

    def _write(self, data: bytes) -> bool:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._descriptor, view[:_PIECE]) :]
            except BlockingIOError:  # another program left the terminal non-blocking
                select.select((), (self._descriptor,), ())
            except OSError:
                return False
        return True
