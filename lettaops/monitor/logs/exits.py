"""How runs of containers ended, by the engine's events: a container that runs again doesn't tell any more."""

import asyncio
import contextlib
from collections import OrderedDict
from typing import Final

from lettaops.model.engine import Event

_KEPT: Final = 1000
_LATE_SECONDS: Final = 0.15  # an event may come later than the container shows; the merge waits longer


class Exits:
    """The exit status of each container's last run."""

    def __init__(self) -> None:
        self._codes: OrderedDict[str, tuple[int, int | None]] = OrderedDict()
        self._news = asyncio.Event()

    def note(self, event: Event) -> None:
        """Remember what a `die` event tells."""
        self._codes[event.id] = (event.time_ns, event.exit_code)
        self._codes.move_to_end(event.id)
        if len(self._codes) > _KEPT:
            self._codes.popitem(last=False)
        self._news.set()

    def known(self, container_id: str) -> int | None:
        """The exit status of the last run that was seen to end; None when none was."""
        return self._codes.get(container_id, (0, None))[1]

    async def after(self, container_id: str, start_ns: int) -> int | None:
        """The exit status of the run that began at a moment, or a later one; None when it isn't told."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LATE_SECONDS):
                while self._codes.get(container_id, (0, None))[0] < start_ns:
                    self._news.clear()
                    await self._news.wait()
        time_ns, code = self._codes.get(container_id, (0, None))
        return code if time_ns >= start_ns else None
