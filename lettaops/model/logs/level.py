"""How grave a record is, by its own words; one order for the words of all programs."""

from enum import IntEnum
from typing import Final


class Level(IntEnum):
    """Levels in their order. UNKNOWN stands among those that need nobody: most lines of that kind are
    progress, so a threshold of INFO lets them through and a higher one doesn't. 0 stays free.
    """

    TRACE = 1
    DEBUG = 2
    INFO = 3
    UNKNOWN = 4
    NOTICE = 5
    WARNING = 6
    ERROR = 7
    CRITICAL = 8

    @property
    def label(self) -> str:
        """The word for it; empty for UNKNOWN."""
        return "" if self is Level.UNKNOWN else self.name.lower()


# Words in upper case. `WARNI` and `CRITI`: alembic cuts at five characters. A session of Postgres that
# ends with FATAL is worse than a statement that ended with ERROR; LOG is for the operator, not of a fault.
WORDS: Final[dict[str, Level]] = {
    "TRACE": Level.TRACE,
    "DEBUG": Level.DEBUG,
    **{f"DEBUG{depth}": Level.DEBUG for depth in range(1, 6)},
    "VERBOSE": Level.DEBUG,
    "INFO": Level.INFO,
    "INFORMATION": Level.INFO,
    "LOG": Level.INFO,
    "NOTICE": Level.NOTICE,
    "WARN": Level.WARNING,
    "WARNI": Level.WARNING,
    "WARNING": Level.WARNING,
    "ERR": Level.ERROR,
    "ERROR": Level.ERROR,
    "SEVERE": Level.ERROR,
    "CRIT": Level.CRITICAL,
    "CRITI": Level.CRITICAL,
    "CRITICAL": Level.CRITICAL,
    "ALERT": Level.CRITICAL,
    "EMERG": Level.CRITICAL,
    "FATAL": Level.CRITICAL,
    "PANIC": Level.CRITICAL,
}


def level_named(word: str) -> Level | None:
    """The level that a word means, in any case; None when it is none."""
    return WORDS.get(word.upper())


def level_of_status(status: int) -> Level:
    """The level of an HTTP answer: the server's own faults are errors, refused requests warnings."""
    return Level.ERROR if status >= 500 else Level.WARNING if status >= 400 else Level.INFO
