"""The records that are kept: all services together, in order of arrival, in bounded memory.

Bytes as they came, in blocks; the rest in arrays. A record takes its bytes and about 17 more. Records are
counted from 0 since the buffer was made; this number, `seq`, never changes. Oldest blocks go first.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final

import msgspec

from lettaops.model.logs.block import MOST_SOURCES, Block, Source
from lettaops.model.logs.level import Level
from lettaops.model.logs.line import NO_TIME, LogLine
from lettaops.model.text import Safe

DEFAULT_LIMIT: Final = 32 * 1024 * 1024
BLOCK_RECORDS: Final = 1024
BLOCK_DATA: Final = 32 * 1024


class Loss(msgspec.Struct, frozen=True):
    """What is no longer held of one service: records, their lines, and their bytes."""

    records: int = 0
    lines: int = 0
    bytes: int = 0


class LogBuffer:
    """The newest records, in at most `limit` bytes of memory (but always one block)."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._limit = limit
        self._blocks: list[Block] = []
        self._firsts: list[int] = []
        self._numbers: dict[Source, int] = {}  # in the table of the last block
        self._closed_bytes = 0
        self._dropped: dict[Safe, Loss] = {}
        self.first = 0
        self.end = 0

    def __len__(self) -> int:
        return self.end - self.first

    @property
    def held_bytes(self) -> int:
        """What the records take."""
        return self._closed_bytes + (self._blocks[-1].held_bytes if self._blocks else 0)

    @property
    def limit(self) -> int:
        """The most bytes that they may take. Setting a lower one drops at once."""
        return self._limit

    @limit.setter
    def limit(self, limit: int) -> None:
        self._limit = limit
        self._drop()

    @property
    def dropped(self) -> Mapping[Safe, Loss]:
        """What is no longer held, by service."""
        return self._dropped

    def extend(self, records: Sequence[LogLine]) -> None:
        """Add records behind the newest; the oldest go beyond the limit."""
        most = min(BLOCK_DATA, max(1, self._limit // 8))
        begun = 0
        while begun < len(records):
            block = self._blocks[-1] if self._blocks else self._new_block()
            room = min(BLOCK_RECORDS - len(block), MOST_SOURCES - len(block.table))
            if room <= 0 or len(block.data) >= most:
                self._new_block()
                self._drop()
                continue
            some = records[begun : begun + room]
            sizes = accumulate([len(record.raw) for record in some])
            fitting = bisect_left(list(sizes), most - len(block.data)) + 1  # the last may go beyond
            some = some[:fitting]
            block.add(some, self._sources(block, some))
            begun += len(some)
            self.end += len(some)
        self._drop()

    def clear(self) -> None:
        """Drop all records; they don't count as dropped."""
        self._blocks.clear()
        self._firsts.clear()
        self._closed_bytes = 0
        self.first = self.end

    def record(self, seq: int) -> LogLine:
        """A record that is held; IndexError otherwise."""
        block = self.block_of(seq)
        return block.record(seq - block.first)

    def between(self, first: int, end: int) -> Iterator[LogLine]:
        """The records from `first` to before `end`, as far as they are held."""
        for block in self.blocks(first, end):
            for at in range(max(0, first - block.first), min(len(block), end - block.first)):
                yield block.record(at)

    def level(self, seq: int) -> Level:
        """The level of a record that is held; IndexError otherwise."""
        block = self.block_of(seq)
        return block.level(seq - block.first)

    def at_time(self, time_ns: int) -> int:
        """The first record that isn't older than a moment; `end` when all are."""
        number = bisect_left(self._blocks, time_ns, key=lambda block: block.latest)
        if number >= len(self._blocks):
            return self.end
        block = self._blocks[number]
        return next((block.first + at for at, time in enumerate(block.times) if time >= time_ns), block.end)

    def span_ns(self) -> tuple[int, int] | None:
        """The time of the oldest record that has one, and the latest of all; None without any."""
        for block in self._blocks:
            for time in block.times:
                if time != NO_TIME:
                    return time, self._blocks[-1].latest
        return None

    # -- for what looks at all records -----------------------------------------------------

    def block_of(self, seq: int) -> Block:
        """The block that holds a record; IndexError when none does."""
        if not self.first <= seq < self.end:
            raise IndexError(seq)
        return self._blocks[bisect_right(self._firsts, seq) - 1]

    def blocks(self, first: int, end: int) -> Iterator[Block]:
        """The blocks with records from `first` to before `end`, oldest first."""
        number = max(0, bisect_right(self._firsts, first) - 1)
        while number < len(self._blocks) and self._blocks[number].first < end:
            yield self._blocks[number]
            number += 1

    # -- inside ----------------------------------------------------------------------------

    def _sources(self, block: Block, records: Sequence[LogLine]) -> bytes:
        """The place of each record's source in the block's table."""
        found = bytearray()
        container, stream, number = "", -1, 0
        for record in records:
            if record.container is not container or record.stream != stream:
                container, stream = record.container, record.stream
                source = (record.service, record.container, stream)
                if source not in self._numbers:
                    self._numbers[source] = len(block.table)
                    block.table.append(source)
                number = self._numbers[source]
            found.append(number)
        return bytes(found)

    def _new_block(self) -> Block:
        latest = NO_TIME
        if self._blocks:
            last = self._blocks[-1]
            last.close()
            self._closed_bytes += last.held_bytes
            latest = last.latest
        block = Block(self.end, latest)
        self._blocks.append(block)
        self._firsts.append(self.end)
        self._numbers = {}
        return block

    def _drop(self) -> None:
        gone = 0
        while len(self._blocks) - gone > 1 and self.held_bytes > self._limit:
            block = self._blocks[gone]
            self._closed_bytes -= block.held_bytes
            self._count(block)
            gone += 1
        if gone:
            del self._blocks[:gone], self._firsts[:gone]
            self.first = self._firsts[0]

    def _count(self, block: Block) -> None:
        """Count the records of a block as dropped."""
        for number, (service, _, _) in enumerate(block.table):
            records, lines, size = block.share(number)
            before = self._dropped.get(service, Loss())
            self._dropped[service] = Loss(before.records + records, before.lines + lines, before.bytes + size)
