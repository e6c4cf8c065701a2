"""What happens in the engine, told to whoever listens."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final, NamedTuple

from lettaops.sandbox.engine import clock

_REMEMBERED: Final = 2000
_BEHIND: Final = 10_000  # events that a listener who doesn't read may miss before it is given up


class Event(NamedTuple):
    """Something that happened to a thing of some kind ("container", "network"), at a moment."""

    kind: str
    action: str
    identity: str
    attributes: dict[str, str]
    moment: int

    def document(self) -> dict[str, object]:
        """As it stands in the answer of `GET /events`."""
        old_fields: dict[str, object] = {}
        if self.kind == "container":
            image = self.attributes.get("image", "")
            old_fields = {"status": self.action, "id": self.identity, "from": image}
        return {
            **old_fields,
            "Type": self.kind,
            "Action": self.action,
            "Actor": {"ID": self.identity, "Attributes": self.attributes},
            "scope": "local",
            "time": self.moment // clock.SECOND,
            "timeNano": self.moment,
        }


class Events:
    """The latest events, and those who wait for the next ones."""

    def __init__(self) -> None:
        self._latest: deque[Event] = deque(maxlen=_REMEMBERED)
        self._listeners: set[asyncio.Queue[Event | None]] = set()
        self._last = 0

    def emit(self, kind: str, action: str, identity: str, attributes: Mapping[str, str]) -> None:
        """Tell that something happened."""
        self._last = max(clock.now(), self._last + 1)
        event = Event(kind, action, identity, dict(sorted(attributes.items())), self._last)
        self._latest.append(event)
        for listener in list(self._listeners):
            if listener.qsize() > _BEHIND:
                self._listeners.discard(listener)
                listener.put_nowait(None)
            else:
                listener.put_nowait(event)

    async def listen(
        self, since: int | None, until: int | None, wanted: Callable[[Event], bool]
    ) -> AsyncIterator[Event]:
        """Events from now on, or from `since`, to `until`; for ever without it."""
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        if since is not None:
            for event in self._latest:
                if event.moment >= since:
                    queue.put_nowait(event)
        self._listeners.add(queue)
        try:
            while True:
                try:
                    async with asyncio.timeout(_seconds_to(until)):
                        found = await queue.get()
                except TimeoutError:
                    return
                if found is None or (until is not None and found.moment > until):
                    return
                if wanted(found):
                    yield found
        finally:
            self._listeners.discard(queue)


def _seconds_to(moment: int | None) -> float | None:
    return None if moment is None else max(0.0, (moment - clock.now()) / clock.SECOND)
