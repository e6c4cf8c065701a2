"""The records that pass a query, over a whole buffer, found in slices; and the next one from a place."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from lettaops.model.logs.buffer import LogBuffer
from lettaops.model.logs.pattern import TooSlow
from lettaops.model.logs.query import Evaluator
from lettaops.model.text import Safe

TOO_SLOW: Final = Safe(
    "this regular expression takes too long on a line here and was given up: "
    "write it without a repeat inside a repeat"
)


class Found(NamedTuple):
    """A record. `wrapped`: on the other side of the end it was sought towards."""

    seq: int
    wrapped: bool


class _Run:
    """Rising numbers in pieces, to which more are added on one side. `back`: on the lower one."""

    def __init__(self, back: bool) -> None:
        self._back = back
        self._pieces: list[Sequence[int]] = []  # in the order in which they were added
        self._behind: list[int] = []  # how many there are up to the end of each
        self.count = 0

    def add(self, numbers: Sequence[int]) -> None:
        if not numbers:
            return
        if not self._back and self._pieces and len(numbers) < 64 and len(last := self._pieces[-1]) < 1024:
            numbers = array("Q", [*last, *numbers])
            self.count -= len(last)
            del self._pieces[-1], self._behind[-1]
        self._pieces.append(numbers)
        self.count += len(numbers)
        self._behind.append(self.count)

    def at(self, place: int) -> int:
        """The number at a place, from the lowest."""
        number = (
            bisect_left(self._behind, self.count - place)
            if self._back
            else bisect_left(self._behind, place + 1)
        )
        piece, behind = self._pieces[number], self._behind[number]
        return piece[place - (self.count - behind)] if self._back else piece[place - (behind - len(piece))]

    def place(self, number: int) -> int:
        """How many are lower."""
        if not self._pieces:
            return 0
        if self._back:
            at = bisect_left(self._pieces, True, key=lambda piece: piece[0] <= number)
            if at == len(self._pieces):
                return 0
            return self.count - self._behind[at] + bisect_left(self._pieces[at], number)
        at = bisect_left(self._pieces, True, key=lambda piece: piece[-1] >= number)
        if at == len(self._pieces):
            return self.count
        return self._behind[at] - len(self._pieces[at]) + bisect_left(self._pieces[at], number)

    def drop_below(self, number: int) -> None:
        """Forget the lower ones."""
        gone = self.place(number)
        if not gone:
            return
        kept = [piece[bisect_left(piece, number) :] for piece in self._pieces if piece[-1] >= number]
        self._pieces, self._behind, self.count = [], [], 0
        for piece in kept:
            self.add(piece)


class Selection:
    """The records of a buffer that pass a query.

    `run` finds them in slices, `extend` looks at what came since. Places count from the oldest found, so
    they shift while older ones are still sought. `refusal`: why it was given up, empty else.
    """

    def __init__(self, buffer: LogBuffer, evaluator: Evaluator) -> None:
        self._buffer = buffer
        self._evaluator = evaluator
        self._older, self._newer = _Run(back=True), _Run(back=False)
        # All records from `_low` to before `_high` were looked at.
        self._low = self._high = buffer.end
        self.refusal = Safe()

    def __len__(self) -> int:
        return self._older.count + self._newer.count

    @property
    def complete(self) -> bool:
        """Whether every record that is held was looked at."""
        return self._low <= self._buffer.first and self._high >= self._buffer.end

    @property
    def looked_at(self) -> int:
        """How many of the records that are held were looked at."""
        return max(0, self._high - max(self._low, self._buffer.first))

    def at(self, place: int) -> int | None:
        """The record at a place among those found."""
        if not 0 <= place < len(self):
            return None
        older = self._older.count
        return self._older.at(place) if place < older else self._newer.at(place - older)

    def place(self, seq: int) -> int:
        """How many of those found are older than a record."""
        return self._older.place(seq) + self._newer.place(seq)

    def run(self, around: int | None = None) -> Iterator[None]:
        """Look at all records, one block (about a millisecond) at a step.

        From the newest to the oldest, or first at the record `around` and those newer, then at the older.
        """
        buffer = self._buffer
        if around is not None and buffer.first <= around < buffer.end:
            self._low = self._high = buffer.block_of(around).first
        while not self.refusal:
            if self._high < buffer.end:
                self._forward()
            elif self._low > buffer.first:
                self._back()
            else:
                return
            yield

    def extend(self) -> int:
        """Look at the records that came since; how many of them pass. Forgets those no longer held."""
        before = self._newer.count
        while not self.refusal and self._high < self._buffer.end:
            self._forward()
        found = self._newer.count - before
        self._forget()
        return found

    def _forget(self) -> None:
        first = self._buffer.first
        self._older.drop_below(first)
        if not self._older.count:
            self._newer.drop_below(first)

    def _forward(self) -> None:
        self._high = max(self._high, self._buffer.first)
        block = self._buffer.block_of(self._high)
        self._newer.add(self._passing(block.first, self._high))
        self._high = block.end

    def _back(self) -> None:
        block = self._buffer.block_of(self._low - 1)
        # Only the newest block may have begun within: what is behind `_low` of it was looked at.
        passing = self._passing(block.first, block.first)
        self._older.add(passing[: bisect_left(passing, self._low)])
        self._low = block.first

    def _passing(self, block_first: int, seq: int) -> Sequence[int]:
        try:
            return self._evaluator.passing(self._buffer.block_of(seq), seq - block_first)
        except TooSlow:
            self.refusal = TOO_SLOW
            return ()


def seek(buffer: LogBuffer, evaluator: Evaluator, seq: int, direction: int) -> Iterator[Found | None]:
    """The next record (direction 1), or the one before (-1), that passes, from a record that isn't meant.

    One block at a step, which gives None; the last step gives what was found, if anything was. Goes on
    from the other end. Raises `TooSlow`.
    """
    for wrapped in (False, True):
        first, end = buffer.first, buffer.end
        if direction > 0:
            low, high = (first, min(seq + 1, end)) if wrapped else (max(first, seq + 1), end)
        else:
            low, high = (max(first, seq), end) if wrapped else (first, min(seq, end))
        while low < high:
            block = buffer.block_of(low if direction > 0 else high - 1)
            passing = evaluator.passing(block)
            within = passing[bisect_left(passing, low) : bisect_left(passing, high)]
            if within:
                yield Found(within[0] if direction > 0 else within[-1], wrapped)
                return
            if direction > 0:
                low = block.end
            else:
                high = block.first
            yield None
            low = max(low, buffer.first)  # records may have been dropped meanwhile
