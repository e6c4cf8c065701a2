"""From the lines of a feed to the records that are asked for, as they come."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from lettaops.model.errors import UsageError
from lettaops.model.logs.assemble import QUIET_SECONDS, Assembler
from lettaops.model.logs.buffer import LogBuffer
from lettaops.model.logs.line import LogLine
from lettaops.model.logs.query import Evaluator, Query
from lettaops.model.logs.select import Selection
from lettaops.monitor.logs.feed import LogFeed
from lettaops.monitor.logs.limit import search_limit

_NO_LIMIT: Final = 1 << 62  # of bytes: it holds one batch at a time


async def records_of(feed: LogFeed, *, assembled: bool = True) -> AsyncGenerator[list[LogLine], None]:
    """Batches of records; not `assembled`: each line is one. Raises as the feed does."""
    if not assembled:
        async for batch in feed:
            yield batch
        return
    loop = asyncio.get_running_loop()
    assembler = Assembler()
    coming = asyncio.ensure_future(_next(feed))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=QUIET_SECONDS if assembler.waiting else None)
            if not done:
                records = assembler.flush(loop.time())
            elif lines := coming.result():
                records = assembler.feed(lines, loop.time())
                coming = asyncio.ensure_future(_next(feed))
            else:
                break
            if records:
                yield records
        if records := assembler.end():
            yield records
    finally:
        coming.cancel()


async def _next(feed: LogFeed) -> list[LogLine]:
    """The next batch; empty at the end."""
    try:
        return await anext(feed)
    except StopAsyncIteration:
        return []


class Sieve:
    """Lets pass what a query asks for. Raises `UsageError` where a part is no regular expression."""

    def __init__(self, query: Query) -> None:
        self._evaluator = Evaluator(query, search_limit) if query.parts else None

    def passing(self, records: list[LogLine]) -> list[LogLine]:
        """Those of the records. Raises `UsageError` for an expression that takes too long on one of them."""
        if self._evaluator is None:
            return records
        buffer = LogBuffer(_NO_LIMIT)
        buffer.extend(records)
        selection = Selection(buffer, self._evaluator)
        for _ in selection.run():
            pass
        if selection.refusal:
            raise UsageError(selection.refusal)
        return [records[seq] for at in range(len(selection)) if (seq := selection.at(at)) is not None]
