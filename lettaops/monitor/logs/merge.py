"""Lines of several logs in the order of their time. No I/O: the clock is given.

While history is read, a line waits until no log can have an older one any more. Of what is
written now each line waits a short while for older ones of the other logs, so that a silent log
holds up none. Within a log the order never changes.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from itertools import accumulate
from typing import Final

import msgspec

from lettaops.model.logs.line import NO_TIME, LogLine

WINDOW_SECONDS: Final = 0.2
WINDOW_LINES: Final = 20_000  # more waiting lines than these shorten the window
HISTORY_SECONDS: Final = 2.0  # a log whose history doesn't come is not waited for any longer
LANE_BYTES: Final = 1024 * 1024
PENDING_BYTES: Final = 8 * 1024 * 1024
_LINE_BYTES: Final = 120  # what a line costs beside its bytes
_CLOCK_SET_BACK_NS: Final = 10_000_000_000


class _Chunk(msgspec.Struct, gc=False):
    """Lines that came together. `keys` rise, and are the lines' timestamps wherever these do."""

    keys: list[int]
    lines: list[LogLine]
    size: int
    arrived: float


class Lane:
    """One log's place in the merge."""

    __slots__ = ("chunks", "closed", "history", "key", "size", "waited_since")

    def __init__(self, history: bool, now: float) -> None:
        self.chunks: deque[_Chunk] = deque()
        self.history = history
        self.closed = False
        self.key = NO_TIME
        self.size = 0
        self.waited_since = now

    def keys_of(self, lines: list[LogLine]) -> list[int]:
        """The lines' timestamps, raised where they fall back, so that their order stays."""
        keys = [line.timestamp_ns for line in lines]
        floor = self.key
        if keys[0] != NO_TIME and keys[0] < floor - _CLOCK_SET_BACK_NS:
            floor = NO_TIME
        if keys[0] < floor or keys != sorted(keys):
            keys = list(accumulate(keys, max, initial=floor))[1:]
        self.key = keys[-1]
        return keys


class Merge:
    """The lanes, and what of them is due.

    `patience`: seconds that history is waited for; None: until it comes or its lane is closed.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        window: float = WINDOW_SECONDS,
        patience: float | None = HISTORY_SECONDS,
    ) -> None:
        self._clock = clock
        self._window = window
        self._patience = patience
        self._lanes: list[Lane] = []
        self._arrivals: deque[tuple[float, int, int]] = deque()  # moment, last key, lines
        self.lines = 0
        self.size = 0

    @property
    def finished(self) -> bool:
        """Whether nothing waits and nothing can come."""
        return not self.lines and all(lane.closed for lane in self._lanes)

    def lane(self, *, history: bool) -> Lane:
        """A place for one more log. `history`: it begins with lines of the past, read to their end."""
        lane = Lane(history, self._clock())
        self._lanes.append(lane)
        return lane

    def live(self, lane: Lane) -> None:
        """The history of a log is read: from here on its lines come as they are written."""
        lane.history = False

    def close(self, lane: Lane) -> None:
        """No more lines of a log will come."""
        lane.history = False
        lane.closed = True
        if not lane.chunks and lane in self._lanes:
            self._lanes.remove(lane)

    def full(self, lane: Lane) -> bool:
        """Whether a log has to wait before it adds more."""
        return lane.size >= LANE_BYTES if lane.history else self.size >= PENDING_BYTES

    def add(self, lane: Lane, lines: list[LogLine]) -> None:
        """Lines of a log, in its order; at least one."""
        size = sum([len(line.raw) for line in lines]) + _LINE_BYTES * len(lines)
        chunk = _Chunk(lane.keys_of(lines), lines, size, self._clock())
        lane.chunks.append(chunk)
        lane.size += size
        self.size += size
        self.lines += len(lines)
        self._arrivals.append((chunk.arrived, chunk.keys[-1], len(lines)))

    def due_at(self) -> float | None:
        """When something will be due without anything more coming, by the clock; None: not foreseeable."""
        if not self.lines:
            return None
        if (missing := self._missing()) is not None:
            return missing.waited_since + self._patience if self._patience is not None else None
        if self._ending() or any(lane.history for lane in self._lanes) or not self._arrivals:
            return self._clock()
        return self._arrivals[0][0] + self._window

    def release(self) -> list[LogLine]:
        """The lines that are due, in order; often none."""
        if not self.lines or self._missing() is not None:
            return []
        waited = [lane.chunks[-1].keys[-1] for lane in self._lanes if lane.history and lane.chunks]
        if waited:
            limit: int | None = min(waited)
        elif self._ending():
            limit = None
        else:
            limit = self._expired()
            if limit is None:
                return []
        lines = _merged(self._take(limit))
        self.lines -= len(lines)
        if not self.lines:
            self._arrivals.clear()
        return lines

    # -- inside ----------------------------------------------------------------------------

    def _missing(self) -> Lane | None:
        """A lane whose history has to come before anything is due."""
        now = self._clock()
        for lane in self._lanes:
            if lane.history and not lane.chunks:
                overdue = self._patience is not None and now >= lane.waited_since + self._patience
                if not overdue:
                    return lane
        return None

    def _ending(self) -> bool:
        return all(lane.closed for lane in self._lanes)

    def _expired(self) -> int | None:
        """The greatest key among the lines that have waited long enough, or are too many."""
        before = self._clock() - self._window
        waiting, limit = sum(count for _, _, count in self._arrivals), None
        while self._arrivals and (self._arrivals[0][0] <= before or waiting > WINDOW_LINES):
            _, key, count = self._arrivals.popleft()
            waiting -= count
            limit = key if limit is None else max(limit, key)
        return limit

    def _take(self, limit: int | None) -> list[tuple[list[int], list[LogLine]]]:
        """The lines up to a key, None: all, lane by lane."""
        runs: list[tuple[list[int], list[LogLine]]] = []
        now = self._clock()
        for lane in list(self._lanes):
            keys: list[int] = []
            lines: list[LogLine] = []
            while lane.chunks and (limit is None or lane.chunks[0].keys[0] <= limit):
                chunk = lane.chunks[0]
                if limit is None or chunk.keys[-1] <= limit:
                    lane.chunks.popleft()
                else:
                    chunk = _split(chunk, bisect_right(chunk.keys, limit))
                keys += chunk.keys
                lines += chunk.lines
                lane.size -= chunk.size
                self.size -= chunk.size
            if lines:
                runs.append((keys, lines))
            if not lane.chunks:
                lane.waited_since = now
                if lane.closed:
                    self._lanes.remove(lane)
        return runs


def _split(chunk: _Chunk, at: int) -> _Chunk:
    """Take the first lines out of a chunk."""
    lines = chunk.lines[:at]
    size = sum([len(line.raw) for line in lines]) + _LINE_BYTES * at
    head = _Chunk(chunk.keys[:at], lines, size, chunk.arrived)
    del chunk.keys[:at], chunk.lines[:at]
    chunk.size -= size
    return head


def _merged(runs: list[tuple[list[int], list[LogLine]]]) -> list[LogLine]:
    """One list in the order of the keys; equal keys stay in the order of the runs."""
    if len(runs) == 1:
        return runs[0][1]
    keys = [key for each, _ in runs for key in each]
    lines = [line for _, each in runs for line in each]
    return [lines[at] for at in sorted(range(len(keys)), key=keys.__getitem__)]
