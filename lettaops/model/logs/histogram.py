"""How many records, and how many errors, in each span of time: counted in slices, then kept current."""

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple

from lettaops.model.logs.block import Block
from lettaops.model.logs.buffer import LogBuffer
from lettaops.model.logs.level import Level
from lettaops.model.logs.query import Evaluator

SECOND_NS: Final = 1_000_000_000
_WIDTHS: Final = tuple(
    seconds * SECOND_NS
    for seconds in (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400)
)


class Bucket(NamedTuple):
    """Records of the span from `start_ns` on; errors are those of level ERROR and graver."""

    start_ns: int
    records: int
    errors: int


def bucket_width(span_ns: int, most: int) -> int:
    """The least customary width, in nanoseconds, of which at most `most` cover a span."""
    for width in _WIDTHS:
        if span_ns < width * (most - 1):
            return width
    day = _WIDTHS[-1]
    return day * (span_ns // (day * max(1, most - 1)) + 1)


class Histogram:
    """Counts of the records that pass a query, by the engine's time, in spans of one width."""

    def __init__(self, buffer: LogBuffer, evaluator: Evaluator, width_ns: int) -> None:
        self._buffer = buffer
        self._evaluator = evaluator
        self.width_ns = width_ns
        self._records: Counter[int] = Counter()
        self._errors: Counter[int] = Counter()
        self._counted = buffer.first

    @property
    def complete(self) -> bool:
        """Whether every record was counted."""
        return self._counted >= self._buffer.end

    def run(self) -> Iterator[None]:
        """Count what was not counted yet, one block at a step. Raises `TooSlow`."""
        while not self.complete:
            self._counted = max(self._counted, self._buffer.first)
            block = self._buffer.block_of(self._counted)
            self._count(block, self._counted - block.first)
            self._counted = block.end
            yield

    def buckets(self, most: int) -> list[Bucket]:
        """The newest spans, without gaps between them; none that is older than the oldest record held."""
        span = self._buffer.span_ns()
        if span is None:
            return []
        first, last = span[0] // self.width_ns, span[1] // self.width_ns
        return [
            Bucket(number * self.width_ns, self._records[number], self._errors[number])
            for number in range(max(first, last - most + 1), last + 1)
        ]

    def _count(self, block: Block, place: int) -> None:
        passing = self._evaluator.passing(block, place)
        if not passing:
            return
        block.fill_levels(place)
        first, times, levels, width = block.first, block.times, block.levels, self.width_ns
        self._records.update(times[seq - first] // width for seq in passing)
        self._errors.update(
            times[seq - first] // width for seq in passing if levels[seq - first] >= Level.ERROR
        )
