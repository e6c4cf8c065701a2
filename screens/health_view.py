"""What the Health screen says, as pure functions of a snapshot: no widget, no Textual."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from lettaops.model.cells import width
from lettaops.model.engine import ContainerSummary
from lettaops.model.host import HostSample
from lettaops.model.signs import Tone, sign
from lettaops.model.source import Link
from lettaops.model.stack import Role
from lettaops.model.text import Safe, clean
from lettaops.model.units import percent, size
from lettaops.model.verdict import Judgement, Verdict, names_of
from lettaops.monitor.history import History
from lettaops.monitor.rows import ServiceRow, probe_words, service_rows
from lettaops.monitor.snapshot import Snapshot
from lettaops.operations.underway import Underway

from .spans import Span, cells
from .widgets.columns import Cell, Column, Row

OTHERS_KEY: Final = "others"
LOOKING: Final = Safe("looking for services…")
_NONE_HERE: Final = Safe("no service here: start the stack, or name --project")
_BARS: Final = "▁▂▃▄▅▆▇█"
_SPARK_COLUMNS: Final = 8
_CHAIN: Final = (
    (Role.PROXY, "proxy"),
    (Role.SERVER, "server"),
    (Role.DATABASE, "postgres"),
    (Role.CACHE, "redis"),
)
_TOLD_CELLS: Final = 8  # under a hop: what stands behind shan't move with each latency
_NAME_CELLS: Final = (12, 24)  # of a service's name: at least, at most
_WHY_CELLS: Final = (20, 60)  # of the reason: without one, and what figures must leave to it
_WHY_STEP: Final = 6  # a reason that tells an age changes its length: the columns shan't move with it

_BADNESS: Final[Mapping[str, int]] = {
    Verdict.OK: 0,
    Verdict.UNKNOWN: 1,
    Verdict.STARTING: 2,
    Verdict.STOPPED: 3,
    Verdict.DEGRADED: 4,
    Verdict.DOWN: 5,
}


def _by_name(row: Row) -> str:
    return row.text(1)


def _by_verdict(row: Row) -> int | None:
    return _BADNESS.get(row.text(2))


_COLUMNS: Final = (
    Column("verdict", Safe(""), 1),
    Column("service", Safe("SERVICE"), _NAME_CELLS[0], sort_key=_by_name),
    Column("state", Safe("VERDICT"), 8, sort_key=_by_verdict, descending=True),
    Column("why", Safe("WHY"), _WHY_CELLS[0], flex=1),
    Column("up", Safe("UP"), 7, align="right", priority=2),
    Column("restarts", Safe("↻"), 3, align="right", priority=4),
    Column("cpu", Safe("CPU"), 5, align="right", priority=5),
    Column("memory", Safe("MEM"), 8, align="right", priority=3),
    Column("network", Safe("NET/s"), 8, align="right", priority=7),
    Column("probe", Safe("PROBE"), 7, align="right", priority=1),
    Column("spark", Safe(""), _SPARK_COLUMNS, priority=6),
)


def columns_for(snapshot: Snapshot, underway: Mapping[str, Underway]) -> tuple[Column, ...]:
    """The columns for a snapshot: names whole, and so much for the longest reason that figures give way."""
    judgements = snapshot.assessment.judgements
    name = max((width(each) for each in names_of(judgements).values()), default=0)
    doing = [_doing(underway, each.member.container.id, snapshot) for each in judgements]
    why = max((width(act or each.reason) for act, each in zip(doing, judgements, strict=True)), default=0)
    wanted = {
        "service": min(max(name, _NAME_CELLS[0]), _NAME_CELLS[1]),
        "why": min(max(-(-why // _WHY_STEP) * _WHY_STEP, _WHY_CELLS[0]), _WHY_CELLS[1]),
    }
    return tuple(
        msgspec.structs.replace(each, width=wanted[each.key]) if each.key in wanted else each
        for each in _COLUMNS
    )


def rows(
    snapshot: Snapshot, latencies: History, underway: Mapping[str, Underway], *, unfolded: bool
) -> list[Row]:
    """The table: a row each container of the stack, then the host's other containers, folded or not."""
    judgements = snapshot.assessment.judgements
    found = [
        _row(row, judgement, latencies, _doing(underway, row.id, snapshot))
        for row, judgement in zip(service_rows(snapshot), judgements, strict=True)
    ]
    if snapshot.others:
        count = len(snapshot.others)
        fold = "-" if unfolded else "+"
        words = f"{fold} {count} other container{'' if count == 1 else 's'} on this host (o)"
        found.append(Row(OTHERS_KEY, (Cell(clean(words), Tone.MUTED),), spans=True))
        if unfolded:
            found += [_other(each) for each in snapshot.others]
    return found


def nothing(snapshot: Snapshot) -> Safe:
    """What stands in place of rows."""
    if snapshot.engine.link is Link.LIVE:
        return _NONE_HERE
    return snapshot.engine.next_step or LOOKING


def matches(shown: int, total: int, *, unfolded: bool) -> Safe:
    """How many rows a filter lets through."""
    what = "container" if unfolded else "service"
    verb = "matches" if total == 1 else "match"
    return clean(f"{shown} of {total} {what}{'' if total == 1 else 's'} {verb}")


