"""What the Health screen says, as pure functions of a snapshot: no widget, no Textual."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from lettaops.model.engine import ContainerSummary
from lettaops.model.host import HostSample
from lettaops.model.probe import Outcome, Probe
from lettaops.model.source import Link
from lettaops.model.stack import Role
from lettaops.model.text import Safe, clean, clean_block
from lettaops.model.timeline import Weight
from lettaops.model.units import UNKNOWN, duration, milliseconds, percent, size
from lettaops.model.verdict import Judgement, Overall, Verdict
from lettaops.monitor.history import History
from lettaops.monitor.snapshot import Load, Snapshot

from .widgets.columns import Cell, Column, Row
from .widgets.glyphs import Tone

SYMBOLS: Final = {
    Verdict.OK: ("●", Tone.GOOD),
    Verdict.STARTING: ("◐", Tone.WARN),
    Verdict.DEGRADED: ("▲", Tone.WARN),
    Verdict.STOPPED: ("○", Tone.MUTED),
    Verdict.DOWN: ("✕", Tone.BAD),
    Verdict.UNKNOWN: ("?", Tone.MUTED),
}
OVERALL: Final = {
    Overall.HEALTHY: ("●", Tone.GOOD),
    Overall.DEGRADED: ("▲", Tone.WARN),
    Overall.DOWN: ("✕", Tone.BAD),
    Overall.UNKNOWN: ("?", Tone.MUTED),
}
WEIGHTS: Final = {Weight.NOTE: Tone.MUTED, Weight.CHANGE: Tone.NORMAL, Weight.FAULT: Tone.BAD}
OTHERS_KEY: Final = "others"
_BARS: Final = "▁▂▃▄▅▆▇█"
_SPARK_COLUMNS: Final = 8
_CHAIN: Final = (
    (Role.PROXY, "proxy"),
    (Role.SERVER, "server"),
    (Role.DATABASE, "postgres"),
    (Role.CACHE, "redis"),
)


class Span(NamedTuple):
    """A piece of a line and how it is meant."""

    text: Safe
    tone: Tone = Tone.NORMAL


COLUMNS: Final = (
    Column("verdict", Safe(""), 1),
    Column("service", Safe("SERVICE"), 14, priority=0),
    Column("state", Safe("VERDICT"), 8, priority=1),
    Column("why", Safe("WHY"), 26, flex=1),
    Column("up", Safe("UP"), 7, align="right", priority=2),
    Column("restarts", Safe("↻"), 3, align="right", priority=4),
    Column("cpu", Safe("CPU"), 5, align="right", priority=3),
    Column("memory", Safe("MEM"), 8, align="right", priority=3),
    Column("network", Safe("NET/s"), 8, align="right", priority=6),
    Column("probe", Safe("PROBE"), 7, align="right", priority=2),
    Column("spark", Safe(""), _SPARK_COLUMNS, priority=5),
)


def rows(snapshot: Snapshot, latencies: History, *, unfolded: bool) -> list[Row]:
    """The table: a row each container of the stack, then the host's other containers, folded or not."""
    found = [_row(each, snapshot, latencies) for each in snapshot.assessment.judgements]
    if snapshot.others:
        count = len(snapshot.others)
        sign = "-" if unfolded else "+"
        words = f"{sign} {count} other container{'' if count == 1 else 's'} on this host (o)"
        found.append(Row(OTHERS_KEY, (Cell(clean(words), Tone.MUTED),), spans=True))
        if unfolded:
            found += [_other(each) for each in snapshot.others]
    return found


def chain(snapshot: Snapshot) -> tuple[list[Span], list[Span]]:
    """The hops a request goes along, and under each what it said; the broken hop is marked between them."""
    upper: list[Span] = []
    lower: list[Span] = []
    before: Judgement | None = None
    for role, name in _CHAIN:
        members = [each for each in snapshot.assessment.judgements if each.member.role is role]
        if not members:
            continue
        worst = max(members, key=lambda each: _BADNESS[each.verdict])
        symbol, tone = SYMBOLS[worst.verdict]
        if before is not None:
            broken = worst.verdict in {Verdict.DOWN, Verdict.STOPPED} or _upstream_broken(before, worst)
            upper.append(Span(Safe("── ✕ ──" if broken else "───────"), Tone.BAD if broken else Tone.MUTED))
        label = f"{name} ×{len(members)}" if len(members) > 1 else name
        upper.append(Span(clean(f" {label} "), Tone.NORMAL))
        upper.append(Span(clean(f"{symbol} "), tone))
        start = sum(len(each.text) for each in upper) - len(label) - 4
        held = sum(len(each.text) for each in lower)
        told = _told(worst)
        lower.append(
            Span(
                clean(" " * max(1, start - held + 1) + told),
                Tone.MUTED if worst.verdict is Verdict.OK else tone,
            )
        )
        before = worst
    return upper, lower


