"""A limit for searches with regular expressions, which can take time without bound on one line."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Final

from lettaops.model.logs.pattern import TooSlow

SEARCH_SECONDS: Final = 0.5  # of this process' own time; a block of records takes about a millisecond


@contextlib.contextmanager
def search_limit(seconds: float = SEARCH_SECONDS) -> Iterator[None]:
    """Raises `TooSlow` within the block after so much time. Works in the main thread; no limit elsewhere."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _passed)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _passed(number: int, frame: FrameType | None) -> None:
    raise TooSlow
