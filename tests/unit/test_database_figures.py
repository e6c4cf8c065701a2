"""Rates, the horizon and sizes; and that answers of any shape are read."""

from typing import Any

import msgspec
import pytest
from hypothesis import given

from lettaops.model.database.access import server_from
from lettaops.model.database.activity import (
    Counters,
    Own,
    Rates,
    cache_hit_since_reset,
    counters_from,
    rates,
    settled,
)
from lettaops.model.database.horizon import horizon_from, longest_transaction, with_sessions
from lettaops.model.database.own import letta_rows_from
from lettaops.model.database.sessions import Owner, Session, State
from lettaops.model.database.sizes import Growth, Sizes, Vacuuming, growth, sizes_from, traces_alarm
from lettaops.model.database.vectors import vectors_from
from lettaops.model.document import Document
from lettaops.model.text import Safe
from tests.unit.build import damaged, is_clean

MIB = 1024**2
GIB = 1024**3
BEFORE = Counters(
    read_at=100.0,
    started=Safe("2026-11-01"),
    resets={"database": Safe("a"), "wal": Safe("b"), "checkpoints": Safe("c")},
    commits=1000,
    rollbacks=100,
    blocks_read=10,
    blocks_hit=90,
    temp_files=1,
    temp_bytes=0,
    deadlocks=0,
    sessions=50,
    sessions_lost=0,
    checkpoints_timed=1,
    checkpoints_requested=0,
    wal_bytes=0,
)


def later(**changes: Any) -> Counters:
    values: dict[str, Any] = {
        "read_at": 110.0,
        "commits": 1080,
        "rollbacks": 120,
        "blocks_read": 20,
        "blocks_hit": 180,
        "temp_bytes": 2048,
        "deadlocks": 1,
        "sessions": 70,
        "checkpoints_requested": 1,
        "wal_bytes": 1000,
    }
    return msgspec.structs.replace(BEFORE, **(values | changes))


def test_rates_between_two_looks() -> None:
    found = rates(BEFORE, later(), Own())
    assert found.seconds == 10
    assert found.transactions == pytest.approx(10)
    assert found.rollback_share == pytest.approx(0.2)
    assert found.cache_hit == pytest.approx(0.9)
    assert found.connects == pytest.approx(2)
    assert found.deadlocks == pytest.approx(0.1)
    assert found.temp_bytes == pytest.approx(204.8)
    assert found.checkpoints == pytest.approx(0.1)
    assert found.wal_bytes == pytest.approx(100)
    assert cache_hit_since_reset(BEFORE) == pytest.approx(0.9)


def test_our_own_part_is_left_out_and_never_makes_it_negative() -> None:
    found = rates(BEFORE, later(), Own(transactions=40, sessions=5))
    assert found.transactions == pytest.approx(6)
    assert found.connects == pytest.approx(1.5)
    more = rates(BEFORE, later(), Own(transactions=500, sessions=500))
    assert more.connects == 0
    assert more.transactions == pytest.approx(2), "the rollbacks are none of ours"


def test_what_is_ours_is_taken_off_when_the_counters_tell_it() -> None:
    taken, owed = settled(Own(transactions=100, sessions=5), BEFORE, later())
    assert (taken, owed) == (Own(transactions=80, sessions=5), Own(transactions=20))
    assert settled(owed, later(), later()) == (Own(), owed)
    restarted = later(started=Safe("2026-11-02"))
    assert settled(owed, BEFORE, restarted) == settled(owed, None, BEFORE) == (Own(), Own())


@pytest.mark.parametrize(
    "now",
    [
        later(started=Safe("2026-11-02")),
        later(read_at=100.0),
        later(read_at=40.0),
        later(commits=0, rollbacks=0, sessions=0, blocks_hit=0),
    ],
    ids=["restarted", "no time", "back in time", "began anew"],
)
def test_no_rate_where_nothing_can_be_said(now: Counters) -> None:
    found = rates(BEFORE, now, Own())
    assert (found.transactions, found.connects, found.cache_hit) == (None, None, None)
    assert rates(None, now, Own()) == Rates()


@pytest.mark.parametrize(
    ("group", "gone", "kept"),
    [
        ("database", ("transactions", "connects", "cache_hit"), ("wal_bytes", "checkpoints")),
        ("wal", ("wal_bytes",), ("transactions", "checkpoints")),
        ("checkpoints", ("checkpoints",), ("transactions", "wal_bytes")),
    ],
)
def test_a_reset_of_one_group_leaves_the_others(
    group: str, gone: tuple[str, ...], kept: tuple[str, ...]
) -> None:
    found = rates(BEFORE, later(resets=BEFORE.resets | {group: Safe("new")}), Own())
    assert [getattr(found, name) for name in gone] == [None] * len(gone)
    assert all(getattr(found, name) is not None for name in kept)


