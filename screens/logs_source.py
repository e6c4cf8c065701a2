"""The records of a log buffer as a view draws them: filtered, searched, parsed when they are seen."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from lettaops.model.logs.buffer import LogBuffer
from lettaops.model.logs.level import Level
from lettaops.model.logs.pattern import Limiter, Match, Searcher, TooSlow
from lettaops.model.logs.query import AtLeast, Evaluator, Include, Part, Query
from lettaops.model.logs.select import TOO_SLOW, Found, seek
from lettaops.model.text import Safe

from .logs_record import drawn_record
from .widgets.store import Record

MOST_DRAWN: Final = 1024  # records kept as they are drawn
_SLACK: Final = 8  # cells that a parsed line may be longer than its bytes: the word for its level


class LogRecords:
    """A `RecordSource` over a `LogBuffer`.

    `raw`: lines as they came, with their colours, instead of parsed ones. `refusal`: why the filter or the
    search was given up, empty else. `refused` is called when that happens.
    """

    def __init__(self, buffer: LogBuffer, limiter: Limiter, refused: Callable[[], None]) -> None:
        self.buffer = buffer
        self.query = Query()
        self.match: Match | None = None
        self.refusal = Safe()
        self._limiter = limiter
        self._refused = refused
        self._raw = False
        self._evaluator = Evaluator(self.query, limiter)
        self._searcher: Searcher | None = None
        self._drawn: dict[int, Record] = {}

    @property
    def first(self) -> int:
        """The oldest record that is held."""
        return self.buffer.first

    @property
    def end(self) -> int:
        """The number behind the newest."""
        return self.buffer.end

    @property
    def filtered(self) -> bool:
        """Whether the query has parts."""
        return bool(self.query.parts)

    @property
    def raw(self) -> bool:
        """Whether lines are drawn as they came."""
        return self._raw

    @raw.setter
    def raw(self, raw: bool) -> None:
        self._raw = raw
        self._drawn.clear()

    # -- what is asked for -----------------------------------------------------------------

    def set_query(self, query: Query) -> None:
        """Other records from now on. Raises `UsageError` where a part is no regular expression."""
        self._evaluator = Evaluator(query, self._limiter)
        self.query = query
        self.refusal = Safe()

    def set_search(self, match: Match | None) -> None:
        """Something else is looked for. Raises `UsageError` for what is no regular expression."""
        self._searcher = Searcher(match) if match is not None else None
        self.match = match
        self._drawn.clear()

    def narrowed(self, *parts: Part) -> Evaluator:
        """For the records that are shown, without markers, and pass further parts."""
        query = Query(self.query.parts, markers=False)
        for part in parts:
            query = query.having(part)
        return Evaluator(query, self._limiter)

    @property
    def evaluator(self) -> Evaluator:
        """For the records that are shown."""
        return self._evaluator

    def errors_from(self, direction: int) -> Callable[[int], Iterator[Found | None]]:
        """A search for the next error, or the one before."""
        return self._search(self.narrowed(AtLeast(Level.ERROR)), direction)

    def hits_from(self, match: Match, direction: int) -> Callable[[int], Iterator[Found | None]]:
        """A search for the next record with a hit, or the one before."""
        return self._search(self.narrowed(Include(match)), direction)

    def _search(self, evaluator: Evaluator, direction: int) -> Callable[[int], Iterator[Found | None]]:
        def search(start: int) -> Iterator[Found | None]:
            try:
                yield from seek(self.buffer, evaluator, start, direction)
            except TooSlow:
                self.refuse()

        return search

    def refuse(self) -> None:
        """An expression took too long: it isn't asked again."""
        self.refusal = TOO_SLOW
        self._refused()

    # -- for the view ----------------------------------------------------------------------

    def get(self, seq: int) -> Record:
        """A record that is held; IndexError otherwise."""
        record = self._drawn.get(seq)
        if record is None:
            line = self.buffer.record(seq)
            if len(self._drawn) >= MOST_DRAWN:
                self._drawn.clear()
            record = self._drawn[seq] = drawn_record(line, raw=self._raw)
            if not self._raw and self._searcher is not None and not self.marks(record.text):
                as_it_came = drawn_record(line, raw=True)
                if self.marks(as_it_came.text):  # the hit is in what parsing left out
                    record = self._drawn[seq] = as_it_came
        return record

    def fits(self, seq: int, cells: int) -> bool:
        """Whether its bytes do, of which no cell takes less than one, tabs apart."""
        block = self.buffer.block_of(seq)
        at = seq - block.first
        start, end = block.start(at), block.ends[at]
        if end - start + _SLACK > cells or block.cut.get(at):
            return False
        return block.data.find(b"\t", start, end) < 0 and block.lines_at(at) == 1

    def slice_before(self, end: int) -> int:
        """A block at a time."""
        return self.buffer.block_of(end - 1).first if end > self.buffer.first else self.buffer.first

    def passing(self, first: int, end: int) -> Sequence[int]:
        """Those that the query lets through; none once it was given up."""
        if not self.filtered:
            return range(max(first, self.first), end)
        found: list[int] = []
        for block in self.buffer.blocks(first, end) if not self.refusal else ():
            try:
                passing = self._evaluator.passing(block, max(0, first - block.first))
            except TooSlow:
                self.refuse()
                break
            found += passing[: bisect_left(passing, end)]
        return found

    def marks(self, line: str) -> Sequence[tuple[int, int]]:
        """Where what is looked for stands."""
        if self._searcher is None:
            return ()
        try:
            with self._limiter():
                return self._searcher.marks(line)
        except TooSlow:
            self._searcher = None
            self.refuse()
            return ()
