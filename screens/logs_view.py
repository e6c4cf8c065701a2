"""What the Logs screen says around its records, as pure functions: no widget, no Textual."""

from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import msgspec

from lettaops.model.cells import cut, width
from lettaops.model.errors import LettaopsError
from lettaops.model.logs.histogram import Bucket
from lettaops.model.logs.level import Level
from lettaops.model.logs.line import NO_TIME, LogLine
from lettaops.model.logs.parsed import Kind
from lettaops.model.logs.query import AtLeast, Exclude, Include, Part, Query, Services, Since
from lettaops.model.logs.record import record_lines, record_parsed, time_text
from lettaops.model.moment import clock
from lettaops.model.signs import Tone
from lettaops.model.source import Link
from lettaops.model.text import Safe, clean, clean_block
from lettaops.model.units import duration
from lettaops.monitor.snapshot import Snapshot

from .spans import Span, cells
from .widgets.prefix import Clock, clock_time

NO_LINES: Final = Safe("no log lines yet")
LEVELS: Final = (None, Level.INFO, Level.WARNING, Level.ERROR)
_BARS: Final = "▁▂▃▄▅▆▇█"
_SECOND: Final = 1_000_000_000
_FILTER_LEAST: Final = 12


class Times(StrEnum):
    """How the times of records are shown."""

    LOCAL = "local"
    UTC = "UTC"
    RELATIVE = "relative"
    OFF = "off"

    @property
    def next(self) -> "Times":
        """The one that its key leads to."""
        each = list(Times)
        return each[(each.index(self) + 1) % len(each)]


class State(msgspec.Struct, frozen=True):
    """What the line above the records tells. `dropped`: records no longer held; `hit`: place and count."""

    query: Query
    shown: int
    held: int
    dropped: int
    following: bool
    unseen: int
    working: bool = False
    paused: bool = False
    hits: tuple[int, int] | None = None


def sentence(state: State, columns: int) -> list[Span]:
    """What is shown, how much of it, and whether the newest stay in view."""
    words = [part_words(each) for each in state.query.parts]
    if not any(isinstance(each, Services) for each in state.query.parts):
        words.insert(0, Safe("all services"))
    right = [Span(Safe(" · ")), *_counts(state), Span(Safe(" · ")), *_place(state)]
    room = max(_FILTER_LEAST, columns - cells(right))
    return [Span(clean(cut(" · ".join(words), room)), Tone.ACCENT), *right]


def _counts(state: State) -> list[Span]:
    count = f"{state.held:,}".replace(",", " ")
    if state.query.parts:
        count = f"{state.shown:,} of {state.held:,}".replace(",", " ") + ("…" if state.working else "")
    found = [Span(clean(f"{count} record{'' if state.held == 1 else 's'}"))]
    if state.hits is not None:
        place, hits = state.hits
        number = f"{place} of " if place else ""
        found += [Span(Safe(" · ")), Span(clean(f"hit {number}{hits}"))]
    if state.dropped:
        found += [Span(Safe(" · ")), Span(clean(f"{state.dropped} older let go"), Tone.MUTED)]
    return found


def _place(state: State) -> list[Span]:
    if state.paused:
        return [Span(Safe("paused (f goes on)"), Tone.WARN)]
    if state.following:
        return [Span(Safe("following"), Tone.GOOD)]
    new = f"{state.unseen} new" if state.unseen else "nothing new"
    return [Span(clean(f"{new} (G follows)"), Tone.WARN)]


def part_words(part: Part) -> Safe:
    """A part of a query as it is read."""
    if isinstance(part, Include):
        return clean(f'"{part.match}"' if not part.match.regex else str(part.match))
    if isinstance(part, Exclude):
        return clean(f'not "{part.match}"' if not part.match.regex else f"not {part.match}")
    if isinstance(part, AtLeast):
        return clean(f"≥ {part.level.label}")
    if isinstance(part, Services):
        return clean("+".join(sorted(part.names)) or "no service")
    if isinstance(part, Since):
        return clean(f"since {clock(part.time_ns)}")
    return clean(f"until {clock(part.time_ns)}")


def next_level(query: Query) -> Query:
    """The query with the next threshold of `LEVELS`, or none behind the last."""
    now = next((each for each in query.parts if isinstance(each, AtLeast)), None)
    known = [each for each in LEVELS if each is not None and (now is None or each > now.level)]
    if known:
        return query.having(AtLeast(known[0]))
    return query.without(now) if now is not None else query