def test_nothing_read_is_no_hit_rate() -> None:
    found = rates(BEFORE, later(blocks_read=10, blocks_hit=90), Own())
    assert found.cache_hit is None


COUNTERS = {
    "database": {"started": "x", "reset": None, "commits": 5, "sessions": 2},
    "wal": {"reset": "y", "wal_bytes": 7},
    "checkpoints": {"checkpoints_timed": 3},
}


def test_counters_from_answers() -> None:
    found = counters_from({name: Document(each) for name, each in COUNTERS.items()}, 1.0)
    assert (found.commits, found.sessions, found.wal_bytes, found.checkpoints_timed) == (5, 2, 7, 3)
    assert found.deadlocks is None


HORIZON = {
    "in_recovery": False,
    "freeze_max_age": 200_000_000,
    "multixact_freeze_max_age": 400_000_000,
    "databases": [
        {"name": "letta", "transactions": 210_000_000, "multixacts": 5},
        {"name": "other", "transactions": 50, "multixacts": 7},
    ],
    "prepared": 1,
    "oldest_prepared_s": 3600.5,
    "holders": [
        {"kind": "slot", "name": "backup", "transactions": 500},
        {"kind": "prepared transaction", "name": "x", "transactions": 900},
    ],
    "standbys": [
        {"name": "replica", "address": "10.0.0.2", "state": "streaming", "behind_bytes": -5, "lag_s": 0.2}
    ],
    "slots": [
        {"name": "backup", "kind": "physical", "active": False, "status": "extended", "kept_bytes": GIB}
    ],
}


def session(**changes: Any) -> Session:
    values: dict[str, Any] = {
        "pid": 1,
        "started_us": 1,
        "owner": Owner.LETTA,
        "state": State.ACTIVE,
        "kind": Safe("client backend"),
        "client": Safe("letta_server"),
    }
    return Session(**(values | changes))


def test_the_horizon_and_what_holds_it() -> None:
    found = horizon_from(Document(HORIZON))
    assert [(each.kind, each.transactions) for each in found.holders] == [
        ("prepared transaction", 900),
        ("slot", 500),
    ]
    held = with_sessions(
        found,
        [
            session(pid=7, xmin_age=5000),
            session(pid=8, xmin_age=None),
            # A replica has a row of its own, and a vacuum keeps nobody's rows.
            session(pid=9, xmin_age=9000, kind=Safe("walsender"), owner=Owner.BACKGROUND),
            session(pid=10, xmin_age=9000, kind=Safe("autovacuum worker"), owner=Owner.BACKGROUND),
        ],
    )
    assert (held.holders[0].name, held.holders[0].transactions) == ("7 (letta_server)", 5000)
    assert len(held.holders) == 3
    assert (found.prepared, found.oldest_prepared_s) == (1, 3600.5)
    assert found.standbys[0].behind_bytes == 0
    assert (found.slots[0].active, found.slots[0].kept_bytes) == (False, GIB)


@pytest.mark.parametrize(
    ("databases", "counter", "forced", "alarm"),
    [
        ([{"name": "letta", "transactions": 210_000_000, "multixacts": 5}], "transactions", True, False),
        ([{"name": "letta", "transactions": 10, "multixacts": 20}], "multixacts", False, False),
        ([{"name": "letta", "transactions": 2_110_000_000, "multixacts": 5}], "transactions", True, True),
        ([{"name": "letta", "transactions": 1, "multixacts": 2_147_000_000}], "multixacts", True, True),
    ],
)
def test_wraparound(databases: list[dict[str, Any]], counter: str, forced: bool, alarm: bool) -> None:
    found = horizon_from(Document(HORIZON | {"databases": databases})).wraparound
    assert found is not None
    assert (found.counter, found.forced, found.alarm) == (counter, forced, alarm)
    assert found.left >= 0


def test_the_longest_transaction_is_a_client_s() -> None:
    found = longest_transaction(
        [
            session(pid=1, transaction_s=5.0),
            session(pid=2, transaction_s=50.0),
            session(pid=3, transaction_s=None),
            session(pid=4, transaction_s=500.0, owner=Owner.BACKGROUND),
        ]
    )
    assert found is not None
    assert found.pid == 2
    assert longest_transaction([]) is None


def table(name: str, total: int, **changes: Any) -> dict[str, Any]:
    return {
        "schema": "letta",
        "name": name,
        "rows": 100,
        "total": total,
        "heap": total // 2,
        "indexes": total // 2,
        "dead": 0,
        "vacuumed_s": None,
        "analyzed_s": 60,
        "options": None,
    } | changes


