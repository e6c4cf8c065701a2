"""Some records that follow each other, in few bytes, and the text that is searched in them."""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, islice
from typing import Final, NamedTuple

from lettaops.model.logs.display import shown, visible
from lettaops.model.logs.formats import level_at, marker_level
from lettaops.model.logs.level import Level
from lettaops.model.logs.line import MARKER, LogLine, marker_of
from lettaops.model.logs.mask import mask, masked_lines
from lettaops.model.logs.sgr import strip
from lettaops.model.secrets import known_secrets
from lettaops.model.text import Safe, clean

RECORD_BYTES: Final = 15  # of each record in arrays, nearly
BLOCK_BYTES: Final = 1200  # of a block that is empty
MOST_SOURCES: Final = 256
_PRINTABLE: Final = bytes(range(0x20, 0x7F)) + b"\n"

Source = tuple[Safe, Safe, int]  # service, container, stream


class BlockText(NamedTuple):
    """The clean and masked text of records, each with a line feed behind it; lines within them likewise.

    `ends`: where each record ends, its line feed apart. `place`: the place in the block of the first.
    """

    text: str
    ends: Sequence[int]
    place: int

    @property
    def places(self) -> range:
        """The places in the block of its records."""
        return range(self.place, self.place + len(self.ends))

    def start(self, at: int) -> int:
        """Where the record at a place of the block begins."""
        return self.ends[at - self.place - 1] + 1 if at > self.place else 0

    def end(self, at: int) -> int:
        """Where the record at a place of the block ends."""
        return self.ends[at - self.place]

    def place_of(self, position: int) -> int:
        """The place in the block of the record that stands there in the text."""
        return self.place + bisect_right(self.ends, position - 1)


