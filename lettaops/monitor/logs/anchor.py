"""Where reading stopped, and finding that place in a log that is read again from its end. No I/O.

The order of the log itself counts, not the timestamps: stdout and stderr are stamped by two
threads of the engine, and clocks are set back.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from lettaops.model.logs.line import KEPT_BYTES, LogLine

CONTEXT_LINES: Final = 32


class Anchor:
    """The last lines that were read of one container. `unfinished`: the last one may go on later.

    `run`: how many lines in a row, up to the last, have its timestamp.
    """

    __slots__ = ("lines", "run", "unfinished")

    def __init__(self) -> None:
        self.lines: list[LogLine] = []
        self.run = 0
        self.unfinished = False

    def __bool__(self) -> bool:
        return bool(self.lines)

    @property
    def last(self) -> LogLine:
        """The newest line; there must be one."""
        return self.lines[-1]

    def add(self, lines: Sequence[LogLine], *, unfinished: bool = False) -> None:
        """Lines were read, one or more. `unfinished`: the log ended within the last one."""
        self.run = self._run_with(lines)
        self.lines = [*self.lines, *lines[-CONTEXT_LINES:]][-CONTEXT_LINES:]
        if len(lines[-1].raw) > KEPT_BYTES:
            del self.lines[:-1]  # such lines are rare: not worth megabytes of memory
        self.unfinished = unfinished

    def same(self, line: LogLine) -> bool:
        """Whether this is the newest line read, or has grown out of it."""
        last = self.last
        if not self.unfinished:
            return line == last
        return (line.timestamp_ns, line.stream) == (last.timestamp_ns, last.stream) and line.raw.startswith(
            last.raw
        )

    def _run_with(self, lines: Sequence[LogLine]) -> int:
        time_ns, count = lines[-1].timestamp_ns, 0
        for line in reversed(lines):
            if line.timestamp_ns != time_ns:
                return count
            count += 1
        return self.run + count if self.lines and self.last.timestamp_ns == time_ns else count


class Search:
    """Looks for an anchor in the lines of a log from some place before its end.

    `whole`: that place is the log's beginning. `first`: the first line. `unreached`: by that one the
    anchor lies farther back. `found`: from here on all lines are new. `grown`: the anchor's own
    line, when it has gone on since, and what is new of it.
    """

    def __init__(self, anchor: Anchor, *, whole: bool = False) -> None:
        self.first: LogLine | None = None
        self.unreached = False
        self.found = False
        self.grown: tuple[LogLine, LogLine] | None = None
        self._anchor = anchor
        self._whole = whole
        self._before = anchor.lines[: -anchor.run]
        self._ambiguous = any(line.timestamp_ns == anchor.last.timestamp_ns for line in self._before)
        self._met = 0
        self._trail: list[LogLine] = []

    def feed(self, lines: list[LogLine]) -> list[LogLine]:
        """Those of the lines, which follow on the last ones, that come after the anchor."""
        if self.found:
            return lines
        if self.first is None:
            self.first = lines[0]
            # Lines of the anchor's own time are counted, so the first of them has to be seen.
            late = lines[0].timestamp_ns - self._anchor.last.timestamp_ns
            self.unreached = late >= 0 and not self._whole
        if self.unreached:
            return []
        at = self._find(lines)
        if at is None:
            self._trail = [*self._trail, *lines[-CONTEXT_LINES:]][-CONTEXT_LINES:]
            return []
        self.found = True
        self._note_growth(lines[at])
        return lines[at + 1 :]

    def _find(self, lines: list[LogLine]) -> int | None:
        wanted = self._anchor.last.timestamp_ns
        times = [line.timestamp_ns for line in lines]
        start = times.index(wanted) if wanted in times else len(lines)
        if start:
            self._met = 0
        for at in range(start, len(lines)):
            self._met = self._met + 1 if times[at] == wanted else 0
            if self._met == self._anchor.run and self._anchor.same(lines[at]) and self._follows(lines, at):
                return at
        return None

    def _follows(self, lines: list[LogLine], at: int) -> bool:
        """Whether what stands before the run is what was read before it, as far as both are known."""
        view = [*self._trail, *lines[max(0, at - 2 * CONTEXT_LINES) : at + 1]][: -self._anchor.run]
        depth = min(len(view), len(self._before))
        if self._ambiguous and depth < len(self._before):
            return False
        return depth == 0 or view[-depth:] == self._before[-depth:]

    def _note_growth(self, line: LogLine) -> None:
        last = self._anchor.last
        if self._anchor.unfinished and line != last:
            rest = msgspec.structs.replace(line, raw=line.raw[len(last.raw) :], more=line.more - last.more)
            self.grown = (line, rest)


class Since:
    """As `Search`, for a moment: whether the lines begin before it."""

    def __init__(self, moment_ns: int) -> None:
        self.first: LogLine | None = None
        self.unreached = False
        self.found = False
        self.grown: tuple[LogLine, LogLine] | None = None
        self._moment_ns = moment_ns

    def feed(self, lines: list[LogLine]) -> list[LogLine]:
        """The lines, when they begin before the moment."""
        if self.first is None:
            self.first = lines[0]
            self.unreached = lines[0].timestamp_ns >= self._moment_ns
            self.found = not self.unreached
        return lines if self.found else []