SIZES = {
    "database": 10 * GIB,
    "count": 7,
    "tables": [
        table("agents", MIB, rows=-1),
        table("provider_traces", 4 * GIB, dead=200, rows=1000),
        table("messages", GIB, dead=251, rows=1000, options=["autovacuum_enabled=false"]),
        table("steps", 2 * MIB, dead=251, rows=1000),
        table("jobs", 3 * MIB, dead=250, rows=1000),
    ],
    "vacuuming": {"on": True, "threshold": 50, "scale": 0.2, "cap": None},
    "running": [
        {"pid": 4, "table": "messages", "phase": "scanning heap", "blocks": 200, "scanned": 50},
        {"pid": 5, "table": "x", "phase": "initializing", "blocks": 0, "scanned": 0},
    ],
}


def test_sizes() -> None:
    found = sizes_from(Document(SIZES))
    assert [each.name for each in found.tables] == ["provider_traces", "messages", "jobs", "steps", "agents"]
    assert found.more == 2
    agents = found.table("agents")
    assert agents is not None
    assert agents.rows is None
    assert agents.matters
    assert [each.name for each in found.overdue] == ["steps"]
    assert [(each.phase, each.share) for each in found.running] == [
        ("scanning heap", 0.25),
        ("initializing", None),
    ]


@pytest.mark.parametrize(
    ("vacuuming", "rows", "due"),
    [
        (Vacuuming(), 1000, 250),
        (Vacuuming(threshold=0, scale=0.0), 1000, 0),
        (Vacuuming(cap=100), 1_000_000, 100),
        (Vacuuming(cap=-1), 1000, 250),
    ],
)
def test_when_autovacuum_takes_a_table_up(vacuuming: Vacuuming, rows: int, due: int) -> None:
    assert vacuuming.due(rows) == due


def test_growth() -> None:
    now = sizes_from(Document(SIZES))
    before = {"letta.provider_traces": 3 * GIB, "letta.messages": 2 * GIB, "letta.gone": 1}
    grown = growth(before, now, 43_200.0)
    assert grown["letta.provider_traces"].bytes == GIB
    assert grown["letta.provider_traces"].bytes_a_day == 2 * GIB
    assert grown["letta.messages"].bytes == -GIB
    assert set(grown) == {"letta.provider_traces", "letta.messages"}
    assert growth(None, now, 10.0) == {}
    assert growth(before, now, 0.0) == {}
    assert Growth(seconds=5, bytes=1).bytes_a_day is None


@pytest.mark.parametrize(
    ("total", "whole", "alarmed"),
    [(GIB, 100 * GIB, True), (300 * MIB, 500 * MIB, True), (300 * MIB, 100 * GIB, False), (MIB, MIB, False)],
)
def test_the_alarm_about_traces(total: int, whole: int, alarmed: bool) -> None:
    found = sizes_from(Document({"database": whole, "tables": [table("provider_traces", total)]}))
    said = traces_alarm(found, {"letta.provider_traces": Growth(seconds=7200.0, bytes=100 * MIB)})
    assert bool(said) is alarmed
    if alarmed:
        assert "grew by 100 MiB in 2 h (1.17 GiB a day)" in said
        assert "LETTA_TRACK_PROVIDER_TRACE=false" in said
    assert traces_alarm(Sizes(database=whole), {}) == ""


VECTORS = {
    "table": "archival_passages",
    "column": "embedding",
    "type": "vector",
    "dimensions": 4096,
    "rows": 5,
    "indexes": [{"name": "i", "method": "hnsw", "valid": True}],
}


@given(
    damaged(
        {
            "horizon": HORIZON,
            "sizes": SIZES,
            "vectors": {"version": "1", "columns": [VECTORS]},
            "letta": {"alembic": ["a"], "runs": {"active": 1}, "agents": 1},
            "server": {"version": 160014, "role": "letta"},
            "counters": COUNTERS,
        }
    )
)
def test_answers_of_any_shape_are_read(answers: Any) -> None:
    document = Document(answers)
    horizon = horizon_from(document.sub("horizon"))
    with_sessions(horizon, [session(xmin_age=1)])
    sizes = sizes_from(document.sub("sizes"))
    traces_alarm(sizes, growth({}, sizes, 1.0))
    assert set(sizes.overdue) <= set(sizes.tables)
    assert all(is_clean(each.words) for each in vectors_from(document.sub("vectors")).columns)
    letta_rows_from(document.sub("letta"), (0, 16, 8))
    assert all(is_clean(each.remedy) for each in server_from(document.sub("server")).missing)
    names = ("database", "wal", "checkpoints")
    counters = counters_from({name: document.sub("counters").sub(name) for name in names}, 5.0)
    found = rates(BEFORE, counters, Own())
    assert all(value is None or value >= 0 for value in msgspec.structs.astuple(found))
