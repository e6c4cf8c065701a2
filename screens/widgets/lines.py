"""Which record is on which line, for a filtered or wrapped view. Plain numbers, no text.

Without filter and wrapping it is arithmetic and takes no memory. Otherwise an index is filled
from the newest record backwards, in slices, so that the end of a log is right at once.
"""

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Sequence


class LineIndex:
    """Lines of the records that are shown. Lines are numbered from 0 at the oldest record shown.

    A few records may have lines beyond what the others have, see `set_extra`.
    """

    def __init__(self, first: int, end: int, *, filtered: bool, wrapped: bool) -> None:
        self.filtered = filtered
        self.wrapped = wrapped
        self.end = end  # records before this one were looked at
        self._first = end if filtered or wrapped else first
        self._seqs = array("q")  # of the shown records, when filtered
        self._ends = array("q")  # line behind each shown record, when wrapped; on a scale of its own
        self._zero = 0  # line 0 on that scale
        self._extras: list[tuple[int, int]] = []  # (seq, lines), in order

    @property
    def records(self) -> int:
        """How many records are shown."""
        return len(self._seqs) if self.filtered else self.end - self._first

    @property
    def lines(self) -> int:
        """How many lines they take."""
        return self._behind(self.records) + sum(lines for _, lines in self._shown_extras())

    def set_extra(self, seq: int, lines: int) -> None:
        """A record has so many lines more than it was added with; not many records may have some."""
        self._extras = [each for each in self._extras if each[0] != seq]
        if lines:
            insort(self._extras, (seq, lines))

    def append(self, seq: int, height: int) -> None:
        """A shown record behind all others."""
        if self.filtered:
            self._seqs.append(seq)
        if self.wrapped:
            self._ends.append((self._ends[-1] if self._ends else self._zero) + height)

    def looked_at(self, end: int) -> None:
        """All records before `end` are known."""
        self.end = end

    def prepend(self, seqs: Sequence[int], heights: Sequence[int], first: int) -> int:
        """Older records in order; the index now begins at `first`. Gives their lines."""
        lines = sum(heights)
        if self.filtered:
            self._seqs[0:0] = array("q", seqs)
        if self.wrapped:
            end = self._zero = self._zero - lines
            ends = array("q")
            for height in heights:
                end += height
                ends.append(end)
            self._ends[0:0] = ends
        before, self._first = self._first, first
        return lines + sum(extra for seq, extra in self._shown_extras() if first <= seq < before)

    def drop_before(self, first: int) -> int:
        """Forgets records before `first`. How many lines they took."""
        gone = min(self.records, bisect_left(self._seqs, first) if self.filtered else first - self._first)
        lines = self._behind(gone) + sum(extra for seq, extra in self._shown_extras() if seq < first)
        self._extras = [each for each in self._extras if each[0] >= first]
        self._first = max(self._first, first)
        if gone <= 0:
            return 0
        if self.wrapped:
            self._zero = self._ends[gone - 1]
            del self._ends[:gone]
        if self.filtered:
            del self._seqs[:gone]
        return lines

    def locate(self, line: int) -> tuple[int, int] | None:
        """The record on a line, and which of its lines that is; None when there is none."""
        if not 0 <= line < self.lines:
            return None
        shift = 0
        for seq, extra in self._shown_extras():
            place = self.place(seq)
            top = self._behind(place) + shift
            if line < top:
                break
            if line < self._behind(place + 1) + shift + extra:
                return seq, line - top
            shift += extra
        line -= shift
        if not self.wrapped:
            return self._seq(line), 0
        at = bisect_right(self._ends, line + self._zero)
        return self._seq(at), line - self._behind(at)

    def line_of(self, seq: int) -> int:
        """The first line of a record, or of the next one shown; the number of lines when there is none."""
        return self._behind(self.place(seq)) + sum(
            extra for other, extra in self._shown_extras() if other < seq
        )

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

    def _behind(self, count: int) -> int:
        """Lines of the first records, without the extra ones."""
        if not self.wrapped or count <= 0:
            return max(0, count)
        return self._ends[count - 1] - self._zero

    def _shown_extras(self) -> Iterator[tuple[int, int]]:
        return (each for each in self._extras if self.at(self.place(each[0])) == each[0])
