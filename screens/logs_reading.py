"""Reading logs for a screen: into its buffer, only while somebody looks."""

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

import msgspec

from lettaops.model.errors import LettaopsError
from lettaops.model.logs.buffer import LogBuffer
from lettaops.monitor.logs import FeedOptions, LogFeed
from lettaops.monitor.logs.records import records_of

TAIL: Final = 1000  # lines of each container from before the screen is opened
LINES_A_SECOND: Final = 1500.0  # in the long run: many pages a second, more than anybody reads
LAG_SECONDS: Final = 2.0
REOPEN_SECONDS: Final = 0.5

OpenFeed = Callable[[FeedOptions], AbstractAsyncContextManager[LogFeed | None]]


class LogReading:
    """The feed of a screen. `run` it in a task; `arrived` is called when records were added.

    `interval`: seconds between two batches. While it pauses nothing is read; then it catches up from the end.
    """

    def __init__(
        self, open_feed: OpenFeed, buffer: LogBuffer, arrived: Callable[[], None], *, interval: float
    ) -> None:
        self._open = open_feed
        self._buffer = buffer
        self._arrived = arrived
        self._options = FeedOptions(
            tail=TAIL, follow=True, rate=LINES_A_SECOND, lag_s=LAG_SECONDS, interval=interval
        )
        self._feed: LogFeed | None = None
        self._reasons: set[str] = set()

    @property
    def paused(self) -> bool:
        """Whether nothing is read."""
        return bool(self._reasons)

    def pause(self, reason: str) -> None:
        """Read nothing as long as one of the reasons holds."""
        self._reasons.add(reason)
        if self._feed is not None:
            self._feed.pause()

    def resume(self, reason: str) -> None:
        """A reason holds no longer."""
        self._reasons.discard(reason)
        if not self._reasons and self._feed is not None:
            self._feed.resume()

    async def run(self) -> None:
        """Read until cancelled. Feeds that end, as they do with the watch they belong to, are begun again."""
        options = self._options
        while True:
            with contextlib.suppress(LettaopsError):  # the snapshots tell of it
                async with self._open(options) as feed:
                    if feed is not None:
                        await self._read(feed)
            if (span := self._buffer.span_ns()) is not None:
                options = msgspec.structs.replace(self._options, tail=None, since_ns=span[1] + 1)
            await asyncio.sleep(REOPEN_SECONDS)

    async def _read(self, feed: LogFeed) -> None:
        self._feed = feed
        if self._reasons:
            feed.pause()
        try:
            async with contextlib.aclosing(records_of(feed)) as batches:
                async for records in batches:
                    self._buffer.extend(records)
                    self._arrived()
        finally:
            self._feed = None
