"""Which record is on which line, for a filtered or wrapped view. Plain numbers, no text.

Without filter and wrapping it is arithmetic and takes no memory. Otherwise an index is filled
from the newest record backwards, in slices, so that the end of a log is right at once.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence


class LineIndex:
    """Lines of the records that are shown. Lines are numbered from 0 at the oldest record shown."""

    def __init__(self, first: int, end: int, *, filtered: bool, wrapped: bool) -> None:
        self.filtered = filtered
        self.wrapped = wrapped
        self.end = end  # records before this one were looked at
        self._first = end if filtered or wrapped else first
        self._seqs = array("q")  # of the shown records, when filtered
        self._ends = array("q")  # line behind each shown record, when wrapped; on a scale of its own
        self._zero = 0  # line 0 on that scale

    @property
    def records(self) -> int:
        """How many records are shown."""
        return len(self._seqs) if self.filtered else self.end - self._first

    @property
    def lines(self) -> int:
        """How many lines they take."""
        if not self.wrapped:
            return self.records
        return self._ends[-1] - self._zero if self._ends else 0

    def append(self, seq: int, height: int) -> None:
        """A shown record behind all others."""
        if self.filtered:
            self._seqs.append(seq)
        if self.wrapped:
            self._ends.append((self._ends[-1] if self._ends else self._zero) + height)

    def looked_at(self, end: int) -> None:
        """All records before `end` are known."""
        self.end = end

    def prepend(self, found: Sequence[tuple[int, int]], first: int) -> int:
        """Older records, (seq, height) in order; the index now begins at `first`. Gives their lines."""
        lines = sum(height for _, height in found) if self.wrapped else len(found)
        if self.filtered:
            self._seqs[0:0] = array("q", [seq for seq, _ in found])
        if self.wrapped:
            end = self._zero = self._zero - lines
            ends = array("q")
            for _, height in found:
                end += height
                ends.append(end)
            self._ends[0:0] = ends
        self._first = first
        return lines

    def drop_before(self, first: int) -> int:
        """Forgets records before `first`. How many lines they took."""
        gone = min(self.records, bisect_left(self._seqs, first) if self.filtered else first - self._first)
        if gone <= 0:
            self._first = max(self._first, first)
            return 0
        lines = gone
        if self.wrapped:
            lines = self._ends[gone - 1] - self._zero
            self._zero = self._ends[gone - 1]
            del self._ends[:gone]
        if self.filtered:
            del self._seqs[:gone]
        self._first = max(self._first, first)
        return lines

    def locate(self, line: int) -> tuple[int, int] | None:
        """The record on a line, and which of its lines that is; None when there is none."""
        if not 0 <= line < self.lines:
            return None
        if not self.wrapped:
            return self._seq(line), 0
        at = bisect_right(self._ends, line + self._zero)
        start = self._ends[at - 1] if at else self._zero
        return self._seq(at), line + self._zero - start

    def line_of(self, seq: int) -> int:
        """The first line of a record, or of the next one shown; the number of lines when there is none."""
        at = self.place(seq)
        if at >= self.records:
            return self.lines
        if not self.wrapped:
            return at
        return (self._ends[at - 1] if at else self._zero) - self._zero

    def place(self, seq: int) -> int:
        """How many shown records precede this one."""
        if self.filtered:
            return bisect_left(self._seqs, seq)
        return max(0, min(seq - self._first, self.records))

    def at(self, place: int) -> int | None:
        """The record at a place among the shown ones."""
        return self._seq(place) if 0 <= place < self.records else None

    def _seq(self, at: int) -> int:
        return self._seqs[at] if self.filtered else self._first + at
