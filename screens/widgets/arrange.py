"""Which rows of a table are shown, and in which order: filter, sections, sorting. Pure."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lettaops.model.text import Safe

from .columns import Column, Comparable, Row


class Order(NamedTuple):
    """Sorted by a column's key."""

    column: str
    descending: bool = False


class Filter(NamedTuple):
    """A filter as typed, and what it means: a text to be found in any case, or a pattern."""

    text: Safe
    wanted: str
    pattern: re.Pattern[str] | None = None

    def matches(self, text: str) -> bool:
        """Whether the text is let through."""
        return bool(self.pattern.search(text)) if self.pattern else self.wanted in text.casefold()


def parse_filter(text: Safe) -> Filter | Safe | None:
    """A filter, None when there is nothing to filter by, or why it can't be one.

    `/…/` is a regular expression (any case); the closing stroke may be missing, as while it is typed.
    """
    if not text:
        return None
    if not text.startswith("/"):
        return Filter(text, text.casefold())
    wanted = text[1:-1] if len(text) > 1 and text.endswith("/") else text[1:]
    if not wanted:
        return None
    try:
        return Filter(text, "", re.compile(wanted, re.IGNORECASE))
    except re.error as error:
        return Safe(f"not a regular expression: {error.msg}")


def arrange(
    rows: Sequence[Row], columns: Sequence[Column], chosen: Filter | None, order: Order | None
) -> list[Row]:
    """The rows that pass the filter, sorted within their sections.

    A row that spans begins a section and stays in front of it. It vanishes with the last
    row of its section, unless it never had one, like a fold.
    """
    column = next((column for column in columns if order and column.key == order.column), None)
    shown: list[Row] = []
    section: list[Row] = []
    head: Row | None = None
    for row in (*rows, None):
        if row is not None and not row.spans:
            section.append(row)
            continue
        kept = [one for one in section if _passes(one, chosen)] if chosen else section
        if head is not None and (kept or not section):
            shown.append(head)
        shown.extend(_sorted(kept, column.sort_key, order) if column and column.sort_key and order else kept)
        head, section = row, []
    return shown


def _passes(row: Row, chosen: Filter) -> bool:
    texts = row.search or map(row.text, range(len(row.cells)))
    return any(map(chosen.matches, texts))


def _sorted(rows: list[Row], key: Callable[[Row], Comparable | None], order: Order) -> list[Row]:
    known: list[tuple[Comparable, Row]] = []
    unknown: list[Row] = []
    for row in rows:
        value = key(row)
        if value is None:
            unknown.append(row)
        else:
            known.append((value, row))
    known.sort(key=lambda pair: pair[0], reverse=order.descending)
    return [*(row for _, row in known), *unknown]
