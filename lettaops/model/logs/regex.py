"""Regular expressions for many lines in one text: rewritten so that they match within a line only."""

import re
import warnings
from typing import Final, NamedTuple

_REPLACED: Final = {
    r"\s": r"[^\S\n]",
    r"\D": r"[^\d\n]",
    r"\W": r"[^\w\n]",
    r"\A": "^",
    r"\Z": "$",
}
_SHORTEST_LITERAL: Final = 2
_MOST_LITERALS: Final = 8
_PLAIN_GROUP = re.compile(r"\(\?(?:P<\w*>|P=\w*|<=|<!|[:=!>])|\((?!\?)")


_COUNT = re.compile(r"\{\d*,?\d*\}")


class Shape(NamedTuple):
    """What a pattern's text tells about it.

    `within_line`: a pattern that finds the same in each line, and never over the end of one, when many
    lines stand in one text; None where that can't be told. `upper`: it names an upper case letter.
    `plain_letters`: letters in it are of ASCII and stand for themselves, so that a pattern in lower case
    finds the same in lower case text.
    `literals`: one of them is in every line where it is found; empty where that can't be told.
    """

    within_line: str | None
    upper: bool
    plain_letters: bool
    literals: tuple[str, ...] = ()


def compiled(source: str, flags: int) -> re.Pattern[str]:
    """`re.compile` without its warnings. Raises re.error, OverflowError or RecursionError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what a later Python may read otherwise
        return re.compile(source, flags)


def shape(source: str) -> Shape:
    """What the text of a pattern tells; nothing of use for one that is none."""
    parts: list[str] = []
    literals = _Literals()
    single, upper, plain = True, False, source.isascii()
    at = 0
    while at < len(source):
        char = piece = source[at]
        if char == "\\":
            piece = source[at : at + 2]
            single = single and piece not in (r"\n", r"\x", r"\u", r"\U", r"\N", r"\0")
            plain = plain and piece[1:] not in ("x", "u", "U", "N") and not piece[1:].isdigit()
            parts.append(_REPLACED.get(piece, piece))
        elif char == "[":
            found = _Class(source, at)
            piece = source[at : found.end]
            single, upper, plain = single and found.single, upper or found.upper, plain and found.plain
            parts.append(found.text)
        elif char == "(":
            group = _PLAIN_GROUP.match(source, at)
            single = plain = single and group is not None  # flags, conditions and comments are left alone
            piece = group[0] if group else "(?"
            parts.append(piece)
        else:
            if count := _COUNT.match(source, at):
                piece = count[0]
            upper = upper or char.isupper()
            parts.append(piece)
        literals.take(piece)
        at += len(piece)
    return Shape("".join(parts) if single else None, upper, plain, literals.texts() if plain else ())


class _Group:
    """The pattern, or a group of it, as far as it was read: the texts one of which each branch asks for."""

    def __init__(self, *, asks: bool = True) -> None:
        self.asks = asks  # False: what stands in it need not be in the line, or is looked at twice
        self.repeats_last = False  # the last of `found` is a group that a repeat may make absent
        self.run = ""
        self.found: list[tuple[str, ...]] = []
        self._branches: list[tuple[str, ...]] = []

    def end_run(self) -> None:
        """Plain characters in a row are over."""
        if len(self.run) >= _SHORTEST_LITERAL:
            self.found.append((self.run,))
        self.run = ""
        self.repeats_last = False

    def end_branch(self) -> None:
        """A branch is over: of what it asks for, that whose shortest text is the longest."""
        self.end_run()
        self._branches.append(max(self.found, key=lambda texts: min(map(len, texts)), default=()))
        self.found = []

    def all(self) -> tuple[str, ...]:
        """One or more texts of each branch; none if a branch asks for nothing."""
        self.end_branch()
        texts = tuple(text for branch in self._branches for text in branch)
        return texts if self.asks and all(self._branches) and len(texts) <= _MOST_LITERALS else ()


class _Literals:
    """Texts of which a line that is found holds at least one: runs of plain characters in a pattern."""

    def __init__(self) -> None:
        self._groups = [_Group()]

    def take(self, piece: str) -> None:
        """The next piece of the pattern: a character, an escape, a class, a count, or a group's start."""
        group = self._groups[-1]
        if piece[0] == "(":
            group.end_run()
            self._groups.append(_Group(asks=piece in ("(", "(?:", "(?>") or piece.startswith("(?P<")))
        elif piece == ")" and len(self._groups) > 1:
            self._close()
        elif piece == "|":
            group.end_branch()
        elif piece[0] in "*?{":  # what it repeats may be absent
            if group.repeats_last:
                group.found.pop()
            group.run = group.run[:-1]
            group.end_run()
        elif len(piece) == 1 and piece not in "+.^$":
            group.repeats_last = False
            group.run += piece
        elif len(piece) == 2 and piece[0] == "\\" and not piece[1].isalnum():
            group.repeats_last = False
            group.run += piece[1]
        else:
            group.end_run()

    def texts(self) -> tuple[str, ...]:
        """The texts; none if the pattern asks for none that is worth looking for."""
        return self._groups[0].all() if len(self._groups) == 1 else ()

    def _close(self) -> None:
        texts = self._groups.pop().all()
        group = self._groups[-1]
        if texts:
            group.found.append(texts)
            group.repeats_last = True


class _Class:
    """A class in brackets, from `at` on: its text, where it ends, and the parts of a `Shape`."""

    def __init__(self, source: str, at: int) -> None:
        self.upper, self.plain = False, True
        begin = at + 2 if source[at + 1 : at + 2] == "^" else at + 1
        self.end, crosses = begin, False
        while self.end < len(source) and (source[self.end] != "]" or self.end == begin):
            member = source[self.end : self.end + 2] if source[self.end] == "\\" else source[self.end]
            self.end += len(member)
            self._look(member)
            crosses = crosses or member in (r"\s", r"\D", r"\W", r"\n", r"\x", r"\u", r"\U", r"\N", r"\0")
        self.end = min(len(source), self.end + 1)
        content = source[begin : self.end]
        self.text = source[at : self.end]
        self.single = not crosses
        if begin == at + 2:
            self.single = True
            self.text = rf"[^\n{content}" if not content.startswith("]") else rf"[^\n\{content}"
        self._look_at_ranges(content)

    def _look(self, member: str) -> None:
        if len(member) == 2:
            self.plain = self.plain and member[1] not in "xuUN0123456789"
        else:
            self.upper = self.upper or member.isupper()

    def _look_at_ranges(self, content: str) -> None:
        """A range between others than two small letters or two digits may hold large letters."""
        for number in range(1, len(content) - 2):
            if content[number] == "-":
                low, high = content[number - 1], content[number + 1]
                alike = (low.islower() and high.islower()) or (low.isdigit() and high.isdigit())
                self.plain = self.plain and alike and low.isascii() and high.isascii()
