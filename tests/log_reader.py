"""Takes what a feed of logs gives, in the background, and waits for it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from lettaops.model.logs.line import LogLine, Marker, marker_of
from lettaops.monitor.logs import FeedOptions, LogFeed
from lettaops.sources.engine import Engine


class LogReader:
    """The lines of a feed so far."""

    def __init__(self, feed: LogFeed) -> None:
        self.feed = feed
        self.lines: list[LogLine] = []
        self._news = asyncio.Event()
        self._fault: BaseException | None = None

    async def run(self) -> None:
        """Take batches until cancelled."""
        try:
            async for batch in self.feed:
                assert batch
                self.lines += batch
                self._news.set()
        except BaseException as error:
            self._fault = error
            self._news.set()
            raise

    @property
    def texts(self) -> list[str]:
        """The lines without the markers."""
        return [line.raw.decode() for line in self.lines if not line.is_marker]

    @property
    def markers(self) -> list[tuple[Marker, str]]:
        """The kinds and words of the markers."""
        return [marker_of(line.raw) for line in self.lines if line.is_marker]

    async def until(self, condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
        """Wait for something; AssertionError with the last lines when it doesn't come."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    if self._fault is not None:
                        raise self._fault
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            shown = [line.raw[:100] for line in self.lines[-20:]]
            raise AssertionError(f"{len(self.lines)} lines, but not {what}: {shown}") from None

    async def has(self, *texts: str) -> None:
        """Wait for lines."""
        await self.until(lambda: set(texts) <= set(self.texts), f"the lines {texts}")

    async def counted(self, markers: int) -> None:
        """Wait for so many markers."""
        await self.until(lambda: len(self.markers) >= markers, f"{markers} markers")

    async def told(self, kind: Marker, words: str = "") -> str:
        """Wait for a marker; its words."""

        def found() -> list[str]:
            return [said for each, said in self.markers if each is kind and words in said]

        await self.until(lambda: bool(found()), f"a marker {kind} {words!r}")
        return found()[0]


@contextlib.asynccontextmanager
async def reading(
    engine: Engine, options: FeedOptions, project: str | None = None
) -> AsyncIterator[LogReader]:
    """A reader at work."""
    async with LogFeed(engine, options, project=project) as feed:
        reader = LogReader(feed)
        task = asyncio.create_task(reader.run())
        try:
            yield reader
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def read(engine: Engine, options: FeedOptions, project: str | None = None) -> list[LogLine]:
    """All lines of a feed that ends."""
    async with asyncio.timeout(60), LogFeed(engine, options, project=project) as feed:
        return [line async for batch in feed for line in batch]
