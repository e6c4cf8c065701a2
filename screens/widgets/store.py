"""What a view of records draws from: where records are held, which of them are shown, what is marked in them.

Records are counted from 0 since the source was made; this number, `seq`, never changes. The oldest go first.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec

from lettaops.model.signs import Tone
from lettaops.model.text import Safe

MOST_EVENTS: Final = 2000


class Look(NamedTuple):
    """Characters of a text from `start` to before `end`, and the name of how they look."""

    start: int
    end: int
    look: str


class Record(msgspec.Struct, frozen=True):
    """One record of a log or one event. `time`: seconds since the epoch, None for unknown.

    `text`: its first line; `rest`: further ones, seen when it is unfolded. `looks`: pieces of the first line
    that don't have the record's tone, in order.
    """

    time: float | None
    source: Safe
    tone: Tone
    text: Safe
    rest: tuple[Safe, ...] = ()
    looks: tuple[Look, ...] = ()


class RecordSource(Protocol):
    """Holds the records of a view, from `first` to before `end`."""

    @property
    def first(self) -> int:
        """The oldest record that is held."""
        ...

    @property
    def end(self) -> int:
        """The number behind the newest."""
        ...

    @property
    def filtered(self) -> bool:
        """Whether only some are shown."""
        ...

    def get(self, seq: int) -> Record:
        """A record that is held; IndexError otherwise."""
        ...

    def fits(self, seq: int, cells: int) -> bool:
        """Whether it takes at most so many cells and has one line; False where only `get` could tell."""
        ...

    def slice_before(self, end: int) -> int:
        """Where the slice of records begins that ends before `end`: what is looked at without a pause."""
        ...

    def passing(self, first: int, end: int) -> Sequence[int]:
        """Those from `first` to before `end` that are shown, in order."""
        ...

    def marks(self, line: str) -> Sequence[tuple[int, int]]:
        """What was looked for and stands in a line: (start, end) of each."""
        ...


class RecordList:
    """A source for few records: events. All are shown."""

    filtered: Final = False

    def __init__(self, most: int = MOST_EVENTS) -> None:
        self._most = most
        self._records: list[Record] = []
        self.first = 0

    @property
    def end(self) -> int:
        """The number behind the newest."""
        return self.first + len(self._records)

    def extend(self, records: Iterable[Record]) -> None:
        """Add records behind the newest."""
        self._records += records
        gone = max(0, len(self._records) - self._most)
        del self._records[:gone]
        self.first += gone

    def get(self, seq: int) -> Record:
        """A record that is held; IndexError otherwise."""
        if not self.first <= seq < self.end:
            raise IndexError(seq)
        return self._records[seq - self.first]

    def fits(self, seq: int, cells: int) -> bool:
        """Not known before it is looked at."""
        return False

    def slice_before(self, end: int) -> int:
        """All at once."""
        return self.first

    def passing(self, first: int, end: int) -> Sequence[int]:
        """All of them."""
        return range(max(first, self.first), end)

    def marks(self, line: str) -> Sequence[tuple[int, int]]:
        """Nothing is looked for."""
        return ()