def sentence(snapshot: Snapshot, underway: Mapping[str, Underway]) -> Safe:
    """How things are, behind what is being done to them."""
    names = names_of(snapshot.assessment.judgements)
    doing = [
        f"{name}: {words}; "
        for identity, name in names.items()
        if (words := _doing(underway, identity, snapshot)) is not None
    ]
    return Safe("".join(doing) + snapshot.assessment.sentence)


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
        symbol, tone = sign(worst.verdict)
        if before is not None:
            broken = worst.verdict in {Verdict.DOWN, Verdict.STOPPED} or _upstream_broken(before, worst)
            upper.append(Span(Safe("── ✕ ──" if broken else "───────"), Tone.BAD if broken else Tone.MUTED))
        label = f"{name} ×{len(members)}" if len(members) > 1 else name
        start = cells(upper) + 1
        upper += [Span(clean(f" {label} ")), Span(clean(f"{symbol} "), tone)]
        told = f"{' ' * max(1, start - cells(lower))}{_told(worst):<{_TOLD_CELLS}}"
        lower.append(Span(clean(told), Tone.MUTED if worst.verdict is Verdict.OK else tone))
        before = worst
    return upper, lower


def beside(
    upper: list[Span], lower: list[Span], wordings: Sequence[Safe], across: int
) -> tuple[list[Span], list[Span]]:
    """The chain's lines, `across` cells wide, with the host at the right: its first wording with room."""
    for words in wordings:
        for line in (upper, lower):
            room = across - cells(line) - width(words)
            if room > 2:
                told = [*line, Span(Safe(" " * room)), Span(words, Tone.MUTED)]
                return (told, lower) if line is upper else (upper, told)
    return upper, lower


def host_words(host: HostSample | None, *, local: bool) -> tuple[Safe, ...]:
    """CPU, memory and disk of the machine, the longest wording first; says so when it is another machine."""
    if not local:
        return (Safe("host: not on this machine"), Safe("host –"))
    if host is None:
        return (Safe("host …"),)
    # Each figure in as many cells as its largest takes: with another one nothing moves.
    cpu = f"{percent(host.cpu_percent):>4}"
    memory = f"{percent(_share(host.memory_used_bytes, host.memory_total_bytes)):>4}"
    disk = f"{percent(_share(host.disk_used_bytes, host.disk_total_bytes)):>4}"
    whole = f"{size(host.memory_used_bytes):>8} of {size(host.memory_total_bytes)}"
    return (
        clean(f"host  cpu {cpu} of {host.cores} cores  mem {whole}  disk {disk}"),
        clean(f"host  cpu {cpu}  mem {memory}  disk {disk}"),
    )


def spark(values: Sequence[float | None], columns: int = _SPARK_COLUMNS) -> Safe:
    """Values as bars from zero to their largest; a gap is a dot, never a zero."""
    kept = list(values)[-columns:]
    known = [value for value in kept if value is not None]
    top = max(known, default=0.0)
    bars = "".join(
        "·" if value is None else _BARS[min(7, int(value / top * 7.99))] if top else "▁" for value in kept
    )
    return Safe(bars.rjust(columns))


def _share(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def _upstream_broken(before: Judgement, after: Judgement) -> bool:
    """Whether the hop between two services is what fails, though the second one is well."""
    return before.verdict is Verdict.DEGRADED and after.verdict is Verdict.OK and "upstream" in before.reason


def _told(judgement: Judgement) -> str:
    return judgement.verdict if judgement.probe is None else probe_words(judgement.probe)


def _doing(underway: Mapping[str, Underway], identity: str, snapshot: Snapshot) -> Safe | None:
    act = underway.get(identity)
    return act.words(snapshot.taken_at) if act is not None else None


def _row(row: ServiceRow, judgement: Judgement, latencies: History, doing: Safe | None) -> Row:
    tone = row.sign.tone
    member = judgement.member
    quiet = row.verdict is Verdict.OK
    return Row(
        row.id,
        (
            Cell(row.sign.symbol, tone),
            row.name,
            Cell(clean(row.verdict), tone),
            Cell(doing, Tone.WARN) if doing else Cell(row.reason, Tone.MUTED if quiet else Tone.NORMAL),
            row.uptime,
            Cell(clean(str(row.restarts)), Tone.WARN if row.restarts else Tone.MUTED),
            row.cpu,
            row.memory,
            row.rate,
            Cell(row.probe, row.probe_tone),
            spark(latencies.of(row.id, _SPARK_COLUMNS)),
        ),
        search=(
            member.name,
            member.container.name,
            member.container.image,
            clean(member.role),
            clean(row.verdict),
        ),
    )


def _other(summary: ContainerSummary) -> Row:
    running = summary.state == "running"
    symbol, tone = sign(summary.state)
    return Row(
        summary.id,
        (
            Cell(symbol, Tone.MUTED if running else tone),
            Cell(summary.name, Tone.MUTED),
            Cell(clean(summary.state), Tone.MUTED),
            Cell(clean(f"{summary.image} · {summary.status}"), Tone.MUTED),
        ),
    )
