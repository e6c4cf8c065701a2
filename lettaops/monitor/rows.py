"""What is shown of each service, on the command line and on the screens."""

from typing import NamedTuple

from lettaops.model.probe import Outcome, Probe
from lettaops.model.signs import Sign, Tone, sign
from lettaops.model.text import Safe, clean
from lettaops.model.units import UNKNOWN, duration, milliseconds, percent, size
from lettaops.model.verdict import Judgement, Verdict, names_of
from lettaops.monitor.snapshot import Load, Snapshot


class ServiceRow(NamedTuple):
    """One container of the stack in words; `–` for what isn't known. `rate` is bytes a second, both ways."""

    id: str
    sign: Sign
    name: Safe
    verdict: Verdict
    reason: Safe
    uptime: Safe
    restarts: int
    cpu: Safe
    memory: Safe
    rate: Safe
    probe: Safe
    probe_tone: Tone


def service_rows(snapshot: Snapshot) -> list[ServiceRow]:
    """A row for each container of the stack, in its order."""
    names = names_of(snapshot.assessment.judgements)
    return [_row(each, snapshot, names[each.member.container.id]) for each in snapshot.assessment.judgements]


def probe_words(probe: Probe | None) -> Safe:
    """How long the service took to answer, or what came instead of an answer."""
    if probe is None:
        return UNKNOWN
    if probe.ok:
        return milliseconds(probe.latency_ms)
    return clean(str(probe.status) if probe.outcome is Outcome.STATUS else probe.outcome)


def _row(judgement: Judgement, snapshot: Snapshot, name: Safe) -> ServiceRow:
    container = judgement.member.container
    state = container.state
    load = snapshot.loads.get(container.id, Load()) if state.running else Load()
    uptime = UNKNOWN
    if state.running and state.started_at is not None:
        uptime = _coarse((snapshot.taken_at - state.started_at).total_seconds())
    return ServiceRow(
        id=container.id,
        sign=sign(judgement.verdict),
        name=name,
        verdict=judgement.verdict,
        reason=judgement.reason,
        uptime=uptime,
        restarts=container.restart_count,
        cpu=percent(load.cpu_percent),
        memory=size(load.memory_bytes),
        rate=_rate(load),
        probe=probe_words(judgement.probe),
        probe_tone=_probe_tone(judgement.probe),
    )


def _probe_tone(probe: Probe | None) -> Tone:
    if probe is None:
        return Tone.MUTED
    return Tone.NORMAL if probe.ok else Tone.BAD


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
