"""Secrets in log lines, masked; cheap on the many lines that hold none.

Letta prints the URI of its database with the password, its server password at the start in secure mode,
and what its users' requests and tracebacks hold. View, copy, search and export all take the masked text.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from lettaops.model.secrets import MASK, holds_known_secret, redact

# What must stand somewhere for a pattern of `model.secrets` to match, in lower case: a few letters to look
# for, the fewer the better, and what stands around them.
_ASSIGNED: Final = r"[\w-]{0,64}(?:\\*[\"'])?\s*[:=]"
_HINTS: Final = tuple(
    (letters, re.compile(pattern))
    for letters, pattern in (
        ("pass", rf"pass(?:w(?:or)?d|phrase){_ASSIGNED}"),
        ("secret", f"secret{_ASSIGNED}"),
        ("key", rf"(?:(?<=api)|(?<=access)|(?<=api[_-])|(?<=access[_-]))key{_ASSIGNED}"),
        ("credential", f"credential{_ASSIGNED}"),
        ("token", rf"token(?!s|iz|_?(?:count|limit|usage|type|budget)){_ASSIGNED}"),
        ("authorization", rf"authorization{_ASSIGNED}"),
        ("bearer", r"bearer\s"),
        ("basic", r"basic\s+\S{6}"),
    )
)
_LONGEST_URI: Final = 700  # from the scheme's `://` to the `@` behind the password
# Letta prints the password bare, with whatever spaces are in it.
_SECURE_MODE = re.compile(r"(?P<lead>secure mode with password:\s*)(?P<value>\S.*)")


def mask(text: str) -> str:
    """One clean line with the secrets in it replaced by `****`."""
    if not holds_known_secret(text) and next(_hints(text.lower()), None) is None:
        return text
    return redact(_SECURE_MODE.sub(rf"\g<lead>{MASK}", text))


def masked_lines(text: str) -> dict[int, str]:
    """The clean lines of a text that `mask` changes, as it changes them; lines are counted from 0."""
    lowered = text.lower()
    if holds_known_secret(text) or len(lowered) != len(text):
        suspects: Iterable[int] = range(text.count("\n") + 1)
    else:
        suspects = _lines_at(text, sorted(_hints(lowered)))
        if not suspects:
            return {}
    lines = text.split("\n")
    return {number: masked for number in suspects if (masked := mask(lines[number])) != lines[number]}


def _lines_at(text: str, positions: Sequence[int]) -> list[int]:
    """The lines that rising positions stand in, each once."""
    found: dict[int, None] = {}
    number = before = 0
    for at in positions:
        number += text.count("\n", before, at)
        before = at
        found[number] = None
    return list(found)


def _hints(lowered: str) -> Iterator[int]:
    """Where a secret may stand in lines of text: of each kind one place in a line."""
    for letters, pattern in _HINTS:
        at = lowered.find(letters)
        while at >= 0:
            if pattern.match(lowered, at):
                yield at
                at = lowered.find("\n", at)
            at = lowered.find(letters, at + 1) if at >= 0 else -1
    at = lowered.find("@")
    while at >= 0:
        if lowered.rfind("://", max(0, at - _LONGEST_URI), at) >= 0:
            yield at
            at = lowered.find("\n", at)
        at = lowered.find("@", at + 1) if at >= 0 else -1