def host_line(host: HostSample | None, *, local: bool) -> Safe:
    """CPU, memory and disk of the machine; where lettaops isn't on the engine's machine, it says so."""
    if not local:
        return Safe("host: not on this machine")
    if host is None:
        return Safe("host …")
    cpu = percent(host.cpu_percent)
    memory = f"{size(host.memory_used_bytes)} of {size(host.memory_total_bytes)}"
    disk = percent(100 * host.disk_used_bytes / host.disk_total_bytes if host.disk_total_bytes else None)
    return clean(f"host  cpu {cpu} of {host.cores} cores  mem {memory}  disk {disk}")


def fitted(text: str, columns: int, lines: int) -> Safe:
    """A sentence in so many lines of so many cells, broken at spaces; an ellipsis where it goes on."""
    found: list[str] = []
    for word in text.split(" "):
        if found and len(found[-1]) + 1 + len(word) <= columns:
            found[-1] += f" {word}"
        elif len(found) == lines:
            found[-1] = f"{found[-1][: columns - 2]} …"
            break
        else:
            found.append(word[:columns])
    return clean_block("\n".join(found))


def freshness(snapshot: Snapshot) -> Span:
    """How current the container states are: nothing while live, else the age and the reason."""
    if snapshot.engine.link is Link.LIVE:
        return Span(Safe(""))
    age = duration(snapshot.seen_age_s) if snapshot.seen_age_s is not None else "never seen"
    return Span(clean(f"{snapshot.engine.link} · {age}"), Tone.WARN)


def clock(moment: datetime) -> Safe:
    """A time of day here."""
    return clean(moment.astimezone().strftime("%H:%M:%S"))


def spark(values: Sequence[float | None], columns: int = _SPARK_COLUMNS) -> Safe:
    """Values as bars from zero to their largest; a gap is a dot, never a zero."""
    kept = list(values)[-columns:]
    known = [value for value in kept if value is not None]
    top = max(known, default=0.0)
    bars = "".join(
        "·" if value is None else _BARS[min(7, int(value / top * 7.99))] if top else "▁" for value in kept
    )
    return Safe(bars.rjust(columns))


_BADNESS: Final = {
    Verdict.OK: 0,
    Verdict.UNKNOWN: 1,
    Verdict.STARTING: 2,
    Verdict.STOPPED: 3,
    Verdict.DEGRADED: 4,
    Verdict.DOWN: 5,
}


def _upstream_broken(before: Judgement, after: Judgement) -> bool:
    """Whether the hop between two services is what fails, though the second one is well."""
    return before.verdict is Verdict.DEGRADED and after.verdict is Verdict.OK and "upstream" in before.reason


def _told(judgement: Judgement) -> str:
    probe = judgement.probe
    if probe is None:
        return str(judgement.verdict)
    if probe.ok:
        return str(milliseconds(probe.latency_ms))
    return str(probe.status) if probe.outcome is Outcome.STATUS else str(probe.outcome)


def _row(judgement: Judgement, snapshot: Snapshot, latencies: History) -> Row:
    member, container = judgement.member, judgement.member.container
    same = [each for each in snapshot.assessment.judgements if each.member.name == member.name]
    symbol, tone = SYMBOLS[judgement.verdict]
    state = container.state
    load = snapshot.loads.get(container.id, Load()) if state.running else Load()
    up = UNKNOWN
    if state.running and state.started_at is not None:
        up = _coarse((snapshot.taken_at - state.started_at).total_seconds())
    return Row(
        container.id,
        (
            Cell(Safe(symbol), tone),
            container.name if len(same) > 1 else member.name,
            Cell(clean(judgement.verdict), tone),
            Cell(judgement.reason, Tone.MUTED if judgement.verdict is Verdict.OK else Tone.NORMAL),
            up,
            Cell(clean(str(container.restart_count)), Tone.WARN if container.restart_count else Tone.MUTED),
            percent(load.cpu_percent),
            size(load.memory_bytes),
            _rate(load),
            _probe(judgement.probe),
            spark(latencies.of(container.id, _SPARK_COLUMNS)),
        ),
    )


def _other(summary: ContainerSummary) -> Row:
    running = summary.state == "running"
    symbol, tone = SYMBOLS[Verdict.OK if running else Verdict.STOPPED]
    return Row(
        summary.id,
        (
            Cell(Safe(symbol), Tone.MUTED if running else tone),
            Cell(summary.name, Tone.MUTED),
            Cell(clean(summary.state), Tone.MUTED),
            Cell(clean(f"{summary.image} · {summary.status}"), Tone.MUTED),
        ),
    )


def _probe(probe: Probe | None) -> Cell:
    if probe is None:
        return Cell(UNKNOWN, Tone.MUTED)
    if probe.ok:
        return Cell(milliseconds(probe.latency_ms))
    return Cell(clean(str(probe.status or probe.outcome)), Tone.BAD)


def _rate(load: Load) -> Safe:
    if load.received_rate is None or load.sent_rate is None:
        return UNKNOWN
    return size(load.received_rate + load.sent_rate)


def _coarse(seconds: float) -> Safe:
    """An uptime that changes rarely: minutes past the first one, so that a quiet row isn't repainted."""
    if seconds < -2:
        return Safe("skew")
    whole = max(0, int(seconds))
    if whole == 0:
        return Safe("0 s")
    return duration(whole if whole < 60 else whole // 60 * 60)
