"""Lenient reading of JSON objects from outside.

Engines of different versions and makes leave fields out, send null for empty lists and change
types. A `Document` answers None, or an empty value, where a field isn't what was expected, and
cleans every text on the way.
"""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

from lettaops.model.text import Safe, clean

MAX_DEPTH: Final = 64


class Document:
    """A JSON object of uncertain shape. No method raises, whatever the object holds."""

    __slots__ = ("_fields",)

    def __init__(self, value: object) -> None:
        self._fields: Mapping[str, object] = value if isinstance(value, dict) else {}

    def __bool__(self) -> bool:
        return bool(self._fields)

    def __contains__(self, name: str) -> bool:
        return self._fields.get(name) is not None

    def text(self, name: str) -> Safe:
        """The field as one cleaned line; empty when absent or no text."""
        value = self._fields.get(name)
        return clean(value) if isinstance(value, str) else Safe()

    def integer(self, name: str) -> int | None:
        """The field as a whole number; None when absent or no number."""
        value = self._fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        try:
            return int(value)
        except (ValueError, OverflowError):  # NaN, infinity
            return None

    def number(self, name: str) -> float | None:
        """The field as a finite number; None when absent or none."""
        value = self._fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        try:
            return number if math.isfinite(number := float(value)) else None
        except OverflowError:
            return None

    def flag(self, name: str) -> bool:
        """Whether the field is true; anything else, absence too, is False."""
        return self._fields.get(name) is True

    def sub(self, name: str) -> "Document":
        """The object in a field; an empty one when absent."""
        return Document(self._fields.get(name))

    def subs(self, name: str) -> Iterator["Document"]:
        """The objects in a list field."""
        value = self._fields.get(name)
        if isinstance(value, list):
            yield from (Document(item) for item in value if isinstance(item, dict))

    def texts(self, name: str) -> tuple[Safe, ...]:
        """The texts of a list field (a single text counts as a list of one), cleaned."""
        value = self._fields.get(name)
        if isinstance(value, str):
            return (clean(value),)
        return (
            tuple(clean(item) for item in value if isinstance(item, str)) if isinstance(value, list) else ()
        )

    def raw(self, name: str) -> str:
        """The field's text as it is, for what is parsed or cut before it is cleaned; empty when absent."""
        value = self._fields.get(name)
        return value if isinstance(value, str) else ""

    def integers(self, name: str) -> tuple[int, ...]:
        """The whole numbers of a list field."""
        value = self._fields.get(name)
        return tuple(item for item in value if type(item) is int) if isinstance(value, list) else ()

    def raw_texts(self, name: str) -> tuple[str, ...]:
        """The texts of a list field as they are: for values that are wrapped or parsed next, never shown."""
        value = self._fields.get(name)
        return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()

    def mapping(self, name: str) -> dict[Safe, Safe]:
        """An object field of texts, names and values cleaned."""
        value = self._fields.get(name)
        if not isinstance(value, dict):
            return {}
        return {clean(str(key)): clean(item) for key, item in value.items() if isinstance(item, str)}

    def entries(self, name: str) -> Iterator[tuple[Safe, object]]:
        """Names (cleaned) and raw values of an object field."""
        value = self._fields.get(name)
        if isinstance(value, dict):
            yield from ((clean(str(key)), item) for key, item in value.items())

    def time(self, name: str) -> datetime | None:
        """The field as a moment (RFC 3339, or seconds since 1970); None when absent or the zero time."""
        value = self._fields.get(name)
        if isinstance(value, str):
            return parse_time(value)
        seconds = self.integer(name)
        if not seconds or seconds < 0:
            return None
        try:
            return datetime.fromtimestamp(seconds, UTC)
        except (ValueError, OverflowError, OSError):
            return None


def parse_time(value: str) -> datetime | None:
    """An RFC 3339 time with any number of fraction digits, in UTC; None when it is none, or the zero time."""
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    if moment.year <= 1:
        return None
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # the last hours of the year 9999
        return None


def parse_port(value: str) -> int | None:
    """A port number in decimal digits; None when it is none."""
    number = parse_count(value)
    return number if number is not None and number < 65_536 else None


def parse_count(value: str) -> int | None:
    """A whole number in decimal digits, of a length that a counter can have; None when it is none."""
    return int(value) if value.isdecimal() and len(value) < 20 else None
