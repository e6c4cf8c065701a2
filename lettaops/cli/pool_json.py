"""The object that `pool --json` prints: schema `lettaops/pool/1`. Fields are only added; null: not known."""

from typing import Final

import msgspec

from lettaops.model.database.blocking import Knot
from lettaops.model.database.budget import Budget
from lettaops.model.database.picture import Picture
from lettaops.model.database.sessions import Owner, Session
from lettaops.model.database.sizes import Sizes
from lettaops.model.database.vectors import Vectors
from lettaops.model.stack import Stack

SCHEMA: Final = "lettaops/pool/1"


def document(picture: Picture, stack: Stack, engine: str) -> dict[str, object]:
    """The picture as an object. Times are RFC 3339 in UTC, ages seconds, sizes bytes, shares 0 to 1.

    `sessions`: those that take a slot, without lettaops' own; the texts of their statements are left to
    `sessions --json`.
    """
    limits, status, server = picture.limits, picture.status, picture.server
    return {
        "schema": SCHEMA,
        "checked_at": picture.taken_at,
        "target": {"engine": engine, "project": stack.project, "shape": stack.shape},
        "database": {
            "state": status.link,
            "reason": status.reason or None,
            "way": picture.way or None,
            "name": server.database if server else None,
            "role": server.role if server else None,
            "version": server.words if server else None,
        },
        "max_connections": limits.max_connections if limits else None,
        "reserved": limits.superuser_reserved + limits.reserved if limits else None,
        "superuser_reserved": limits.superuser_reserved if limits else None,
        "reserved_connections": limits.reserved if limits else None,
        "sessions": [
            session_object(each, query=False) for each in picture.clients if each.owner is not Owner.LETTAOPS
        ],
        "groups": [msgspec.to_builtins(each, enc_hook=str) for each in picture.groups],
        "tree": [knot_object(each) for each in picture.tree],
        "budget": _budget(picture.budget),
        "activity": {
            "rates": msgspec.to_builtins(picture.rates),
            "counters": msgspec.to_builtins(picture.counters, enc_hook=str),
        },
        "longest_transaction_s": picture.longest.transaction_s if picture.longest else None,
        "horizon": msgspec.to_builtins(picture.horizon, enc_hook=str),
        "sizes": _sizes(picture.sizes, picture),
        "vectors": _vectors(picture.vectors),
        "letta": _letta(picture),
        "missing": [msgspec.to_builtins(each, enc_hook=str) for each in server.missing] if server else [],
        "faults": {str(part): reason for part, reason in picture.faults.items()},
    }


def session_object(session: Session, *, query: bool) -> dict[str, object]:
    """One session."""
    found = {
        "pid": session.pid,
        "owner": session.owner,
        "state": session.state,
        "user": session.user or None,
        "database": session.database or None,
        "application": session.application or None,
        "client": session.client or None,
        "address": session.address or None,
        "kind": session.kind or None,
        "waits": session.waits or None,
        "age_s": session.age_s,
        "transaction_s": session.transaction_s,
        "query_s": session.query_s,
        "state_s": session.state_s,
        "blocked_by": list(session.blocked_by),
    }
    return found | {"query": session.query or None} if query else found


def knot_object(knot: Knot) -> dict[str, object]:
    """One line of the blocking tree."""
    return {
        "pid": knot.pid,
        "depth": knot.depth,
        "behind": knot.behind,
        "also_waits_for": list(knot.also),
        "circle": knot.circle,
    }


def _budget(budget: Budget) -> dict[str, object]:
    use = budget.use
    return {
        "state": budget.state,
        "ceiling": budget.ceiling,
        "room": budget.room,
        "headroom": budget.headroom,
        "peak": use.peak_letta if use else None,
        "connects_per_s": use.connects_per_s if use else None,
        "sentence": budget.sentence,
        "arithmetic": budget.arithmetic or None,
        "change": budget.change or None,
        "notes": list(budget.notes),
        "servers": [
            {
                "name": replica.name,
                "version": ".".join(map(str, replica.settings.version)) if replica.settings.version else None,
                "pooling": replica.settings.pooling,
                "ceiling": replica.settings.ceiling,
                "settings": [
                    {
                        "name": each.name,
                        "value": each.value,
                        "default": each.default,
                        "origin": each.origin,
                        "ignored": each.ignored,
                    }
                    for each in replica.settings.settings
                ],
            }
            for replica in budget.replicas
        ],
    }


def _sizes(sizes: Sizes | None, picture: Picture) -> dict[str, object] | None:
    if sizes is None:
        return None
    overdue = {(each.schema, each.name) for each in sizes.overdue}
    return {
        "database_bytes": sizes.database,
        "more_tables": sizes.more,
        "alarm": picture.traces or None,
        "vacuums": [msgspec.to_builtins(each, enc_hook=str) for each in sizes.running],
        "tables": [
            {
                "schema": each.schema,
                "name": each.name,
                "letta": each.matters,
                "rows_estimated": each.rows,
                "total_bytes": each.total,
                "heap_bytes": each.heap,
                "index_bytes": each.indexes,
                "dead_rows": each.dead,
                "vacuumed_s": each.vacuumed_s,
                "analyzed_s": each.analyzed_s,
                "overdue": (each.schema, each.name) in overdue,
                "grew_bytes": grown.bytes
                if (grown := picture.growth.get(f"{each.schema}.{each.name}"))
                else None,
                "grew_in_s": grown.seconds if grown else None,
            }
            for each in sizes.tables
        ],
    }


def _vectors(vectors: Vectors | None) -> dict[str, object] | None:
    if vectors is None:
        return None
    return {
        "version": vectors.version or None,
        "available": vectors.available or None,
        "columns": [
            msgspec.to_builtins(each, enc_hook=str)
            | {"indexed": each.indexed, "indexable": each.indexable, "words": each.words or None}
            for each in vectors.columns
        ],
    }


def _letta(picture: Picture) -> dict[str, object] | None:
    letta = picture.letta
    if letta is None:
        return None
    runs = letta.runs
    return {
        "agents": letta.agents,
        "agents_estimated": letta.estimated,
        "runs_active": runs.active if runs else None,
        "runs_stuck": runs.stuck if runs else None,
        "runs_waiting": runs.waiting if runs else None,
        "runs_cancellable": runs.cancellable if runs else None,
        "tokens_hour": letta.tokens_hour,
        "schema_heads": list(letta.schema.heads),
        "schema_wanted": letta.schema.wanted or None,
        "schema_fits": letta.schema.fits,
    }
