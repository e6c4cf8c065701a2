"""What is read of a real server is what is there, on each version, and does no harm."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lettaops.model.database.budget import State as BudgetState
from lettaops.model.database.picture import Part
from lettaops.model.database.sessions import Owner, State
from lettaops.model.source import Link
from tests.postgres.conftest import INSTALLED, Watched, stack_with
from tests.postgres.people import People, until, until_true
from tests.postgres.postmaster import Postmaster, running
from tests.unit.build import HOSTILE, is_clean

RUNAWAY = "do $$ begin loop end loop; end $$"
STATES = """
select state, count(*) from pg_stat_activity
where backend_type = 'client backend' and application_name not in ('lettaops', 'test')
group by state order by 1
"""


@pytest.mark.parametrize("version", sorted(INSTALLED))
async def test_every_part_is_read_on_every_version(templates: Callable[[int], Path], version: int) -> None:
    with running(INSTALLED[version], templates(version)) as server:
        watched = Watched(server)
        picture = await watched.watch.once()
        await watched.engine.aclose()
    assert picture.status.link is Link.LIVE
    assert picture.faults == {}
    assert set(picture.ages) == set(Part)
    assert picture.server is not None
    assert picture.server.major == version
    assert picture.server.missing == ()
    assert picture.limits is not None
    assert (picture.limits.max_connections, picture.limits.usable) == (100, 97)
    assert picture.budget.state is BudgetState.UNBOUNDED
    assert picture.rates.transactions is not None
    assert picture.rates.checkpoints is not None
    assert picture.rates.wal_bytes is not None
    assert picture.horizon is not None
    assert picture.horizon.wraparound is not None
    assert picture.horizon.wraparound.left > 2_000_000_000
    assert picture.sizes is not None
    assert {"agents", "runs", "provider_traces"} <= {each.name for each in picture.sizes.tables}
    assert picture.letta is not None
    assert picture.letta.agents == 3
    assert picture.letta.schema.fits is True


async def test_sessions_agree_with_an_independent_read(
    postmaster: Postmaster, watched: Watched, people: People
) -> None:
    for name in ("one", "two", "three"):
        await people.come(name)
    await people.lock("idle in transaction")
    await people.come("busy")
    people.begin("busy", "select pg_sleep(60)")
    await people.until("busy", "state = 'active'")
    picture = await watched.watch.once(rates=False)
    theirs = dict(line.split("|") for line in postmaster.psql(STATES).splitlines())
    ours: dict[str, int] = {}
    for session in picture.clients:
        if session.owner is not Owner.LETTAOPS:
            ours[session.state] = ours.get(session.state, 0) + 1
    assert {state: str(number) for state, number in ours.items()} == theirs
    assert theirs == {"active": "1", "idle": "3", "idle in transaction": "1"}
    kinds = postmaster.psql("select count(*) from pg_stat_activity where backend_type <> 'client backend'")
    assert sum(each.owner is Owner.BACKGROUND for each in picture.sessions) == int(kinds)


async def test_the_tree_of_who_waits_for_whom(watched: Watched, people: People) -> None:
    await people.three_levels()
    await people.lock("idler")
    await people.come("runaway")
    people.begin("runaway", RUNAWAY)
    await people.until("runaway", "state = 'active'")
    picture = await watched.watch.once((Part.SESSIONS,), rates=False)
    names = {pid: name for name, pid in people.pids.items()}
    assert [(names[knot.pid], knot.depth, knot.behind) for knot in picture.tree] == [
        ("a", 0, 4),
        ("b", 1, 2),
        ("c", 2, 1),
        ("e", 3, 0),
        ("d", 1, 0),
    ]
    found = {names.get(each.pid, ""): each for each in picture.sessions}
    assert found["a"].state is State.IDLE_IN_TRANSACTION
    assert found["idler"].state.in_transaction
    assert found["e"].waits == "Lock: advisory"
    assert (found["runaway"].state, found["runaway"].waits) == (State.ACTIVE, "")
    assert found["runaway"].query == RUNAWAY
    assert picture.longest is not None
    assert picture.longest.pid == people.pids["a"]


async def test_whose_a_session_is(postmaster: Postmaster, watched: Watched, people: People) -> None:
    await people.come("letta", server_settings={"application_name": ""})
    await people.come("psql", server_settings={"application_name": "psql"})
    postmaster.psql("create role eve login superuser password 'e'")
    await people.come("eve", user="eve", password="e", server_settings={"application_name": "lettaops"})
    picture = await watched.watch.once((Part.SESSIONS,), rates=False)
    found = {each.pid: each.owner for each in picture.sessions}
    # The loopback of a database elsewhere is not the servers'; a name alone makes nobody ours.
    assert found[people.pids["letta"]] is Owner.STRANGER
    assert found[people.pids["psql"]] is Owner.STRANGER
    assert found[people.pids["eve"]] is Owner.STRANGER
    assert [each.owner for each in picture.sessions].count(Owner.LETTAOPS) == 1


async def test_hostile_texts_are_clean(postmaster: Postmaster, watched: Watched, people: People) -> None:
    shown = HOSTILE.replace("\x00", "")
    await people.come("evil", server_settings={"application_name": shown})
    people.begin("evil", f"select pg_sleep(60) /* {shown} */, 'sesame\n' as \"password\"")
    await people.until("evil", "state = 'active'")
    await people.come("secret")
    people.begin("secret", "alter role letta password 'open-sesame'; select pg_sleep(60)")
    await people.until("secret", "state = 'active'")
    postmaster.psql('create table letta."\x1b[2Jt" (n int)')
    picture = await watched.watch.once()
    sessions = {each.pid: each for each in picture.sessions}
    evil = sessions[people.pids["evil"]]
    assert "pg_sleep" in evil.query
    assert picture.sizes is not None
    for text in (evil.query, evil.application, *(each.name for each in picture.sizes.tables)):
        assert is_clean(text)
    assert "open-sesame" not in sessions[people.pids["secret"]].query
    assert "alter role letta password '****'" in sessions[people.pids["secret"]].query


async def test_a_role_without_privileges_is_told_what_it_misses(
    postmaster: Postmaster, watched: Watched, people: People
) -> None:
    postmaster.psql("create role guest login password 'guest'; grant connect on database letta to guest")
    await people.lock("theirs")
    watched.stack = stack_with(postmaster, user="guest", password="guest")
    picture = await watched.watch.once()
    assert picture.status.link is Link.LIVE
    assert picture.server is not None
    assert [each.privilege for each in picture.server.missing] == [
        "pg_monitor",
        "pg_signal_backend",
        "SELECT on Letta's tables",
    ]
    assert picture.server.missing[0].remedy == 'GRANT pg_monitor TO "guest"'
    hidden = next(each for each in picture.sessions if each.pid == people.pids["theirs"])
    assert (hidden.state, hidden.owner, hidden.query) == (State.HIDDEN, Owner.STRANGER, "")
    assert set(picture.faults) == {Part.LETTA}
    assert "this role may not see it" in picture.faults[Part.LETTA]
    assert picture.letta is None


async def test_a_part_that_is_locked_comes_back(
    postmaster: Postmaster, watched: Watched, people: People
) -> None:
    await people.lock("locker")
    await people.sessions["locker"].execute("lock table letta.agents in access exclusive mode")
    picture = await watched.watch.once()
    assert picture.status.link is Link.LIVE
    assert {Part.LETTA, Part.SIZES} == set(picture.faults)
    assert "somebody holds a lock" in picture.faults[Part.SIZES]
    assert picture.vectors is not None
    await people.sessions["locker"].execute("rollback")
    assert (await watched.watch.once()).faults == {}


async def test_pg_class_itself_locked(postmaster: Postmaster, watched: Watched, people: People) -> None:
    watch = watched.watch
    watch.every, watch.slowly = 0.05, {0.1: (Part.SIZES, Part.VECTORS)}
    late = Watched(postmaster)
    async with watched.running():
        await until_true(lambda: Part.SIZES in watch.picture.ages)
        await people.lock("locker")
        await people.sessions["locker"].execute("lock table pg_catalog.pg_class in access exclusive mode")
        await until_true(lambda: set(watch.picture.faults) == {Part.SIZES, Part.VECTORS})
        assert "somebody holds a lock" in watch.picture.faults[Part.SIZES]
        assert watch.picture.sizes is not None, "the last value stays"
        # What needs no look into that table is read on.
        await until_true(lambda: watch.picture.ages[Part.SESSIONS] < 1 < watch.picture.ages[Part.SIZES])
        assert watch.picture.status.link is Link.LIVE
        # Who comes now gets no answer, and doesn't wait for ever.
        assert (await late.watch.once()).status.link is not Link.LIVE
        await people.sessions["locker"].execute("rollback")
        await until_true(lambda: not watch.picture.faults)
    await late.engine.aclose()


async def test_our_session_is_a_guest(postmaster: Postmaster, watched: Watched) -> None:
    async with watched.running():
        await until_true(lambda: bool(watched.watch.picture.sessions))
        own = [each for each in watched.watch.picture.sessions if each.owner is Owner.LETTAOPS]
        assert len(own) == 1
        assert own[0].query == ""
        count = "select count(*) from pg_stat_activity where application_name = 'lettaops'"
        assert postmaster.psql(count) == "1"

    async def gone() -> bool:
        return postmaster.psql(count) == "0"

    await until(gone)


async def test_nothing_of_ours_is_in_the_figures(postmaster: Postmaster, watched: Watched) -> None:
    watched.watch.every = 0.2
    async with watched.running():

        async def quiet() -> bool:
            rates = watched.watch.picture.rates
            return rates.connects == 0 and rates.transactions is not None and rates.transactions < 1

        await until(quiet)
