"""A session is cancelled or ended when it is the one that was seen, and no other ever."""

from pathlib import Path

import msgspec
import pytest

from lettaops.config.paths import StateDirectory
from lettaops.model.database.picture import Part, Picture
from lettaops.model.database.sessions import Owner
from lettaops.model.errors import Exit, Locked, Refused, UsageError
from lettaops.model.text import Safe
from lettaops.operations.audit import AuditLog, Record
from lettaops.operations.deed_plan import Deed, DeedPlan
from lettaops.operations.deeds import DeedExecutor, DeedResult
from lettaops.operations.execute import Permission
from lettaops.operations.locks import lock
from lettaops.operations.session_acts import SessionActs, plan_on_sessions
from tests.postgres.conftest import MAIN, Watched, stack_with
from tests.postgres.people import People, until
from tests.postgres.postmaster import Postmaster
from tests.unit.build import operator

HERE = Safe("here")


class Doing:
    """Plans on the sessions of a server, done by one operator."""

    def __init__(self, watched: Watched, state: Path) -> None:
        self.watched = watched
        self.directory = StateDirectory(path=state, shared=False)
        self.log = AuditLog(self.directory, operator())

    async def plan(self, deed: Deed, *pids: int) -> DeedPlan:
        picture = await self.picture()
        return plan_on_sessions(deed, picture, pids, project=Safe("letta"), engine=HERE)

    async def picture(self) -> Picture:
        return await self.watched.watch.once((Part.SESSIONS,), rates=False)

    async def run(self, plan: DeedPlan, permission: Permission | None = None) -> list[DeedResult]:
        executor = DeedExecutor(
            permission=permission or Permission(), directory=self.directory, operator=operator()
        )
        assert self.watched.stack is not None
        acts = SessionActs(self.watched.engine, self.watched.stack, executor, major=MAIN)
        return [each async for each in acts.run(plan)]

    def records(self) -> list[Record]:
        return [each for each in self.log.records() if isinstance(each, Record)]


@pytest.fixture
def doing(watched: Watched, tmp_path: Path) -> Doing:
    """Somebody who acts."""
    return Doing(watched, tmp_path / "state")


async def alive(server: Postmaster, people: People) -> set[str]:
    """Who is still there."""
    pids = set(server.psql("select pid from pg_stat_activity").split())
    return {name for name, pid in people.pids.items() if str(pid) in pids}


async def test_terminate_ends_the_chosen_one_and_lets_the_others_go_on(
    postmaster: Postmaster, people: People, doing: Doing
) -> None:
    await people.three_levels()
    plan = await doing.plan(Deed.TERMINATE_SESSION, people.pids["b"])
    (step,) = plan.steps
    assert "2 sessions that wait for it can go on" in step.effects
    (result,) = await doing.run(plan)
    assert (result.exit, result.words) == (Exit.DONE, "has ended")
    assert await alive(postmaster, people) == {"a", "c", "d", "e"}
    await people.until("c", "state = 'idle in transaction'")
    await people.until("d", "wait_event_type = 'Lock'")
    intent, outcome = doing.records()
    assert (intent.act, intent.kind, outcome.kind) == ("session.terminate", "intent", "result")
    assert intent.target["service"] == f"session {people.pids['b']}"
    assert outcome.detail["words"] == "has ended"


async def test_cancel_ends_the_chosen_statement_only(
    postmaster: Postmaster, people: People, doing: Doing
) -> None:
    for name in ("one", "two"):
        await people.come(name)
        people.begin(name, "select pg_sleep(60)")
        await people.until(name, "state = 'active'")
    (result,) = await doing.run(await doing.plan(Deed.CANCEL_SESSION, people.pids["one"]))
    assert (result.exit, result.words) == (Exit.DONE, "had its statement cancelled")
    await people.until("one", "state = 'idle'")
    await people.until("two", "state = 'active'")
    assert await people.sessions["one"].fetchval("select 1") == 1


async def test_several_at_once(postmaster: Postmaster, people: People, doing: Doing) -> None:
    for name in ("one", "two", "three"):
        await people.lock(name)
    plan = await doing.plan(Deed.TERMINATE_SESSION, people.pids["one"], people.pids["two"])
    assert [each.exit for each in await doing.run(plan)] == [Exit.DONE, Exit.DONE]
    assert await alive(postmaster, people) == {"three"}


@pytest.mark.parametrize("deed", [Deed.CANCEL_SESSION, Deed.TERMINATE_SESSION])
async def test_a_pid_that_belongs_to_another_process_now_is_not_touched(
    people: People, doing: Doing, deed: Deed
) -> None:
    await people.come("victim")
    people.begin("victim", "select pg_sleep(60)")
    await people.until("victim", "state = 'active'")
    plan = await doing.plan(deed, people.pids["victim"])
    pid, started, statement = plan.steps[0].numbers
    other = msgspec.structs.replace(plan.steps[0], numbers=(pid, started - 1, statement))
    (result,) = await doing.run(msgspec.structs.replace(plan, steps=(other,)))
    assert result.exit is Exit.REFUSED
    assert "has ended" in result.words
    assert "Nothing was done to whatever has its pid now" in result.words
    await people.until("victim", "state = 'active'")


