"""Secrets: wrapped from the moment they are read, and struck out of everything that leaves.

`Secret` keeps a value out of reprs, formats, journals and tracebacks. `redact` strikes known
values and secret-looking text out of a string; every output of lettaops passes it.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Final, NoReturn
from urllib.parse import unquote

from lettaops.model.text import Safe, clean

MASK: Final = "****"
_SECRET_NAME = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL|URI|DSN", re.IGNORECASE)
# Each pattern is bounded: a line that was written to keep it busy can't.
# The password of a URI: up to the last `@` of the word, but not over the end of a quoted string into the
# next one. A port is none.
_USERINFO = re.compile(
    r"""(?x) (?P<lead> [a-zA-Z][a-zA-Z0-9+.-]{0,30}:// (?! (?<=http://|ttps://) [^\s/:@?#]*:\d{1,5}[/?#] )
             [^\s/:@?#'"]{0,256}: )
        (?P<value> (?: (?! ["'][,}\]):] ) \S ){0,256} ) @ (?= [^\s@] )"""
)
_ASSIGNED = re.compile(
    r"""(?ix) (?P<lead> (?<![\w-]) [\w-]*
        (?: (?<!bare-)passw(?:or)?d | passphrase | secret | api[_-]?key | access[_-]?key | credential
          | token (?! s | iz | _?(?:count|limit|usage|type|budget) ) )
        [\w-]{0,64} (?:\\*["'])? \s* [:=] \s* (?P<quote> \\*["'] )? )
        (?P<value> (?(quote) (?: (?! (?P=quote) ) (?: \\. | [^\\\n] ) )+
          | (?! (?:none|null|true|false)\b ) [^\s"',;}{\\] [^\s"']* ) )"""
)
_AUTHORIZATION = re.compile(
    r"""(?x) (?P<lead> (?i: \bauthorization["']?\s*[:=]\s*["']?\s*(?:bearer|basic)\s+
                          | \bx-bare-password["']?\s*[:=]\s*["']?\s*password\s+ ) )
        (?P<value> [^\s"']+ )"""
)
_BEARER = re.compile(
    r"""(?x) (?P<lead> \b(?i:bearer)\s+ (?! (?i:auth|token) )
                     | \b(?i:basic)\s+ (?= [A-Za-z0-9+/]{8,}= | \S{0,40}[a-z]\S{0,40}[A-Z]\S{0,40}[a-z0-9] ) )
        (?P<value> [A-Za-z0-9._~+/=-]{6,} )"""
)
_PATTERNS: Final = (_ASSIGNED, _AUTHORIZATION, _BEARER)
# A shorter or plainer value stands in ordinary words (the stock password is the product's name):
# striking it everywhere would garble the screen, so it is struck only where a pattern shows a secret.
_SHORTEST_STRUCK: Final = 6
_SHORTEST_NUMBER_STRUCK: Final = 8  # `MAX_TOKENS=128000` is no secret
_PLAIN_WORDS: Final = frozenset(
    {"letta", "postgres", "password", "secret", "localhost", "default", "openai", "docker"}
)


class Secret:
    """A value that no formatting shows. `reveal()` is the only way to it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        _redactor.register(value)

    def reveal(self) -> str:
        """The value itself: to be handed to a connection, never to an output."""
        return self._value

    def fingerprint(self) -> str:
        """First 12 hex digits of the SHA-256: tells whether two secrets are equal."""
        return hashlib.sha256(self._value.encode("utf-8", "surrogateescape")).hexdigest()[:12]

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __bool__(self) -> bool:
        return bool(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret can't be pickled")


def is_secret_name(name: str) -> bool:
    """Whether a variable or field of this name holds a secret, by the naming habits of the field."""
    return bool(_SECRET_NAME.search(name))


class Redactor:
    """Strikes registered values and secret-looking text out of strings."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def register(self, value: str) -> None:
        """Remember a value to strike; a URI's password part counts too."""
        for part in (value, *_passwords_in(value)):
            if _strikeable(part) and part not in self._values:
                self._values.add(part)
                self._pattern = None

    @property
    def count(self) -> int:
        """How many values are struck; it only grows."""
        return len(self._values)

    def finds(self, text: str) -> bool:
        """Whether a registered value stands in a text: much cheaper than `redact` where none does."""
        return any(value in text for value in self._values)

    def redact(self, text: str) -> str:
        """The text with every known or recognisable secret replaced by `****`."""
        if self._values:
            if self._pattern is None:
                longest_first = sorted(self._values, key=len, reverse=True)
                self._pattern = re.compile("|".join(map(re.escape, longest_first)))
            text = self._pattern.sub(MASK, text)
        if "://" in text:
            text = _USERINFO.sub(rf"\g<lead>{MASK}@", text)
        for pattern in _PATTERNS:
            text = pattern.sub(rf"\g<lead>{MASK}", text)
        return text


def _strikeable(value: str) -> bool:
    if len(value) < _SHORTEST_STRUCK or value.lower() in _PLAIN_WORDS:
        return False
    return not (value.isdecimal() and len(value) < _SHORTEST_NUMBER_STRUCK)


def _passwords_in(value: str) -> Iterable[str]:
    for match in _USERINFO.finditer(value):
        yield match["value"]
        yield unquote(match["value"])


_redactor = Redactor()


def known_secrets() -> int:
    """How many values this process strikes: another number tells that texts must be looked at again."""
    return _redactor.count


def holds_known_secret(text: str) -> bool:
    """Whether a value that this process strikes stands in a text."""
    return _redactor.finds(text)


def redact(text: str) -> str:
    """Strike every secret this process has read out of a text (process-wide `Redactor`)."""
    return _redactor.redact(text)


def presentable(text: str) -> Safe:
    """Text ready to be shown: secrets struck out, then cleaned.

    Twice, because an escape sequence may have split a secret, and a cut may have left half of one.
    """
    return clean(redact(clean(redact(text))))
