"""Records in few bytes: text as UTF-8 in blocks, the rest in arrays. Oldest blocks go first.

A record costs its text and 21 bytes, a fifth of what it costs as objects, so a million
short ones fit into tens of megabytes. Records are counted from 0 since the view was made;
this number, `seq`, never changes.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from rich.cells import cell_len

from lettaops.model.text import Safe

from .glyphs import Tone, has_wide

BLOCK_RECORDS: Final = 2048
BLOCK_BYTES: Final = 64 * 1024
_RECORD_OVERHEAD: Final = 21  # bytes in the arrays for each record
_BLOCK_OVERHEAD: Final = 1024
_NO_TIME: Final = float("-inf")
_TONES: Final = tuple(Tone)
_TONE_NUMBERS: Final = {tone: number for number, tone in enumerate(_TONES)}


class Record(msgspec.Struct, frozen=True):
    """One line of a log or one event. `time`: seconds since the epoch, None for unknown."""

    time: float | None
    source: Safe
    tone: Tone
    text: Safe


class _Block:
    """Some records that follow each other, and are dropped together."""

    __slots__ = ("cells", "ends", "sources", "text", "times", "tones")

    def __init__(self) -> None:
        self.text: bytes | bytearray = bytearray()
        self.ends = array("I")
        self.times = array("d")
        self.sources = array("I")
        self.tones = array("B")
        self.cells = array("i")

    @property
    def bytes(self) -> int:
        return len(self.text) + len(self.ends) * _RECORD_OVERHEAD + _BLOCK_OVERHEAD

    def line(self, at: int) -> str:
        return self.text[self.ends[at - 1] if at else 0 : self.ends[at]].decode()


class RecordStore:
    """The newest records, in at most `limit` bytes (but always one block, and each record whole)."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._blocks: list[_Block] = []
        self._firsts: list[int] = []  # seq of each block's first record
        self._sources: list[Safe] = []
        self._source_numbers: dict[Safe, int] = {}
        self._closed_bytes = 0  # of all blocks but the last
        self.first = 0
        self.end = 0
        self.dropped = 0
        self.widest = 0  # cells of the widest text there was

    def __len__(self) -> int:
        return self.end - self.first

    @property
    def bytes(self) -> int:
        """What the records take."""
        return self._closed_bytes + (self._blocks[-1].bytes if self._blocks else 0)

    def append(self, records: Iterable[Record]) -> None:
        """Adds records behind the newest; drops the oldest blocks beyond the limit."""
        block = self._blocks[-1] if self._blocks else self._new_block()
        most = min(BLOCK_BYTES, max(1, self.limit // 8))
        for record in records:
            if len(block.ends) >= BLOCK_RECORDS or len(block.text) >= most:
                block = self._new_block()
                self._drop()
            text: str = record.text.replace("\n", "␊") if "\n" in record.text else record.text
            block.text += text.encode("utf-8", "replace")
            block.ends.append(len(block.text))
            block.times.append(_NO_TIME if record.time is None else record.time)
            block.sources.append(self._source_number(record.source))
            block.tones.append(_TONE_NUMBERS[record.tone])
            cells = len(text) if text.isascii() else cell_len(text)
            # A negative width tells of characters that are not one cell wide.
            block.cells.append(-cells - 1 if has_wide(text) else cells)
            self.widest = max(self.widest, cells)
            self.end += 1
        self._drop()

    def clear(self) -> None:
        """Drops all records; they count as dropped."""
        self._blocks.clear()
        self._firsts.clear()
        self._closed_bytes = 0
        self.dropped += self.end - self.first
        self.first = self.end

    def get(self, seq: int) -> Record:
        """A record that is held; IndexError otherwise."""
        block, at = self._find(seq)
        return self._record(block, at)

    def between(self, first: int, end: int) -> Iterator[Record]:
        """The records from `first` to before `end`, which are held."""
        while first < end:
            block, at = self._find(first)
            for place in range(at, min(len(block.ends), at + end - first)):
                yield self._record(block, place)
                first += 1

    def shape(self, seq: int) -> tuple[int, bool, bool]:
        """Cells of a text; whether it has neither time nor source; whether each character is one cell."""
        block, at = self._find(seq)
        cells = block.cells[at]
        alone = block.times[at] == _NO_TIME and not self._sources[block.sources[at]]
        return (cells, alone, True) if cells >= 0 else (-cells - 1, alone, False)

    def _record(self, block: _Block, at: int) -> Record:
        time = block.times[at]
        return Record(
            None if time == _NO_TIME else time,
            self._sources[block.sources[at]],
            _TONES[block.tones[at]],
            Safe(block.line(at)),
        )

    def _find(self, seq: int) -> tuple[_Block, int]:
        if not self.first <= seq < self.end:
            raise IndexError(seq)
        number = bisect_right(self._firsts, seq) - 1
        return self._blocks[number], seq - self._firsts[number]

    def _source_number(self, source: Safe) -> int:
        number = self._source_numbers.get(source)
        if number is None:
            number = self._source_numbers[source] = len(self._sources)
            self._sources.append(source)
        return number

    def _new_block(self) -> _Block:
        if self._blocks:
            last = self._blocks[-1]
            last.text = bytes(last.text)
            self._closed_bytes += last.bytes
        block = _Block()
        self._blocks.append(block)
        self._firsts.append(self.end)
        return block

    def _drop(self) -> None:
        gone = 0
        while len(self._blocks) - gone > 1 and self.bytes > self.limit:
            self._closed_bytes -= self._blocks[gone].bytes
            gone += 1
        if gone:
            first = self._firsts[gone]
            del self._blocks[:gone], self._firsts[:gone]
            self.dropped += first - self.first
            self.first = first