async def test_a_statement_that_was_not_seen_is_not_cancelled(people: People, doing: Doing) -> None:
    await people.come("quick")
    people.begin("quick", "select pg_sleep(60)")
    await people.until("quick", "state = 'active'")
    plan = await doing.plan(Deed.CANCEL_SESSION, people.pids["quick"])
    pid, started, statement = plan.steps[0].numbers
    earlier = msgspec.structs.replace(plan.steps[0], numbers=(pid, started, statement - 1))
    (result,) = await doing.run(msgspec.structs.replace(plan, steps=(earlier,)))
    assert result.exit is Exit.REFUSED
    assert "its statement has" in result.words
    await people.until("quick", "state = 'active'")


async def test_one_that_is_gone_keeps_no_other_from_being_ended(
    postmaster: Postmaster, people: People, doing: Doing
) -> None:
    await people.come("gone")
    await people.come("next")
    plan = await doing.plan(Deed.TERMINATE_SESSION, people.pids["gone"], people.pids["next"])
    await people.sessions["gone"].close()

    async def gone() -> bool:
        return await alive(postmaster, people) == {"next"}

    await until(gone)
    first, second = await doing.run(plan)
    assert (first.exit, second.exit) == (Exit.REFUSED, Exit.DONE)
    assert await alive(postmaster, people) == set()


async def test_what_can_not_or_must_not_be_touched(people: People, doing: Doing) -> None:
    await people.lock("idle in transaction")
    with pytest.raises(Refused, match="runs no statement") as caught:
        await doing.plan(Deed.CANCEL_SESSION, people.pids["idle in transaction"])
    assert "terminate ends its transaction" in caught.value.next_step
    with pytest.raises(UsageError, match="no session with the pid 1"):
        await doing.plan(Deed.TERMINATE_SESSION, 1)
    sessions = (await doing.picture()).sessions
    background = next(each for each in sessions if each.kind == "checkpointer")
    with pytest.raises(Refused, match="process of the database itself"):
        await doing.plan(Deed.TERMINATE_SESSION, background.pid)
    assert not doing.records()


async def test_our_own_session_is_never_touched(
    postmaster: Postmaster, watched: Watched, doing: Doing
) -> None:
    async with watched.running():

        async def seen() -> bool:
            return any(each.owner is Owner.LETTAOPS for each in watched.watch.picture.sessions)

        await until(seen)
        picture = watched.watch.picture
        own = next(each for each in picture.sessions if each.owner is Owner.LETTAOPS)
        with pytest.raises(Refused, match="lettaops' own"):
            plan_on_sessions(Deed.TERMINATE_SESSION, picture, [own.pid], project=Safe("letta"), engine=HERE)


async def test_read_only_locked_and_without_a_record(people: People, doing: Doing) -> None:
    await people.come("one")
    plan = await doing.plan(Deed.TERMINATE_SESSION, people.pids["one"])
    with pytest.raises(Refused, match="read-only"):
        await doing.run(plan, Permission(read_only=True))
    with pytest.raises(Refused, match="allows only"):
        await doing.run(plan, Permission(allow=("restart",)))
    with (
        lock(doing.directory, plan.steps[0].identity, "x", operator("grace"), name="it"),
        pytest.raises(Locked),
    ):
        await doing.run(plan)
    (doing.directory.path / "audit.jsonl").mkdir()
    (result,) = await doing.run(plan)
    assert result.exit is Exit.REFUSED
    assert "can't be written" in result.words
    await people.until("one", "state = 'idle'")


async def test_sessions_of_others_need_a_privilege(
    postmaster: Postmaster, watched: Watched, people: People, doing: Doing
) -> None:
    postmaster.psql("create role guest login password 'guest'; grant pg_monitor to guest")
    await people.come("theirs")
    plan = await doing.plan(Deed.TERMINATE_SESSION, people.pids["theirs"])
    watched.stack = stack_with(postmaster, user="guest", password="guest")
    with pytest.raises(Refused, match="may signal only its own") as caught:
        await doing.plan(Deed.TERMINATE_SESSION, people.pids["theirs"])
    assert caught.value.next_step == 'GRANT pg_signal_backend TO "guest"'
    # Where the privilege was taken away in between, the server itself refuses.
    (result,) = await doing.run(plan)
    assert result.exit is not Exit.DONE
    assert "pg_signal_backend" in result.next_step
    await people.until("theirs", "state = 'idle'")
