"""Counters of a database and what happens between two looks. No rate is negative: it is unknown instead."""

from collections.abc import Mapping
from typing import Final

import msgspec

from lettaops.model.document import Document
from lettaops.model.engine import rate
from lettaops.model.text import Safe

_DATABASE: Final = (
    "commits",
    "rollbacks",
    "blocks_read",
    "blocks_hit",
    "temp_files",
    "temp_bytes",
    "deadlocks",
    "sessions",
    "sessions_lost",
)
_CHECKPOINTS: Final = ("checkpoints_timed", "checkpoints_requested")


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """Counters since their reset, at one moment. `read_at`: seconds by our own monotonic clock.

    Of the database: pg_stat_database; `sessions_lost` are those that were abandoned, ended by a fatal error
    or killed. Checkpoints and WAL are the whole server's. `resets`: when each group was reset last, by its
    name; `started`: start of the server. None: not told.
    """

    read_at: float
    started: Safe = Safe()
    resets: dict[str, Safe] = {}
    commits: int | None = None
    rollbacks: int | None = None
    blocks_read: int | None = None
    blocks_hit: int | None = None
    temp_files: int | None = None
    temp_bytes: int | None = None
    deadlocks: int | None = None
    sessions: int | None = None
    sessions_lost: int | None = None
    checkpoints_timed: int | None = None
    checkpoints_requested: int | None = None
    wal_bytes: int | None = None


class Own(msgspec.Struct, frozen=True, kw_only=True):
    """What lettaops itself does in the database: transactions and sessions."""

    transactions: int = 0
    sessions: int = 0


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """What happened a second between two looks, lettaops' own left out; shares are 0 to 1.

    `cache_hit`: blocks found in Postgres' own cache, of all that were asked for. None: not known, or nothing
    was asked for.
    """

    seconds: float | None = None
    transactions: float | None = None
    rollback_share: float | None = None
    cache_hit: float | None = None
    connects: float | None = None
    deadlocks: float | None = None
    temp_bytes: float | None = None
    checkpoints: float | None = None
    wal_bytes: float | None = None


def counters_from(documents: Mapping[str, Document], read_at: float) -> Counters:
    """The counters in the answers: `database`, `wal` and `checkpoints`, which may be empty."""
    database, checkpoints, wal = (documents[name] for name in ("database", "checkpoints", "wal"))
    return Counters(
        read_at=read_at,
        started=database.text("started"),
        resets={
            "database": database.text("reset"),
            "checkpoints": checkpoints.text("reset"),
            "wal": wal.text("reset"),
        },
        **{name: database.integer(name) for name in _DATABASE},
        **{name: checkpoints.integer(name) for name in _CHECKPOINTS},
        wal_bytes=wal.integer("wal_bytes"),
    )


def settled(owed: Own, before: Counters | None, now: Counters) -> tuple[Own, Own]:
    """How much of what is ours is in the counters by now, and what is still owed: they tell it late."""
    if before is None or before.started != now.started or before.resets != now.resets:
        return Own(), Own()  # whatever was owed is lost
    taken = Own(
        transactions=min(owed.transactions, _gained(before.commits, now.commits)),
        sessions=min(owed.sessions, _gained(before.sessions, now.sessions)),
    )
    left = Own(transactions=owed.transactions - taken.transactions, sessions=owed.sessions - taken.sessions)
    return taken, left


def rates(before: Counters | None, now: Counters, own: Own) -> Rates:
    """What happened between two looks, without what is `own`.

    Nothing is known after a restart, and of each group of counters after its reset.
    """
    if before is None or before.started != now.started:
        return Rates()
    seconds = now.read_at - before.read_at

    def per_second(group: str, name: str, less: int = 0) -> float | None:
        if before.resets.get(group) != now.resets.get(group):
            return None
        found = rate(getattr(before, name), getattr(now, name), seconds)
        return None if found is None else max(0.0, found - less / seconds)

    commits = per_second("database", "commits", own.transactions)
    rollbacks = per_second("database", "rollbacks")
    hit, read = per_second("database", "blocks_hit"), per_second("database", "blocks_read")
    timed, requested = (per_second("checkpoints", name) for name in _CHECKPOINTS)
    return Rates(
        seconds=seconds if seconds > 0 else None,
        transactions=_sum(commits, rollbacks),
        rollback_share=_share(rollbacks, commits),
        cache_hit=_share(hit, read),
        connects=per_second("database", "sessions", own.sessions),
        deadlocks=per_second("database", "deadlocks"),
        temp_bytes=per_second("database", "temp_bytes"),
        checkpoints=_sum(timed, requested),
        wal_bytes=per_second("wal", "wal_bytes"),
    )


def cache_hit_since_reset(counters: Counters) -> float | None:
    """The share of blocks found in the cache since the counters' reset."""
    return _share(counters.blocks_hit, counters.blocks_read)


def _gained(before: int | None, now: int | None) -> int:
    return max(0, now - before) if before is not None and now is not None else 0


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


def _share(part: float | None, rest: float | None) -> float | None:
    if part is None or rest is None or part + rest <= 0:
        return None
    return part / (part + rest)
