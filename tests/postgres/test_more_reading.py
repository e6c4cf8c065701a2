"""Letta's own rows, sizes and growth, pgvector, the budget on a real server, and how little is asked."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lettaops.config.paths import StateDirectory
from lettaops.model.database.budget import State as BudgetState
from lettaops.model.database.own import Runs
from lettaops.model.database.picture import Part
from lettaops.model.database.sizes import Growth
from lettaops.model.source import Link
from lettaops.monitor.database.watch import DatabaseWatch
from tests.postgres.conftest import Watched, stack_with
from tests.postgres.people import People, until_true
from tests.postgres.postmaster import PASSWORD, Postmaster

# The beginning of the statement of each look, as the server logs it.
QUICK = "select json_build_object(\n\t'sessions'"
RUNS = """
set search_path to letta;
insert into runs (id, agent_id, status, stop_reason, created_at) values
  ('run-new', 'agent-1', 'running', null, now() - interval '1 minute'),
  ('run-busy', 'agent-1', 'running', null, now() - interval '1 hour'),
  ('run-stuck', 'agent-2', 'created', null, now() - interval '2 hours'),
  ('run-waits', 'agent-3', 'completed', 'requires_approval', now() - interval '1 day'),
  ('run-was-approved', 'agent-2', 'completed', 'requires_approval', now() - interval '3 days'),
  ('run-done', 'agent-1', 'completed', 'end_turn', now() - interval '5 minutes'),
  ('run-old', 'agent-1', 'running', null, now() - interval '30 days');
insert into steps (id, run_id, total_tokens, created_at) values
  ('step-1', 'run-busy', 100, now() - interval '2 minutes'),
  ('step-2', 'run-new', 20, now()),
  ('step-3', 'run-done', 5, now()),
  ('step-4', 'run-stuck', 1000, now() - interval '90 minutes');
