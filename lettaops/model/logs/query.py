"""What is asked of records: parts that are set and removed one by one, and which records of a block pass."""

from array import array
from collections.abc import Sequence
from itertools import compress
from typing import Final

import msgspec

from lettaops.model.logs.block import Block
from lettaops.model.logs.level import Level
from lettaops.model.logs.line import MARKER
from lettaops.model.logs.pattern import Limiter, Match, Searcher
from lettaops.model.text import Safe


class Include(msgspec.Struct, frozen=True):
    """Records that hold it in one of their lines."""

    match: Match


class Exclude(msgspec.Struct, frozen=True):
    """Records that hold it in none of their lines."""

    match: Match


class AtLeast(msgspec.Struct, frozen=True):
    """Records of that level or a graver one."""

    level: Level


class Services(msgspec.Struct, frozen=True):
    """Records of these services."""

    names: frozenset[Safe]


class Since(msgspec.Struct, frozen=True):
    """Records of that moment and later ones, by the engine's time; nanoseconds since 1970."""

    time_ns: int


class Until(msgspec.Struct, frozen=True):
    """Records before that moment."""

    time_ns: int


Part = Include | Exclude | AtLeast | Services | Since | Until
_ONE_OF_A_KIND: Final = (AtLeast, Services, Since, Until)


class Query(msgspec.Struct, frozen=True):
    """All parts hold. `markers`: what reading says between lines is asked for its service and time only."""

    parts: tuple[Part, ...] = ()
    markers: bool = True

    def having(self, part: Part) -> "Query":
        """With one more part, last; a second level, set of services or bound of time replaces the first."""
        kept = (
            each
            for each in self.parts
            if each != part and not (isinstance(part, _ONE_OF_A_KIND) and type(each) is type(part))
        )
        return msgspec.structs.replace(self, parts=(*kept, part))

    def without(self, part: Part) -> "Query":
        """Without a part."""
        return msgspec.structs.replace(self, parts=tuple(each for each in self.parts if each != part))


class Evaluator:
    """A query, ready to be asked. Raises `UsageError` where a part is no regular expression.

    `limiter` is held around each search with regular expressions: see `model.logs.pattern`.
    """

    def __init__(self, query: Query, limiter: Limiter) -> None:
        self.query = query
        self._limiter = limiter
        self._included = [Searcher(part.match) for part in query.parts if isinstance(part, Include)]
        self._excluded = [Searcher(part.match) for part in query.parts if isinstance(part, Exclude)]
        self._least = max((part.level for part in query.parts if isinstance(part, AtLeast)), default=None)
        self._services = [part.names for part in query.parts if isinstance(part, Services)]
        self._since = [part.time_ns for part in query.parts if isinstance(part, Since)]
        self._until = [part.time_ns for part in query.parts if isinstance(part, Until)]

    def passing(self, block: Block, place: int = 0) -> Sequence[int]:
        """The sequence numbers of the records from a place of a block on that pass, in order.

        Takes about a millisecond. Raises `TooSlow` where the limiter does.
        """
        count = len(block) - place
        seqs = range(block.first + place, block.end)
        if count <= 0 or not self.query.parts:
            return seqs
        mask = self._cheap(block, place, count)
        if mask and (self._included or self._excluded or self._least is not None):
            content = self._content(block, place, count)
            if self.query.markers:
                content |= _ones([source[2] == MARKER for source in block.table], block.sources[place:])
            mask &= content
        return array("Q", compress(seqs, mask.to_bytes(count, "little"))) if mask else ()

    def _cheap(self, block: Block, place: int, count: int) -> int:
        """Service and time. A mask: byte n of the number is 1 where the record n places on passes."""
        mask = _all(count)
        for names in self._services:
            mask &= _ones([source[0] in names for source in block.table], block.sources[place:])
        times = block.times[place:] if self._since or self._until else ()
        for since in self._since:
            mask &= int.from_bytes(bytes([time >= since for time in times]), "little")
        for until in self._until:
            mask &= int.from_bytes(bytes([time < until for time in times]), "little")
        return mask

    def _content(self, block: Block, place: int, count: int) -> int:
        """Level and text."""
        mask = _all(count)
        if self._least is not None:
            block.fill_levels(place)
            mask &= _ones([level >= self._least for level in range(len(Level) + 1)], block.levels[place:])
        if not mask or not (self._included or self._excluded):
            return mask
        text = block.text(place)
        with self._limiter():
            for searcher in self._included:
                found = bytearray(count)
                for at in searcher.places(text):
                    found[at - place] = 1
                mask &= int.from_bytes(found, "little")
                if not mask:
                    return 0
            for searcher in self._excluded:
                kept = bytearray(b"\1") * count
                for at in searcher.places(text):
                    kept[at - place] = 0
                mask &= int.from_bytes(kept, "little")
        return mask


def _all(count: int) -> int:
    return int.from_bytes(b"\1" * count, "little")


def _ones(passes: Sequence[bool], numbers: bytearray) -> int:
    """The mask of the places whose number passes."""
    return int.from_bytes(numbers.translate(bytes(passes).ljust(256, b"\0")), "little")
