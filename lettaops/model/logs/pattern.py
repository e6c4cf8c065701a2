"""What is looked for in log lines: a text or a regular expression, found in one line of clean, masked text.

A text is found without regular expressions, so nothing in a line can make it slow. A regular expression
can take time without bound on one line; Python lets go of it for a signal only. So whoever evaluates one
hands in a limiter, which raises `TooSlow` within the search, and the expression is given up.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Final

import msgspec

from lettaops.model.errors import UsageError
from lettaops.model.logs.block import BlockText
from lettaops.model.logs.regex import Shape, compiled, shape
from lettaops.model.text import Safe

Limiter = Callable[[], AbstractContextManager[None]]
MOST_MARKS: Final = 200  # hits that are marked in one line


class TooSlow(Exception):
    """A regular expression took longer than its limit."""


class Match(msgspec.Struct, frozen=True):
    """What is looked for. In any case of letters, unless it has upper case ones (smart case)."""

    text: Safe
    regex: bool = False

    def __str__(self) -> str:
        return f"/{self.text}/" if self.regex else self.text


def parse_match(typed: Safe) -> Match | Safe | None:
    """What was typed: `/…/` is a regular expression, whose closing stroke may be missing, else a text.

    None when there is nothing to look for yet; a `Safe` says why it can't be looked for.
    """
    if not typed.startswith("/"):
        return Match(typed) if typed else None
    wanted = typed[1:-1] if len(typed) > 1 and typed.endswith("/") else typed[1:]
    if not wanted:
        return None
    match = Match(Safe(wanted), regex=True)
    try:
        Searcher(match)
    except UsageError as error:
        return error.what
    return match


class Searcher:
    """A `Match`, ready to be looked for. Raises `UsageError` for what is no regular expression."""

    def __init__(self, match: Match) -> None:
        text = str(match.text)
        self._regex = match.regex
        self._shape = shape(text) if match.regex else Shape(None, text != text.lower(), True)
        self._any_case = not self._shape.upper
        self._needle = text.lower() if self._any_case else text
        source = text if match.regex else re.escape(text)
        flags = re.MULTILINE | (re.IGNORECASE if self._any_case else 0)
        within = self._shape.within_line
        try:
            self._pattern = compiled(source, flags)
            # Small letters in text made small: several times as fast as letters of any case.
            self._small = compiled(source if within is None else within, re.MULTILINE)
            self._within_line = compiled(within, flags) if within is not None else None
        except (re.error, OverflowError, RecursionError) as error:
            why = error.msg if isinstance(error, re.error) else "it is too large"
            raise UsageError(f"not a regular expression: {text}: {why}") from None

    def marks(self, line: str) -> list[tuple[int, int]]:
        """Where it stands in a line: (start, end), at most MOST_MARKS of them, none of them empty."""
        found: list[tuple[int, int]] = []
        for match in self._pattern.finditer(line):
            if match.end() > match.start():
                found.append(match.span())
                if len(found) >= MOST_MARKS:
                    break
        return found

    def places(self, block: BlockText) -> Iterator[int]:
        """The places of the records that hold it, each once, in order."""
        if not block.ends:
            return iter(())
        text = block.text
        lowered = text.lower() if self._any_case else text
        same = text.isascii() or len(lowered) == len(text)
        if not self._regex:
            return _found(lowered, self._needle, block) if same else _each(self._pattern, block, block.places)
        if self._any_case and not (self._shape.plain_letters and text.isascii()):
            pattern = self._within_line
            return _hit(pattern, block) if pattern is not None else _each(self._pattern, block, block.places)
        block = block._replace(text=lowered)
        if self._shape.literals:
            held = {at for literal in self._shape.literals for at in _found(lowered, literal, block)}
            return _each(self._small, block, sorted(held))
        return _hit(self._small, block) if self._within_line else _each(self._small, block, block.places)


def _each(pattern: re.Pattern[str], block: BlockText, places: Iterable[int]) -> Iterator[int]:
    """Look at some records one by one."""
    text, ends, first, search, find = block.text, block.ends, block.place, pattern.search, block.text.find
    for at in places:
        start = ends[at - first - 1] + 1 if at > first else 0
        end = ends[at - first]
        while (behind := find("\n", start, end)) >= 0:
            if search(text, start, behind):
                break
            start = behind + 1
        else:
            if not search(text, start, end):
                continue
        yield at


def _found(text: str, needle: str, block: BlockText) -> Iterator[int]:
    find, ends, first = text.find, block.ends, block.place
    at = find(needle)
    while 0 <= at <= ends[-1]:
        place = block.place_of(at)
        yield place
        at = find(needle, ends[place - first] + 1)


def _hit(pattern: re.Pattern[str], block: BlockText) -> Iterator[int]:
    search, text, ends, first = pattern.search, block.text, block.ends, block.place
    match = search(text, 0, ends[-1])
    while match:
        place = block.place_of(match.start())
        yield place
        match = search(text, ends[place - first] + 1, ends[-1]) if place - first + 1 < len(ends) else None
