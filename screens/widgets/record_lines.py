"""Records as lines of a width: filter, wrapping, what a screen row says. No widget."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from lettaops.model.cells import to_ascii

from .base import Piece, overlaid, sliced
from .glyphs import chop, fitting, skip
from .lines import LineIndex
from .prefix import Prefix
from .store import Record, RecordStore

Predicate = Callable[[Record], bool]

MOST_HITS: Final = 200  # marked in one record
_CHUNK: Final = 1024  # records indexed between two glances at the clock: some milliseconds
_SEEK_CHUNK: Final = 128
_MOST_MARKS: Final = 4  # characters a cell may hold: one and three combining marks


class RecordLines:
    """Held records, which of them are shown, and on which lines. `ascii` is asked when text is drawn."""

    def __init__(self, limit: int, prefix: Prefix, *, wrap: bool, ascii: Callable[[], bool]) -> None:
        self.store = RecordStore(limit)
        self.index = LineIndex(0, 0, filtered=False, wrapped=wrap)
        self.prefix = prefix
        self.wrap = wrap
        self.width = 0
        self.predicate: Predicate | None = None
        self.pattern: re.Pattern[str] | None = None
        self._ascii = ascii

    @property
    def widest(self) -> int:
        """Cells of the widest line there was."""
        return self.store.widest + self.prefix.cells

    @property
    def last(self) -> int | None:
        """The newest record shown."""
        return self.index.at(self.index.records - 1)

    def append(self, records: Sequence[Record]) -> int:
        """Adds records; how many of them are shown. Lines that were dropped are told by `forget_dropped`."""
        seq = self.store.end
        before = self.index.records
        self.store.append(records)
        if self.index.filtered or self.index.wrapped:
            for record in records:
                if seq >= self.store.first and (self.predicate is None or self.predicate(record)):
                    self.index.append(seq, self.height(seq))
                seq += 1
        self.index.looked_at(self.store.end)
        return self.index.records - before

    def forget_dropped(self) -> int:
        """Makes the index know what is held no longer; how many lines went."""
        return self.index.drop_before(self.store.first)

    def restart(self) -> bool:
        """Begins a new index; whether `slices` must fill it."""
        filtered = self.predicate is not None
        self.index = LineIndex(self.store.first, self.store.end, filtered=filtered, wrapped=self.wrap)
        return filtered or self.wrap

    def slices(self, added: Callable[[int], None]) -> Iterator[None]:
        """Fills the index from the newest record backwards; `added` is told of each lot of lines above."""
        index = self.index
        behind = index.end
        while behind > self.store.first:
            first = max(self.store.first, behind - _CHUNK)
            if self.predicate is None:
                shown = list(range(first, behind))
            else:
                records = enumerate(self.store.between(first, behind), first)
                shown = [seq for seq, record in records if self.predicate(record)]
            found = [(seq, self.height(seq)) for seq in shown]
            added(index.prepend(found, first))
            behind = first
            yield

    def hits(self, pattern: re.Pattern[str], start: int, direction: int) -> Iterator[tuple[int, bool] | None]:
        """Looks for the next record with a hit, once round. Ends with (seq, past the end) or without;
        None says that it may be interrupted."""
        at, wrapped, looked = start, False, 0
        while looked <= self.index.records:
            seq = self.index.at(self.index.place(at + 1) if direction > 0 else self.index.place(at) - 1)
            looked += 1
            if seq is not None:
                if pattern.search(self.store.get(seq).text):
                    yield seq, wrapped
                    return
                at = seq
            elif wrapped:
                return
            else:
                wrapped = True
                at = self.store.first - 1 if direction > 0 else self.store.end
            if looked % _SEEK_CHUNK == 0:
                yield None

    def height(self, seq: int) -> int:
        """Lines a record takes."""
        if not self.wrap or not self.width:
            return 1
        cells, alone, narrow = self.store.shape(seq)
        if narrow:
            return max(1, -(-(cells + (0 if alone else self.prefix.cells)) // self.width))
        record = self.store.get(seq)
        return len(chop(self._drawn_text(record), self.width))

    def text(self, record: Record) -> str:
        """A record as it reads, all of it."""
        pieces = self.prefix.pieces(record.time, record.source, ascii=self._ascii())
        return "".join(piece.text for piece in pieces) + record.text

    def texts(self, first: int, last: int) -> Iterable[tuple[int, str]]:
        """The shown records between two, by `seq`."""
        for place in range(self.index.place(first), self.index.records):
            seq = self.index.at(place)
            if seq is None or seq > last:
                break
            yield seq, self.text(self.store.get(seq))

    def draw(self, seq: int, part: int, side: int) -> tuple[tuple[Piece, ...], int]:
        """What is seen of a record on one of its lines, and which character of `text` that begins with."""
        pieces = self._pieces(self.store.get(seq))
        full = "".join(piece.text for piece in pieces)
        if self.wrap:
            starts = [*chop(full, self.width), len(full)]
            # While the width changes, a record may have fewer lines than the index says.
            start, end = (starts[part], starts[part + 1]) if part + 1 < len(starts) else (0, 0)
            return sliced(pieces, start, end), start
        start, half = skip(full, side)
        rest = full[start : start + self.width * _MOST_MARKS]
        seen = sliced(pieces, start, start + fitting(rest, self.width - half))
        return ((Piece(" " * half), *seen), start - half) if half else (seen, start)

    def _drawn_text(self, record: Record) -> str:
        text = self.text(record)
        return to_ascii(text) if self._ascii() else text

    def _pieces(self, record: Record) -> tuple[Piece, ...]:
        ascii = self._ascii()
        prefix = self.prefix.pieces(record.time, record.source, ascii=ascii)
        pieces = (*prefix, Piece(to_ascii(record.text) if ascii else record.text, record.tone.value))
        if self.pattern is not None:
            before = sum(len(piece.text) for piece in prefix)
            for number, hit in enumerate(self.pattern.finditer(record.text)):
                if number >= MOST_HITS:
                    break
                pieces = overlaid(pieces, before + hit.start(), before + hit.end(), "hit")
        return pieces
