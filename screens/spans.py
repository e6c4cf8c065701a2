"""Pieces of fixed lines and how they are meant, for all screens. No widget, no Textual."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from lettaops.model.cells import ELLIPSIS, cut, width, wrap
from lettaops.model.signs import Tone, sign
from lettaops.model.source import Link
from lettaops.model.text import Safe, clean
from lettaops.model.timeline import Weight
from lettaops.model.units import duration
from lettaops.monitor.snapshot import Snapshot

WEIGHTS: Final = {Weight.NOTE: Tone.MUTED, Weight.CHANGE: Tone.NORMAL, Weight.FAULT: Tone.BAD}
_PLACE_LEAST: Final = 12  # cells of the place below which the product's name gives way to it


class Span(NamedTuple):
    """A piece of a line and how it is meant. `style`: one of its own, instead of its tone's."""

    text: Safe
    tone: Tone = Tone.NORMAL
    style: str = ""


class Badge(NamedTuple):
    """A profile's name and the style it is shown in."""

    text: Safe
    style: str


def cells(spans: Iterable[Span]) -> int:
    """How wide pieces are together."""
    return sum(width(each.text) for each in spans)


def fitted(text: Safe, columns: int, lines: int) -> Safe:
    """A sentence in so many lines of so many cells, broken at spaces; an ellipsis where it goes on."""
    found = wrap(text, max(1, columns))
    if len(found) > lines:
        last = wrap(found[lines - 1], max(1, columns - 2))[0]
        found = [*found[: lines - 1], f"{last} {ELLIPSIS}"]
    return Safe("\n".join(found))


def clock(moment: datetime) -> Safe:
    """A time of day here."""
    return clean(moment.astimezone().strftime("%H:%M:%S"))


def freshness(snapshot: Snapshot) -> Span:
    """How current the container states are: live, else the link and the age of what is shown."""
    if snapshot.engine.link is Link.LIVE:
        return Span(Safe("live"), Tone.MUTED)
    age = duration(snapshot.seen_age_s) if snapshot.seen_age_s is not None else "never seen"
    return Span(clean(f"{snapshot.engine.link} · {age}"), Tone.WARN)


def place(snapshot: Snapshot, *, local: bool) -> Safe:
    """Host, project and engine."""
    project = snapshot.stack.project if snapshot.stack is not None else "–"
    engine = snapshot.engine_name.removeprefix("unix://")
    host = [snapshot.host.name] if snapshot.host is not None and local else []
    return Safe(" · ".join([*host, project, engine]))


def title(
    snapshot: Snapshot, where: Safe, columns: int, *, badge: Badge | None = None, marks: Sequence[Safe] = ()
) -> list[Span]:
    """The title bar: where we are and in which way, then how things are and how old that is.

    In a narrow one the place is cut, and at last the product's name left out; nothing else ever is.
    """
    overall = snapshot.assessment.overall
    symbol, tone = sign(overall)
    fresh = freshness(snapshot)
    right = [Span(Safe(f"{symbol} {overall.upper()}"), tone), Span(Safe(" · ")), fresh]
    name = [Span(Safe(" lettaops "), Tone.ACCENT)]
    middle = [Span(Safe(f" {badge.text} "), style=badge.style)] if badge is not None else []
    told = [Span(Safe(f" {each} "), Tone.WARN) for each in marks]
    fixed = cells((*middle, *told, *right)) + 3
    if columns - fixed - cells(name) < min(_PLACE_LEAST, width(where)):
        name = []
    room = max(0, columns - fixed - cells(name))
    if snapshot.engine.link is Link.LIVE and width(where) > room:
        room, right = room + cells(right[1:]), right[:1]  # no news: what is shown is current
    left = [*name, *middle, Span(Safe(f" {cut(where, room)}")), *told]
    gap = Span(Safe(" " * max(1, columns - cells(left) - cells(right) - 1)))
    return [*left, gap, *right]
