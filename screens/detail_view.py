"""What the lower part of the Health screen says of one service, as pure functions. No widget, no Textual."""

from collections.abc import Sequence
from typing import Final

from lettaops.model.condition import condition_of
from lettaops.model.engine import Container
from lettaops.model.healthlog import Run
from lettaops.model.secrets import Secret, presentable
from lettaops.model.source import Link
from lettaops.model.text import Safe, clean
from lettaops.model.units import ago, size
from lettaops.model.urls import Published, published
from lettaops.model.verdict import Judgement
from lettaops.monitor.rows import service_rows
from lettaops.monitor.snapshot import Snapshot

from .spans import clock

NAME_CELLS: Final = 13


def heading(subject: Safe) -> Safe:
    """The line over the details: what they are of, and the keys of the other sides."""
    return Safe(f"── {subject} ── e events · d details · v environment · i inspect ")


def why(snapshot: Snapshot, container_id: str | None, doing: Safe | None) -> Safe:
    """One service in a sentence: its verdict with the whole reason, or how long it has been up."""
    row = next((each for each in service_rows(snapshot) if each.id == container_id), None)
    if row is None:
        return Safe("no service selected")
    restarts = f"{row.restarts} restart{'' if row.restarts == 1 else 's'}"
    said = row.reason or f"up {row.uptime}, {restarts}"
    acting = f"{doing}; " if doing else ""
    return Safe(f"{row.name} {row.sign.symbol} {row.verdict}: {acting}{said}")


def facts(
    snapshot: Snapshot, judgement: Judgement, *, engine_host: str, runs: Sequence[Run] | None
) -> list[Safe]:
    """What an operator asks about a container, a line each.

    `runs`: the last runs of its healthcheck, None while they aren't known. `engine_host`: as in `published`.
    """
    container = judgement.member.container
    state = container.state
    condition = condition_of(container, snapshot.taken_at)
    ports = published(judgement.member, engine_host=engine_host)
    first = next((each for each in ports if each.url), None)
    rows: list[tuple[str, str]] = [
        ("verdict", f"{judgement.verdict} {judgement.reason}".strip()),
        ("container", f"{container.name}  {container.short_id}"),
        ("image", f"{container.image}  {container.image_id.removeprefix('sha256:')[:12]}"),
        *(("port", _port(each, copied=each is first)) for each in ports),
        ("state", f"{state.status} {condition.words or condition.note}".strip()),
        (
            "started",
            f"{clock(state.started_at)} {ago(state.started_at, snapshot.taken_at)}",
        )
        if state.started_at
        else ("started", "never"),
        ("restarts", f"{container.restart_count}, policy {container.restart_policy or 'no'}"),
        ("memory limit", str(size(container.memory_limit_bytes)) if container.memory_limit_bytes else "none"),
    ]
    if judgement.probe is not None:
        probe = judgement.probe
        by = f"by {probe.route}" if probe.route else ""
        rows.append(("probe", " ".join(filter(None, (str(probe.outcome), by, probe.detail)))))
    if state.error:
        rows.append(("engine says", state.error))
    if snapshot.engine.link is not Link.LIVE:
        rows.append(("engine", f"{snapshot.engine.link}: {snapshot.engine.reason}"))
    rows += _health(container, runs)
    rows += [
        ("network", f"{each.network}  {each.address}  {' '.join(each.aliases)}")
        for each in container.attachments
    ]
    rows += [
        ("mount", f"{each.destination}  {each.kind} {each.name or each.source}") for each in container.mounts
    ]
    return [presentable(f"{name:<{NAME_CELLS}} {value}".rstrip()) for name, value in rows]


def environment(judgement: Judgement, *, reveal: bool) -> list[Safe]:
    """The variables, secrets masked unless they are revealed."""
    found = judgement.member.container.environment.items()
    lines = []
    for name in sorted(found):
        value = found[name]
        shown = value.reveal() if reveal and isinstance(value, Secret) else str(value)
        lines.append(clean(f"{name}={shown}"))
    return lines or [Safe("it has no environment")]


def _port(port: Published, *, copied: bool) -> str:
    bound = port.port
    where = f"{bound.host_ip or 'every address'}:{bound.host_port}"
    parts = [f"{bound.container_port}/{bound.protocol} at {where}"]
    if port.url:
        parts.append(f"{port.url}{' (u copies it)' if copied else ''}")
    if port.there_only:
        parts.append("on the engine's machine only")
    return "  ".join(parts)


def _health(container: Container, runs: Sequence[Run] | None) -> list[tuple[str, str]]:
    """The state of its own healthcheck, and its last runs with what they printed."""
    health = container.state.health
    if health is None and not container.has_healthcheck:
        return [("healthcheck", "none: the engine can't tell whether it works")]
    if health is None:
        return [("healthcheck", "has one, which didn't run yet")]
    streak = f", failed {health.failing_streak} times in a row" if health.failing_streak else ""
    rows = [("healthcheck", f"{health.status}{streak}")]
    if runs is None and health.last_output:
        rows.append(("run", f"last said “{health.last_output}”"))
    for run in runs or ():
        at = clock(run.at) if run.at is not None else "–"
        code = "–" if run.exit_code is None else str(run.exit_code)
        rows.append(("run", f"{at}  exit {code}  {run.output}"))
    return rows
