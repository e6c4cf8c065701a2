"""The object that `status --json` prints: schema `lettaops/status/1`. Fields are only ever added."""

from typing import TYPE_CHECKING

from lettaops.model.engine import PublishedPort
from lettaops.model.verdict import Judgement

if TYPE_CHECKING:
    from lettaops.monitor.snapshot import Snapshot

SCHEMA = "lettaops/status/1"


def document(snapshot: "Snapshot") -> dict[str, object]:
    """The snapshot as an object. Times are RFC 3339 in UTC, sizes bytes, null means not known."""
    stack = snapshot.stack
    engine = snapshot.engine
    return {
        "schema": SCHEMA,
        "checked_at": snapshot.taken_at,
        "target": {
            "engine": snapshot.engine_name,
            "project": stack.project if stack else None,
            "shape": stack.shape if stack else None,
        },
        "engine": {
            "state": engine.link,
            "reason": engine.reason or None,
            "seen_age_s": round(snapshot.seen_age_s, 1) if snapshot.seen_age_s is not None else None,
        },
        "overall": snapshot.assessment.overall,
        "sentence": snapshot.assessment.sentence,
        "services": [_service(each, snapshot) for each in snapshot.assessment.judgements],
    }


def _service(judgement: Judgement, snapshot: "Snapshot") -> dict[str, object]:
    member, container = judgement.member, judgement.member.container
    state, probe = container.state, judgement.probe
    load = snapshot.loads.get(container.id) if container.state.running else None
    limit = container.memory_limit_bytes
    return {
        "name": member.name,
        "role": member.role,
        "container": container.name,
        "id": container.id,
        "image": container.image,
        "state": state.status,
        "health": state.health.status if state.health else None,
        "verdict": judgement.verdict,
        "reason": judgement.reason,
        "started_at": state.started_at,
        "restarts": container.restart_count,
        "exit_code": None if state.running else state.exit_code,
        "oom_killed": state.oom_killed,
        "cpu_percent": round(load.cpu_percent, 1) if load and load.cpu_percent is not None else None,
        "memory_bytes": load.memory_bytes if load else None,
        "memory_limit_bytes": limit if limit is not None else load.memory_limit_bytes if load else None,
        "ports": [_port(each) for each in container.ports],
        "probe": {
            "ok": probe.ok,
            "outcome": probe.outcome,
            "latency_ms": round(probe.latency_ms, 1) if probe.latency_ms is not None else None,
            "detail": probe.detail or None,
            "route": probe.route or None,
        }
        if probe is not None
        else None,
    }


def _port(port: PublishedPort) -> dict[str, object]:
    return {
        "container_port": port.container_port,
        "protocol": port.protocol,
        "host_ip": port.host_ip,
        "host_port": port.host_port,
    }
