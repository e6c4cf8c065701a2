"""Records as lines of a width: which are shown, wrapping, folding, what a screen row says. No widget."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from lettaops.model.cells import chop, fitting, skip, to_ascii, width

from .base import Piece, overlaid, sliced
from .lines import LineIndex
from .prefix import Prefix
from .store import Record, RecordSource

MOST_UNFOLDED: Final = 50  # each costs a little with every row that is drawn
_MOST_DRAWN: Final = 512  # lines kept as they are drawn: each is looked at before it is painted
_CHUNK: Final = 64  # records broken into lines between two glances at the clock
_MOST_MARKS: Final = 4  # characters a cell may hold: one and three combining marks
_INDENT: Final = "  "


class RecordLines:
    """The records of a source, which of them are shown, and on which lines. `ascii` is asked when drawing."""

    def __init__(
        self, source: RecordSource, prefix: Prefix, *, wrap: bool, ascii: Callable[[], bool]
    ) -> None:
        self.source = source
        self.index = LineIndex(source.first, source.end, filtered=source.filtered, wrapped=wrap)
        self._prefix = prefix
        self._drawn: dict[tuple[int, int, int], tuple[tuple[Piece, ...], int]] = {}
        self._drawn_for: object = None
        self.wrap = wrap
        self.width = 0
        self.widest = 0  # cells of the widest line that was drawn
        self._unfolded: dict[int, None] = {}  # in the order in which they were
        self._ascii = ascii

    @property
    def prefix(self) -> Prefix:
        """What stands before a record's text."""
        return self._prefix

    @prefix.setter
    def prefix(self, prefix: Prefix) -> None:
        self._prefix = prefix
        self.forget_drawn()

    def forget_drawn(self) -> None:
        """Draw everything anew: the same records look different now."""
        self._drawn.clear()

    @property
    def last(self) -> int | None:
        """The newest record shown."""
        return self.index.at(self.index.records - 1)

    def grow(self) -> int:
        """Takes in what came into the source since; how many of it are shown."""
        index, end = self.index, self.source.end
        before = index.records
        if index.filtered or index.wrapped:
            for seq in self.source.passing(max(index.end, self.source.first), end):
                index.append(seq, self.height(seq))
        index.looked_at(end)
        return index.records - before

    def forget_dropped(self) -> int:
        """Makes the index know what is held no longer; how many lines went."""
        first = self.source.first
        for seq in [each for each in self._unfolded if each < first]:
            del self._unfolded[seq]
        return self.index.drop_before(first)

    def restart(self) -> bool:
        """Begins a new index; whether `slices` must fill it."""
        source = self.source
        filtered = source.filtered
        self.index = LineIndex(source.first, source.end, filtered=filtered, wrapped=self.wrap)
        for seq in self._unfolded:
            self.index.set_extra(seq, self._extra(seq))
        return filtered or self.wrap

    def slices(self, added: Callable[[int], None]) -> Iterator[None]:
        """Fills the index from the newest record backwards; `added` is told of each lot of lines above."""
        index, source = self.index, self.source
        behind = index.end
        while behind > source.first:
            first = source.slice_before(behind)
            found = source.passing(first, behind)
            while self.wrap and len(found) > _CHUNK:
                some, found = found[-_CHUNK:], found[:-_CHUNK]
                added(index.prepend(some, list(map(self.height, some)), some[0]))
                yield
                first = max(first, source.first)  # the oldest may have gone meanwhile
                found = [seq for seq in found if seq >= first]
            heights = list(map(self.height, found)) if self.wrap else [1] * len(found)
            added(index.prepend(found, heights, first))
            behind = first
            yield

    # -- folding ---------------------------------------------------------------------------

    def is_unfolded(self, seq: int) -> bool:
        """Whether all lines of a record are shown."""
        return seq in self._unfolded

    def fold(self, seq: int, unfolded: bool) -> None:
        """Show all lines of a record, or the first only."""
        self.forget_drawn()
        if not unfolded:
            self._unfolded.pop(seq, None)
            self.index.set_extra(seq, 0)
        elif self.source.get(seq).rest:
            if len(self._unfolded) >= MOST_UNFOLDED:
                self.fold(next(iter(self._unfolded)), False)
            self._unfolded[seq] = None
            self.index.set_extra(seq, self._extra(seq))

    def _extra(self, seq: int) -> int:
        """Lines of a record beyond those it has when folded."""
        record = self.source.get(seq)
        return len(self._breaks(self._full(record, unfolded=True))) - self.height(seq)

    # -- lines -----------------------------------------------------------------------------

    def height(self, seq: int) -> int:
        """Lines a record takes when it is folded."""
        if not self.wrap or not self.width or self.source.fits(seq, self.width - self.prefix.cells):
            return 1
        return len(self._breaks(self._full(self.source.get(seq), unfolded=False)))

    def text(self, seq: int) -> str:
        """A record as it reads, all of what is shown of it."""
        return self._full(self.source.get(seq), unfolded=seq in self._unfolded)

    def texts(self, first: int, last: int) -> Iterable[tuple[int, str]]:
        """The shown records between two, by `seq`."""
        for place in range(self.index.place(first), self.index.records):
            seq = self.index.at(place)
            if seq is None or seq > last:
                break
            yield seq, self.text(seq)

    def draw(self, seq: int, part: int, side: int) -> tuple[tuple[Piece, ...], int]:
        """What is seen of a record on one of its lines, and which character of `text` that begins with."""
        looks = (self.wrap, self.width, self._ascii())
        if self._drawn_for != looks or len(self._drawn) >= _MOST_DRAWN:
            self._drawn_for = looks
            self._drawn.clear()
        key = (seq, part, side)
        found = self._drawn.get(key)
        if found is None:
            found = self._drawn[key] = self._draw(seq, part, side)
        return found

    def _draw(self, seq: int, part: int, side: int) -> tuple[tuple[Piece, ...], int]:
        pieces = self._pieces(self.source.get(seq), unfolded=seq in self._unfolded)
        full = "".join(piece.text for piece in pieces)
        breaks = self._breaks(full)
        # While the width changes, a record may have fewer lines than the index says.
        start, end = breaks[part] if part < len(breaks) else (0, 0)
        if self.wrap:
            return sliced(pieces, start, end), start
        line = full[start:end]
        folded = pieces[-1].text if self.source.get(seq).rest and seq not in self._unfolded else ""
        if folded and side == 0 and width(line) > self.width:  # how much is folded is told in any case
            at = fitting(line, self.width - width(folded))
            return (*sliced(pieces, 0, at), pieces[-1]), 0
        self.widest = max(self.widest, width(line))
        at, half = skip(line, side)
        rest = line[at : at + self.width * _MOST_MARKS]
        seen = sliced(pieces, start + at, start + at + fitting(rest, self.width - half))
        return ((Piece(" " * half), *seen), start + at - half) if half else (seen, start + at)

    def _breaks(self, full: str) -> list[tuple[int, int]]:
        """Where each line of a text begins and ends."""
        found: list[tuple[int, int]] = []
        at = 0
        for line in full.split("\n"):
            starts = chop(to_ascii(line) if self._ascii() else line, self.width) if self.wrap else [0]
            ends = [*starts[1:], len(line)]
            found += [(at + start, at + end) for start, end in zip(starts, ends, strict=True)]
            at += len(line) + 1
        return found

    def _full(self, record: Record, *, unfolded: bool) -> str:
        return "".join(piece.text for piece in self._pieces(record, unfolded=unfolded, marked=False))

    def _pieces(self, record: Record, *, unfolded: bool, marked: bool = True) -> tuple[Piece, ...]:
        """The pieces of a record's lines, with line feeds between lines."""
        found = [*self.prefix.pieces(record.time, record.source, ascii=self._ascii())]
        found += self._line(record.text, record, marked=marked)
        if not record.rest:
            return tuple(found)
        if not unfolded:
            return (*found, Piece(f"  [+{len(record.rest)} line{'s' * (len(record.rest) > 1)}]", "accent"))
        plain = Record(None, record.source, record.tone, record.text)
        for line in record.rest:
            found += (Piece("\n" + _INDENT), *self._line(line, plain, marked=marked))
        return tuple(found)

    def _line(self, text: str, record: Record, *, marked: bool) -> tuple[Piece, ...]:
        drawn = to_ascii(text) if self._ascii() else text
        pieces: list[Piece] = []
        at = 0
        for start, end, look in record.looks:
            pieces += (Piece(drawn[at:start], record.tone.value), Piece(drawn[start:end], look))
            at = end
        pieces.append(Piece(drawn[at:], record.tone.value))
        found = tuple(piece for piece in pieces if piece.text)
        for start, end in self.source.marks(text) if marked else ():
            found = overlaid(found, start, end, "hit")
        return found
