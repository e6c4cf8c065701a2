"""How one record reads: time, source, text."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from lettaops.model.cells import cut, pad, to_ascii, width
from lettaops.model.signs import Tone
from lettaops.model.text import Safe

from .base import Piece

Clock = Callable[[float], Safe]


@lru_cache(maxsize=64)
def _second(moment: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(moment))


def clock_time(moment: float) -> Safe:
    """A moment as the time of day here, in milliseconds: `12:04:01.221`."""
    thousandths = int(moment * 1000 + 0.001)  # a float is a little less than what it stands for
    return Safe(f"{_second(thousandths // 1000)}.{thousandths % 1000:03d}")


class Prefix(NamedTuple):
    """What stands before a record's text. `clock` None: no time. `source_width` 0: no source.

    A record that has neither time nor source stands alone, like a line between two runs.
    """

    clock: Clock | None = clock_time
    source_width: int = 0

    @property
    def cells(self) -> int:
        """How wide it is."""
        return _cells(self)

    def pieces(self, moment: float | None, source: Safe, *, ascii: bool) -> tuple[Piece, ...]:
        """The prefix of a record, as wide as that of any other at that time of day."""
        if moment is None and not source:
            return ()
        found: list[str] = []
        if self.clock is not None:
            known = self.clock(0.0 if moment is None else moment)
            found.append(known if moment is not None else pad("–", width(known)))
        if self.source_width:
            name = to_ascii(source) if ascii else source
            found.append(pad(cut(name, self.source_width), self.source_width))
        text = "".join(f"{part} " for part in found)
        return (Piece(to_ascii(text) if ascii else text, Tone.MUTED.value),) if text else ()


DEFAULT_PREFIX = Prefix()


@lru_cache(maxsize=16)
def _cells(prefix: Prefix) -> int:
    return sum(width(piece.text) for piece in prefix.pieces(0.0, Safe("x"), ascii=True))
