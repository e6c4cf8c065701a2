"""What keeps old rows alive, how far the transaction counter may still run, replication and its slots."""

from collections.abc import Sequence
from typing import Final

import msgspec

from lettaops.model.database.sessions import NAME_LIMIT, Session
from lettaops.model.document import Document
from lettaops.model.text import Safe, clean

# Postgres refuses new transactions 3 million before the counter of 2^31 meets the oldest one (routine
# vacuuming, "preventing transaction ID wraparound failures"), and warns 40 million before it.
LAST_TRANSACTION: Final = 2**31 - 3_000_000
WARNING_DISTANCE: Final = 40_000_000
# A standby is told by its own row; a vacuum keeps no rows for itself.
_HOLD_NOTHING: Final = frozenset({"walsender", "autovacuum worker"})


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """What holds the horizon: rows that were deleted since can't be removed. `transactions`: how many ago.

    `kind`: session, slot, standby or prepared transaction; `name` for people; `pid` of a session.
    """

    kind: Safe
    name: Safe
    transactions: int
    pid: int | None = None


class Wraparound(msgspec.Struct, frozen=True, kw_only=True):
    """The database that is nearest to the end of a counter: transactions, or multixacts (shared row locks).

    `age`: of its oldest unfrozen one. `forced_at`: from this age on autovacuum runs even where it is off.
    `left`: until Postgres takes no more. `forced`, `alarm`: past the former; within the distance at which
    Postgres warns.
    """

    database: Safe
    counter: Safe
    age: int
    forced_at: int | None
    left: int

    @property
    def forced(self) -> bool:
        """Whether autovacuum should be at it now, whatever its settings."""
        return self.forced_at is not None and self.age >= self.forced_at

    @property
    def alarm(self) -> bool:
        """Whether an operator must act now."""
        return self.left <= WARNING_DISTANCE


class Standby(msgspec.Struct, frozen=True, kw_only=True):
    """A replica that is connected. `behind_bytes`: WAL it hasn't replayed; lag in seconds."""

    name: Safe
    address: Safe
    state: Safe
    sync: Safe
    behind_bytes: int | None = None
    lag_s: float | None = None


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """A replication slot. `kept_bytes`: WAL that is kept for it; `status` lost: it can't be used any more."""

    name: Safe
    kind: Safe
    active: bool
    status: Safe
    kept_bytes: int | None = None


class Horizon(msgspec.Struct, frozen=True, kw_only=True):
    """See the module. `holders`: the oldest first."""

    holders: tuple[Holder, ...] = ()
    wraparound: Wraparound | None = None
    standbys: tuple[Standby, ...] = ()
    slots: tuple[Slot, ...] = ()
    prepared: int = 0
    oldest_prepared_s: float | None = None
    in_recovery: bool = False


def horizon_from(document: Document) -> Horizon:
    """The horizon in the answer of its statement; `with_sessions` adds what sessions hold."""
    held = [
        Holder(
            kind=each.text("kind"),
            name=clean(each.text("name"), NAME_LIMIT),
            transactions=each.integer("transactions") or 0,
        )
        for each in document.subs("holders")
    ]
    return Horizon(
        holders=tuple(sorted(held, key=lambda each: -each.transactions)),
        wraparound=_wraparound(document),
        standbys=tuple(_standby(each) for each in document.subs("standbys")),
        slots=tuple(_slot(each) for each in document.subs("slots")),
        prepared=document.integer("prepared") or 0,
        oldest_prepared_s=document.number("oldest_prepared_s"),
        in_recovery=document.flag("in_recovery"),
    )


def with_sessions(horizon: Horizon, sessions: Sequence[Session]) -> Horizon:
    """The horizon with the sessions that hold it."""
    held = [
        Holder(
            kind=Safe("session"),
            name=clean(f"{each.pid} ({each.client})" if each.client else str(each.pid)),
            transactions=each.xmin_age,
            pid=each.pid,
        )
        for each in sessions
        if each.xmin_age is not None and each.kind not in _HOLD_NOTHING
    ]
    merged = sorted([*horizon.holders, *held], key=lambda each: -each.transactions)
    return msgspec.structs.replace(horizon, holders=tuple(merged))


def longest_transaction(sessions: Sequence[Session]) -> Session | None:
    """The client session whose transaction is open longest."""
    open_ones = [each for each in sessions if each.is_client and each.transaction_s is not None]
    return max(open_ones, key=lambda each: each.transaction_s or 0.0, default=None)


def _wraparound(document: Document) -> Wraparound | None:
    found = [
        Wraparound(
            database=clean(each.text("name"), NAME_LIMIT),
            counter=Safe(counter),
            age=age,
            forced_at=document.integer(limit),
            left=max(0, LAST_TRANSACTION - age),
        )
        for each in document.subs("databases")
        for counter, limit in (
            ("transactions", "freeze_max_age"),
            ("multixacts", "multixact_freeze_max_age"),
        )
        if (age := each.integer(counter)) is not None
    ]
    return min(found, key=lambda each: each.left, default=None)


def _standby(row: Document) -> Standby:
    return Standby(
        name=clean(row.text("name"), NAME_LIMIT),
        address=row.text("address"),
        state=row.text("state"),
        sync=row.text("sync"),
        behind_bytes=_positive(row.integer("behind_bytes")),
        lag_s=row.number("lag_s"),
    )


def _slot(row: Document) -> Slot:
    return Slot(
        name=clean(row.text("name"), NAME_LIMIT),
        kind=row.text("kind"),
        active=row.flag("active"),
        status=row.text("status"),
        kept_bytes=_positive(row.integer("kept_bytes")),
    )


def _positive(value: int | None) -> int | None:
    return None if value is None else max(0, value)
