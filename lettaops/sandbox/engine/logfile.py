"""A container's log: a bounded file, read from anywhere in it and followed.

A line of the file is one record: time, stream, and what was printed, which is a whole line or, of a
line longer than 16 KiB, a piece of it.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from io import FileIO
from pathlib import Path
from typing import Final, NamedTuple

from lettaops.sandbox.engine import clock
from lettaops.sandbox.engine.child import STDERR, STDOUT

PIECE_BYTES: Final = 16 * 1024
DEFAULT_LIMIT: Final = 16 * 1024 * 1024
_BLOCK_BYTES: Final = 64 * 1024
_STAMP: Final = 30
# Behind the time: the stream, capital for a piece that the next record goes on.
_KINDS: Final = {(STDOUT, True): b"o", (STDERR, True): b"e", (STDOUT, False): b"O", (STDERR, False): b"E"}


class Selection(NamedTuple):
    """What to read. `tail`: that many records from the end, None for all; times in nanoseconds since 1970."""

    stdout: bool = True
    stderr: bool = True
    tail: int | None = None
    since: int | None = None
    until: int | None = None
    follow: bool = False


class LogFile:
    """Takes what a container prints. `directory` holds its two latest files, each of half `limit` bytes."""

    def __init__(self, directory: Path, limit: int = DEFAULT_LIMIT) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._file_limit = limit // 2
        self._generation = 0
        self._file = self._open_new()
        self._size = 0
        self._unfinished: dict[int, bytes] = {STDOUT: b"", STDERR: b""}
        self._last = 0
        self._changed = asyncio.Event()
        self.live = False

    @property
    def path(self) -> Path:
        """The file that is written to now."""
        return self._path(self._generation)

    def open(self) -> None:
        """Somebody prints from now on: followers wait for more."""
        self.live = True

    def append(self, stream: int, data: bytes) -> None:
        """Take what was printed; the part behind the last line feed waits for its own."""
        *lines, rest = (self._unfinished[stream] + data).split(b"\n")
        pieces: list[tuple[bytes, bool]] = []
        for line in lines:
            *parts, last = _cut(line)
            pieces += [(part, False) for part in parts]
            pieces.append((last, True))
        if len(rest) >= PIECE_BYTES:
            *parts, rest = _cut(rest)
            pieces += [(part, False) for part in parts]
        self._unfinished[stream] = rest
        self._write(stream, pieces)

    def end(self) -> None:
        """Nobody prints any more: what is unfinished is a record, and followers come to their end."""
        for stream, rest in self._unfinished.items():
            if rest:
                self._write(stream, [(rest, False)])
            self._unfinished[stream] = b""
        self.live = False
        self._wake()

    def close(self) -> None:
        """Close the file; followers come to their end."""
        self.live = False
        self._wake()
        self._file.close()

    async def read(self, selection: Selection) -> AsyncIterator[list[bytes]]:
        """Batches of records (see `parts`), oldest first; with `follow` until nobody prints any more."""
        generation, position = self._start(selection.tail)
        while True:
            with ExitStack() as opened:
                descriptor = self._open(generation)
                if descriptor is None:  # so far behind that the file was removed
                    generation, position = max(0, self._generation - 1), 0
                    continue
                opened.callback(os.close, descriptor)
                while True:
                    # Before the read: what comes after it wakes us.
                    changed = self._changed
                    data = os.pread(descriptor, _BLOCK_BYTES, position)
                    if data:
                        whole = data[: data.rindex(b"\n") + 1]
                        position += len(whole)
                        if records := _selected(whole, selection):
                            yield records
                        if _later(whole, selection.until):
                            return
                        await asyncio.sleep(0)
                    elif generation < self._generation:
                        generation, position = generation + 1, 0
                        break
                    elif selection.follow and self.live:
                        await changed.wait()
                    else:
                        return

    # -- inside ----------------------------------------------------------------------------

    def _write(self, stream: int, pieces: list[tuple[bytes, bool]]) -> None:
        if not pieces:
            return
        # Each record has a time of its own, later than the one before, whatever the clock does.
        self._last = first = max(clock.now(), self._last + 1)
        self._last += len(pieces)
        seconds, offset = divmod(first, clock.SECOND)
        day = clock.rfc3339(seconds * clock.SECOND)[:20].encode()
        whole, part = _KINDS[stream, True], _KINDS[stream, False]
        records = []
        for number, (piece, ends) in enumerate(pieces, start=offset):
            if number >= clock.SECOND:
                stamp = clock.rfc3339(seconds * clock.SECOND + number).encode()
            else:
                stamp = b"%b%09dZ" % (day, number)
            records.append(b"%b %b %b\n" % (stamp, whole if ends else part, piece))
        with suppress(OSError):  # a full disk: what was printed is lost, the container goes on
            self._size += self._file.write(b"".join(records))
        if self._size > self._file_limit:
            self._rotate()
        self._wake()

    def _rotate(self) -> None:
        self._file.close()
        self._generation += 1
        self._file = self._open_new()
        self._size = 0
        with suppress(FileNotFoundError):
            self._path(self._generation - 2).unlink()

    def _open_new(self) -> FileIO:
        return FileIO(self.path, "wb")

    def _open(self, generation: int) -> int | None:
        try:
            return os.open(self._path(generation), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None

    def _path(self, generation: int) -> Path:
        return self._directory / f"log.{generation}"

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _start(self, tail: int | None) -> tuple[int, int]:
        """Generation and position of the first record to read."""
        oldest = max(0, self._generation - 1)
        if tail is None:
            return oldest, 0
        for generation in range(self._generation, oldest - 1, -1):
            descriptor = self._open(generation)
            if descriptor is None:
                break
            try:
                position, found = _tail(descriptor, tail)
            finally:
                os.close(descriptor)
            tail -= found
            if tail <= 0:
                return generation, position
        return oldest, 0


def parts(record: bytes) -> tuple[int, bytes, bytes]:
    """Of a record: the stream, its time, and what was printed with the line feed if there was one."""
    kind = record[_STAMP + 1 : _STAMP + 2]
    stream = STDOUT if kind in b"oO" else STDERR
    ends = b"\n" if kind.islower() else b""
    return stream, record[:_STAMP], record[_STAMP + 3 :] + ends


def _cut(line: bytes) -> list[bytes]:
    return [line[at : at + PIECE_BYTES] for at in range(0, len(line), PIECE_BYTES)] or [line]


def _selected(data: bytes, selection: Selection) -> list[bytes]:
    records = data.split(b"\n")
    records.pop()
    if selection.since is not None:
        since = clock.rfc3339(selection.since).encode()
        records = [each for each in records if each[:_STAMP] >= since]
    if selection.until is not None:
        until = clock.rfc3339(selection.until).encode()
        records = [each for each in records if each[:_STAMP] <= until]
    if not (selection.stdout and selection.stderr):
        wanted = b"oO" if selection.stdout else b"eE" if selection.stderr else b""
        records = [each for each in records if each[_STAMP + 1 : _STAMP + 2] in wanted]
    return records


def _later(data: bytes, until: int | None) -> bool:
    return until is not None and data[data.rfind(b"\n", 0, -1) + 1 :][:_STAMP] > clock.rfc3339(until).encode()


def _tail(descriptor: int, count: int) -> tuple[int, int]:
    """Position of the `count`th record from the end, or of the first, and how many there are behind it."""
    position = os.fstat(descriptor).st_size
    if count <= 0:
        return position, 0
    found, end = 0, position
    while position > 0:
        start = max(0, position - _BLOCK_BYTES)
        block = os.pread(descriptor, position - start, start)
        at = len(block)
        while (at := block.rfind(b"\n", 0, at)) >= 0:
            if start + at + 1 < end:  # a record begins behind it
                found += 1
                if found == count:
                    return start + at + 1, found
        position = start
    return 0, found + (1 if end else 0)