class Block:
    """Records without a gap. Places in it count from 0; `first` is the sequence number of place 0."""

    __slots__ = (
        "_closed", "_plain", "_secret_lines", "_secrets_known", "cut", "data", "ends", "first", "latest",
        "levels", "lines", "sources", "table", "times",
    )  # fmt: skip

    def __init__(self, first: int, latest: int) -> None:
        self.first = first
        self.data: bytes | bytearray = bytearray()
        self.ends = array("I")
        self.times = array("q")
        self.sources = bytearray()
        self.levels = bytearray()  # 0: not looked at yet
        self.table: list[Source] = []
        self.cut: dict[int, int] = {}
        self.lines = 0
        self.latest = latest  # the latest time of these records and all before them
        self._closed = False
        self._plain = False
        self._secret_lines: list[int] = []
        self._secrets_known = -1

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def end(self) -> int:
        """The sequence number behind the last record."""
        return self.first + len(self.ends)

    @property
    def held_bytes(self) -> int:
        """What the block takes in memory, nearly."""
        return len(self.data) + len(self.ends) * RECORD_BYTES + BLOCK_BYTES

    def add(self, records: Sequence[LogLine], numbers: bytes) -> None:
        """More records, one or more, whose sources stand at those places of the table."""
        place, start = len(self.ends), len(self.data)
        raws = [record.raw for record in records]
        times = [record.timestamp_ns for record in records]
        latest = max(times)
        joined = b"\n".join(raws) + b"\n"
        self.data += joined
        self.ends.extend(islice(accumulate([len(raw) + 1 for raw in raws], initial=start - 1), 1, None))
        self.times.extend(times)
        self.sources += numbers
        self.levels += bytes(len(raws))
        self.lines += joined.count(b"\n")
        self.latest = max(self.latest, latest)
        self.cut.update((place + at, record.more) for at, record in enumerate(records) if record.more)

    def close(self) -> None:
        """No more will be added: room for it isn't kept, and what is found out is."""
        self.data = bytes(self.data)
        self.ends = array("I", self.ends)
        self.times = array("q", self.times)
        self.sources = bytearray(self.sources)
        self.levels = bytearray(self.levels)
        self._plain = not self.data.translate(None, _PRINTABLE)
        self._closed = True

    def start(self, at: int) -> int:
        """Where the bytes of a record begin."""
        return self.ends[at - 1] + 1 if at else 0

    def record(self, at: int) -> LogLine:
        """A record as it was added."""
        service, container, stream = self.table[self.sources[at]]
        raw = bytes(self.data[self.start(at) : self.ends[at]])
        return LogLine(service, container, stream, self.times[at], raw, self.cut.get(at, 0))

    def lines_at(self, at: int) -> int:
        """How many lines a record has."""
        if self.lines == len(self):
            return 1
        return 1 + self.data.count(b"\n", self.start(at), self.ends[at])

    def level(self, at: int) -> Level:
        """The level of a record."""
        if not self.levels[at]:
            self._set_levels(self.text(at, at + 1), at, at + 1)
        return Level(self.levels[at])

    def fill_levels(self, place: int = 0) -> None:
        """Have all levels from a place on known in `levels`."""
        unknown = self.levels.find(0, place)
        if unknown >= 0:
            self._set_levels(self.text(unknown), unknown, len(self))

    def _set_levels(self, block: BlockText, place: int, end: int) -> None:
        text, start, levels = block.text, block.start(place), self.levels
        for at, behind in enumerate(block.ends[: end - place], place):
            levels[at] = level_at(text, start, behind)
            start = behind + 1
        for number, (_, _, stream) in enumerate(self.table):
            if stream == MARKER:
                for at in range(place, end):
                    if self.sources[at] == number:
                        levels[at] = marker_level(marker_of(self.record(at).raw)[0])

    def share(self, source: int) -> tuple[int, int, int]:
        """Records, lines and bytes that are of one source of the table."""
        if len(self.table) == 1:
            return len(self), self.lines, len(self.data) - len(self)
        places = [at for at, number in enumerate(self.sources) if number == source]
        size = sum(self.ends[at] - self.start(at) for at in places)
        return len(places), sum(map(self.lines_at, places)), size

    # -- text ------------------------------------------------------------------------------

    def text(self, place: int = 0, end: int | None = None) -> BlockText:
        """The text of the records from a place on, to before `end`."""
        if end is None:
            end = len(self)
        if not 0 <= place < end:
            return BlockText("", (), place)
        start, stop = self.start(place), self.ends[end - 1] + 1
        data = self.data[start:stop] if stop - start < len(self.data) else self.data
        whole = self._closed and end - place == len(self)
        cut = bool(self.cut) and any(place <= at < end for at in self.cut)
        if not cut and (self._plain or not data.translate(None, _PRINTABLE)):
            text = data.decode("ascii")
            ends: Sequence[int] = self.ends if whole else [behind - start for behind in self.ends[place:end]]
            masked = self._masked(text, whole)
            if not masked:
                return BlockText(text, ends, place)
            lines = text.split("\n")
        else:
            lines = _visible_lines(data)
            masked = self._masked("\n".join(lines), whole)
        for number, line in masked.items():
            lines[number] = clean(line)
        return self._joined(lines, place, end)

    def _masked(self, text: str, whole: bool) -> dict[int, str]:
        """The lines that hold a secret, masked. Of a closed block it is remembered which they are."""
        known = known_secrets()
        if whole and self._secrets_known == known:
            lines = text.split("\n") if self._secret_lines else []
            return {number: mask(lines[number]) for number in self._secret_lines}
        found = masked_lines(text)
        if whole:
            self._secret_lines, self._secrets_known = list(found), known
        return found

    def _joined(self, lines: list[str], place: int, end: int) -> BlockText:
        """Text and ends of the records whose lines these are; a line that was cut tells it."""
        behind = self._lines_behind(place, end)
        for at, more in self.cut.items():
            if place <= at < end:
                line = bytes(self.data[self.start(at) : self.ends[at]]).decode("utf-8", "replace")
                lines[behind[at - place] - 1] = shown(line.rpartition("\n")[2], more)
        ends = list(accumulate((len(line) + 1 for line in lines), initial=-1))
        return BlockText("\n".join(lines), [ends[number] for number in behind], place)

    def _lines_behind(self, place: int, end: int) -> Sequence[int]:
        """The number of lines from a place on to the end of each record."""
        if self.lines == len(self):
            return range(1, end - place + 1)
        return list(accumulate(map(self.lines_at, range(place, end))))


def _visible_lines(data: bytes | bytearray) -> list[str]:
    """The clean lines of records, with the empty one behind the last line feed."""
    bare = strip(bytes(data))
    if not bare.translate(None, _PRINTABLE):  # nothing but colours
        return bare.decode("ascii").split("\n")
    return list(map(visible, data.decode("utf-8", "replace").split("\n")))
