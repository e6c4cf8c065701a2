"""What every view of a stack shows alike: the sign of a verdict or a state, and what a service is called.

Imports only the standard library and `model.text`: the first frame, drawn while the rest is still
loading, shows the same as the command line and the screens.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from lettaops.model.text import Safe


class Tone(StrEnum):
    """How a text is meant. Colour only repeats what the text or its symbol says."""

    NORMAL = "normal"
    MUTED = "muted"
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"
    ACCENT = "accent"


class Sign(NamedTuple):
    """A symbol of one cell (`model.cells.to_ascii` has its stand-in) and its tone."""

    symbol: Safe
    tone: Tone


CURSOR: Final = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"  # before the row that keys act on
_GOOD: Final = Sign(Safe("●"), Tone.GOOD)
_BEGINS: Final = Sign(Safe("◐"), Tone.WARN)
_WORRIES: Final = Sign(Safe("▲"), Tone.WARN)
_RESTS: Final = Sign(Safe("○"), Tone.MUTED)
_BROKEN: Final = Sign(Safe("✕"), Tone.BAD)
_UNKNOWN: Final = Sign(Safe("?"), Tone.MUTED)
# By the words of `Verdict`, `Overall` and `ContainerStatus`; each word means the same in all that have it.
_SIGNS: Final = (
    dict.fromkeys(("ok", "healthy", "running"), _GOOD)
    | dict.fromkeys(("starting",), _BEGINS)
    | dict.fromkeys(("degraded", "paused", "restarting"), _WORRIES)
    | dict.fromkeys(("stopped", "created", "exited", "removing"), _RESTS)
    | dict.fromkeys(("down", "dead"), _BROKEN)
)


def sign(word: str) -> Sign:
    """The sign of a verdict, of an overall verdict or of a container's state; `?` for any other word."""
    return _SIGNS.get(word, _UNKNOWN)


def shown_names(services: Sequence[Safe], containers: Sequence[Safe]) -> list[Safe]:
    """What containers are called: as their services, or by their own names where a service has several."""
    return [
        container if services.count(service) > 1 else service
        for service, container in zip(services, containers, strict=True)
    ]