"""


async def test_runs_are_told_apart(postmaster: Postmaster, watched: Watched) -> None:
    postmaster.psql(RUNS)
    letta = (await watched.watch.once()).letta
    assert letta is not None
    assert letta.runs is not None
    assert (letta.runs.active, letta.runs.stuck, letta.runs.waiting) == (3, 1, 1)
    assert letta.runs.cancellable == 4
    assert letta.runs.oldest_s == pytest.approx(7200, abs=60)
    assert letta.tokens_hour == 25
    assert Runs().cancellable == 0


async def test_a_schema_that_is_not_what_the_server_wants(postmaster: Postmaster, watched: Watched) -> None:
    postmaster.psql("update letta.alembic_version set version_num = 'd0880aae6cee'")
    letta = (await watched.watch.once()).letta
    assert letta is not None
    assert (letta.schema.heads, letta.schema.wanted) == (("d0880aae6cee",), "1c28e167b74f")
    assert letta.schema.fits is False


async def test_a_database_without_lettas_tables(postmaster: Postmaster, watched: Watched) -> None:
    postmaster.psql("drop schema letta cascade")
    picture = await watched.watch.once()
    assert set(picture.faults) == {Part.LETTA}
    assert picture.letta is None
    assert picture.sizes is not None
    assert picture.sizes.tables == ()


async def test_sizes_rows_and_what_needs_a_vacuum(postmaster: Postmaster, watched: Watched) -> None:
    postmaster.psql(
        "alter table letta.messages set (autovacuum_enabled = false);"
        "insert into letta.messages select n, repeat('x', 100) from generate_series(1, 5000) n;"
        "insert into letta.provider_traces select n, '{}', '{}' from generate_series(1, 2000) n;"
        "analyze letta.messages; analyze letta.provider_traces;"
        "update letta.provider_traces set response_json = '[]'; delete from letta.messages where id < '3';"
    )
    await _flushed(postmaster)
    sizes = (await watched.watch.once()).sizes
    assert sizes is not None
    messages, traces, agents = (sizes.table(each) for each in ("messages", "provider_traces", "agents"))
    assert messages is not None
    assert traces is not None
    assert agents is not None
    assert messages.rows == 5000
    assert messages.total == int(postmaster.psql("select pg_total_relation_size('letta.messages')"))
    assert messages.analyzed_s is not None
    assert messages.vacuumed_s is None
    assert agents.rows is None, "never analysed: unknown, not 0"
    assert messages.off
    assert [each.name for each in sizes.overdue] == ["provider_traces"]
    assert sizes.database == int(postmaster.psql("select pg_database_size('letta')"))


async def _flushed(server: Postmaster) -> None:
    await until_true(
        lambda: (
            server.psql(
                "select n_dead_tup >= 2000 from pg_stat_user_tables where relname = 'provider_traces'"
            )
            == "t"
        )
    )


async def test_growth_is_seen_from_one_run_to_the_next(
    postmaster: Postmaster, watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = StateDirectory(path=tmp_path / "state", shared=False)
    now = datetime.now(UTC).timestamp()
    monkeypatch.setattr("lettaops.monitor.database.growth.time.time", lambda: now)

    async def look() -> Growth | None:
        picture = await DatabaseWatch(watched.engine, watched.subject, directory).once(rates=False)
        return picture.growth.get("letta.messages")

    assert await look() is None, "after no time nothing can be said"
    postmaster.psql("insert into letta.messages select n, repeat('x', 1000) from generate_series(1, 2000) n")
    now += 7200
    second = await look()
    assert second is not None
    assert second.seconds == 7200
    assert second.bytes > 2_000_000
    assert second.bytes_a_day == pytest.approx(second.bytes * 12)


async def test_pgvector_its_columns_and_indexes(postmaster: Postmaster, watched: Watched) -> None:
    if postmaster.psql("select count(*) from pg_available_extensions where name = 'vector'") == "0":
        vectors = (await watched.watch.once()).vectors
        assert vectors is not None
        assert (vectors.version, vectors.available) == ("", "")
        return
    postmaster.psql(
        "set search_path to letta; create extension vector;"
        "create table archival_passages (id text, embedding vector(4096));"
        "create table source_passages (id text, embedding vector(3), small halfvec(3), any_size vector);"
        "create index by_l2 on source_passages using hnsw (embedding vector_l2_ops);"
        "create index by_cast on source_passages using hnsw ((embedding::halfvec(3)) halfvec_l2_ops);"
        "insert into source_passages (id) select n from generate_series(1, 10) n; analyze source_passages;"
    )
    vectors = (await watched.watch.once()).vectors
    assert vectors is not None
    assert vectors.version == postmaster.psql("select extversion from pg_extension where extname = 'vector'")
    found = {(str(each.table), str(each.column)): each for each in vectors.columns}
    indexed = found["source_passages", "embedding"]
    assert {each.name for each in indexed.indexes} == {"by_l2", "by_cast"}
    assert (indexed.dimensions, indexed.rows, indexed.words) == (3, 10, "")
    archival = found["archival_passages", "embedding"]
    assert (archival.dimensions, archival.indexed, archival.indexable) == (4096, False, False)
    assert "with 4096 dimensions it can't have one (pgvector indexes up to 2000)" in archival.words
    assert "each search reads all 10 rows" in found["source_passages", "small"].words
    assert found["source_passages", "any_size"].dimensions is None
    assert len(vectors.unindexed) == 3


async def test_the_budget_of_a_pooled_server(
    postmaster: Postmaster, watched: Watched, people: People
) -> None:
    postmaster.stop()
    postmaster.start(max_connections="40")
    await people.come("stranger")
    uri = f"postgresql://letta:{PASSWORD}@127.0.0.1:{postmaster.port}/letta"
    pooled = (f"LETTA_PG_URI={uri}", "LETTA_VERSION=0.16.8", "LETTA_DISABLE_SQLALCHEMY_POOLING=false")
    watched.stack = stack_with(postmaster, env=pooled)
    budget = (await watched.watch.once()).budget
    assert (budget.state, budget.ceiling, budget.room) == (BudgetState.EXCEEDS, 35, 34)
    assert budget.change.startswith("set LETTA_PG_MAX_OVERFLOW=9, or raise max_connections to 41")
    assert (
        "1 worker × (25 + 10) = 35; 40 max_connections - 3 for superusers - 1 of others" in budget.arithmetic
    )
    assert any("insists on TLS" in note and "this database has none" in note for note in budget.notes)


async def test_how_little_is_asked(postmaster: Postmaster, watched: Watched) -> None:
    postmaster.psql("alter role letta set log_statement = 'all'")
    watched.watch.every = 0.1
    async with watched.running():
        await until_true(lambda: watched.watch.history.of("clients", 1) != ())
        await until_true(lambda: Part.VECTORS in watched.watch.picture.ages)
        await until_true(lambda: postmaster.log().count(QUICK) >= 5)
    said = postmaster.log()
    quick = said.count(QUICK)
    # Beside one statement a look: who the server is, Letta's rows with the horizon, sizes with pgvector.
    assert said.count("LOG:  execute ") == quick + 3
    assert "LOG:  statement: " not in said


async def test_what_others_do_is_counted_and_ours_is_not(postmaster: Postmaster, watched: Watched) -> None:
    watched.watch.every = 0.1
    connects = transactions = 0.0

    async def add_up() -> None:
        nonlocal connects, transactions
        async for picture in watched.watch.changes():
            rates = picture.rates
            if rates.seconds is not None and picture.counters is not seen[-1]:
                seen.append(picture.counters)
                connects += (rates.connects or 0.0) * rates.seconds
                transactions += (rates.transactions or 0.0) * rates.seconds

    seen: list[object] = [None]
    async with watched.running(), asyncio.TaskGroup() as group:
        task = group.create_task(add_up())
        await until_true(lambda: len(seen) > 2)
        before = (connects, transactions)
        for _ in range(7):
            postmaster.psql("select 1; select 2")
        # Two statements each, and the transaction that lets a session in.
        await until_true(lambda: round(transactions - before[1]) >= 21)
        looks = len(seen)
        await until_true(lambda: len(seen) > looks + 12)
        task.cancel()
    assert round(connects - before[0]) == 7
    # The server tells of our own once a second only, which is longer than these looks are apart.
    assert round(transactions - before[1]) <= 25


async def test_a_prepared_transaction_and_a_slot(
    postmaster: Postmaster, watched: Watched, people: People
) -> None:
    postmaster.stop()
    postmaster.start(max_prepared_transactions="5", wal_level="replica")
    postmaster.psql("select pg_create_physical_replication_slot('forgotten', true)")
    change = "update letta.agents set name = 'x' where id = 'agent-1'"
    postmaster.psql(f"begin; {change}; prepare transaction 'lost'")
    await people.come("waiter")
    people.begin("waiter", change)
    await people.until("waiter", "wait_event_type = 'Lock'")
    picture = await watched.watch.once()
    assert [(knot.pid, knot.depth, knot.words) for knot in picture.tree if knot.session is None] == [
        (0, 0, "a prepared transaction")
    ]
    assert picture.tree[1].pid == people.pids["waiter"]
    assert picture.horizon is not None
    assert picture.horizon.prepared == 1
    assert [(each.name, each.active) for each in picture.horizon.slots] == [("forgotten", False)]
    assert picture.horizon.slots[0].kept_bytes is not None
    assert ("prepared transaction", "lost") in {(each.kind, each.name) for each in picture.horizon.holders}


async def test_a_part_that_takes_too_long_is_given_up(postmaster: Postmaster, watched: Watched) -> None:
    postmaster.psql(
        "alter table letta.steps rename to steps_;"
        "create view letta.steps as select *, pg_sleep(60)::text as nap from letta.steps_;"
        "insert into letta.runs (id, agent_id, status) values ('run-1', 'agent-1', 'running');"
        "insert into letta.steps_ (id, run_id) values ('step-1', 'run-1')"
    )
    picture = await watched.watch.once()
    assert picture.faults == {Part.LETTA: "letta: given up after 3 s"}
    assert picture.status.link is Link.LIVE
    assert picture.horizon is not None