def histogram(buckets: Sequence[Bucket], columns: int) -> list[Span]:
    """A bar for each span of time, red where it holds errors; what they span, and how many errors."""
    if not buckets:
        return []
    step = buckets[1].start_ns - buckets[0].start_ns if len(buckets) > 1 else _SECOND
    span = f" {clock(buckets[0].start_ns)}–{clock(buckets[-1].start_ns + step)}"
    errors = sum(each.errors for each in buckets)
    words = f"{span}, {duration(step / _SECOND)} each, {errors} error{'' if errors == 1 else 's'}"
    words = words if width(words) < columns // 2 else span
    seen = buckets[-max(1, columns - width(words)) :]
    top = max(each.records for each in seen)
    spans: list[Span] = []
    for each in seen:
        bar = _BARS[min(7, int(each.records / top * 7.99))] if each.records else " "
        tone = Tone.BAD if each.errors else Tone.MUTED
        if spans and spans[-1].tone is tone:
            spans[-1] = Span(Safe(spans[-1].text + bar), tone)
        else:
            spans.append(Span(Safe(bar), tone))
    return [*spans, Span(clean(words), Tone.MUTED)]


def histogram_room(columns: int) -> int:
    """How many bars there is room for at most."""
    return max(1, columns - 20)


def clock_of(times: Times, reference_ns: int) -> Clock | None:
    """What turns the time of a record into text; relative ones count from the reference."""
    if times is Times.OFF:
        return None
    if times is Times.LOCAL:
        return clock_time
    if times is Times.UTC:
        return _utc
    start = reference_ns / _SECOND

    def relative(moment: float) -> Safe:
        return clean(_offset(moment - start).rjust(11))

    return relative


def _utc(moment: float) -> Safe:
    thousandths = int(moment * 1000 + 0.001)  # a float is a little less than what it stands for
    at = datetime.fromtimestamp(thousandths // 1000, UTC)
    return Safe(f"{at:%H:%M:%S}.{thousandths % 1000:03d}Z")


def _offset(seconds: float) -> str:
    """A difference in at most 11 cells: `+0.012s`, `-3m04.500s`, `+26h03m`."""
    sign = "-" if seconds < -0.0005 else "+"
    seconds = abs(seconds)
    if seconds < 60:
        return f"{sign}{seconds:.3f}s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 60:
        return f"{sign}{minutes:.0f}m{int(rest):02d}s"
    hours = int(minutes // 60)
    return f"{sign}{hours}h{int(minutes % 60):02d}m" if hours < 100_000 else f"{sign}…"


def nothing(snapshot: Snapshot | None, state: State) -> Safe:
    """What stands in place of records."""
    if state.held:
        return clean(f"none of {state.held} records passes the filters (escape shows all again)")
    if snapshot is None:
        return NO_LINES
    if snapshot.engine.link is not Link.LIVE and snapshot.engine.reason:
        return clean(". ".join(filter(None, (snapshot.engine.reason, snapshot.engine.next_step))))
    return NO_LINES if snapshot.stack is not None else snapshot.assessment.sentence


def service_names(snapshot: Snapshot) -> list[Safe]:
    """The stack's services, each once, in its order."""
    members = snapshot.stack.members if snapshot.stack is not None else ()
    return list(dict.fromkeys(each.name for each in members))


def detail(line: LogLine) -> Safe:
    """A whole record: where it is from, its fields, its lines; JSON set out."""
    if line.is_marker:
        return clean_block(
            "\n".join([f"{line.service} · {time_text(line.timestamp_ns)}", *record_lines(line)])
        )
    parsed, lines = record_parsed(line), record_lines(line)
    level = parsed.level.label or "no level"
    head = " · ".join(
        filter(None, (line.service, line.container, time_text(line.timestamp_ns), level, parsed.logger))
    )
    found = [head]
    if parsed.time_ns != NO_TIME:
        found.append(f"  logged at  {time_text(parsed.time_ns)}")
    named = {name: value for name, value in parsed.fields.items() if value is not None}
    across = max(map(width, named), default=0)
    if parsed.kind is not Kind.JSON:
        found += [f"  {name.ljust(across)}  {value}" for name, value in named.items()]
    found += ["", *(_set_out(lines) if parsed.kind is Kind.JSON else lines)]
    return clean_block("\n".join(found), limit=1 << 24)


def _set_out(lines: Sequence[Safe]) -> list[str]:
    """A line of JSON in lines of its own; as it is where masking or cutting made it none."""
    try:
        first = msgspec.json.format(lines[0].encode(), indent=2).decode()
    except msgspec.DecodeError:
        return list(lines)
    return [*first.split("\n"), *lines[1:]]


def in_words(error: LettaopsError) -> Safe:
    """An error in one line."""
    return clean(" ".join(filter(None, (f"{error.what}.", error.not_done, error.next_step))))
