"""A database that refuses, is full, frozen or restarted: what is said of it, and that it is left in peace."""

import asyncio
import os
import signal

import pytest

from lettaops.model.database.budget import State as BudgetState
from lettaops.model.database.picture import Part
from lettaops.model.database.sessions import Owner
from lettaops.model.source import Link
from lettaops.monitor.database import watch as watching
from lettaops.monitor.database.state import Subject
from lettaops.sources.postgres import connection
from tests.postgres.conftest import Watched, stack_with
from tests.postgres.people import People, until_true
from tests.postgres.postmaster import PASSWORD, Postmaster

CLOSED_HBA = "host all all 127.0.0.1/32 reject"
REFUSED = "password authentication failed"
OPEN_HBA = "host all all 127.0.0.1/32 scram-sha-256"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines of a test."""
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.5)
    monkeypatch.setattr(connection.open_session, "__kwdefaults__", {"timeout": 0.5})
    monkeypatch.setattr(connection.Session.ask, "__kwdefaults__", {"timeout": 0.5})


async def test_a_full_database_is_left_in_peace(
    postmaster: Postmaster, watched: Watched, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "backoff", lambda attempts, limit: 0.3)
    postmaster.stop()
    postmaster.start(
        max_connections="5", superuser_reserved_connections="1", max_wal_senders="0", log_connections="on"
    )
    for number in range(5):
        await people.come(str(number))
    async with watched.running():
        await until_true(lambda: watched.watch.picture.status.attempts >= 2)
        status = watched.watch.picture.status
        assert status.link is Link.DOWN
        assert "no slot free" in status.reason
        assert "too many clients" in status.reason
        await people.leave()
        await until_true(lambda: watched.watch.picture.status.link is Link.LIVE)
        picture = watched.watch.picture
        assert picture.limits is not None
        assert picture.limits.usable == 4


async def test_a_full_database_is_asked_at_growing_intervals(
    postmaster: Postmaster, watched: Watched, people: People
) -> None:
    postmaster.stop()
    postmaster.start(max_connections="5", superuser_reserved_connections="1", max_wal_senders="0")
    for number in range(5):
        await people.come(str(number))
    picture = await watched.watch.once()
    assert "no slot free" in picture.status.reason
    assert postmaster.log().count("too many clients") == 1, "one attempt on one way, and no other"


async def test_a_reader_that_is_in_stays_in_when_it_gets_full(
    postmaster: Postmaster, watched: Watched, people: People
) -> None:
    postmaster.stop()
    postmaster.start(max_connections="5", superuser_reserved_connections="1", max_wal_senders="0")
    watched.watch.every = 0.05
    async with watched.running():
        await until_true(lambda: bool(watched.watch.picture.sessions))
        for number in range(4):
            await people.come(str(number))
        await until_true(lambda: len(watched.watch.picture.clients) == 5)
        assert watched.watch.picture.budget.state is BudgetState.FULL
        assert watched.watch.picture.status.link is Link.LIVE


async def test_a_refusal_is_not_repeated_until_something_changes(
    postmaster: Postmaster, watched: Watched
) -> None:
    postmaster.hba(CLOSED_HBA)
    async with watched.running():
        await until_true(lambda: watched.watch.picture.status.link is Link.DENIED)
        status = watched.watch.picture.status
        assert "pg_hba.conf" in f"{status.reason} {status.next_step}"
        attempts = postmaster.log().count("pg_hba.conf rejects connection")
        await asyncio.sleep(1.5)  # longer than the first pauses between attempts together
        assert postmaster.log().count("pg_hba.conf rejects connection") == attempts
        postmaster.hba(OPEN_HBA)
        watched.watch.wake()
        await until_true(lambda: watched.watch.picture.status.link is Link.LIVE)


async def test_a_rotated_password_is_read_anew_once(postmaster: Postmaster, watched: Watched) -> None:
    old, new = stack_with(postmaster), stack_with(postmaster, password="new-secret")

    def subject() -> Subject:
        """The new password becomes known only after the old one was refused."""
        return Subject(stack=new if REFUSED in postmaster.log() else old)

    postmaster.psql("alter role letta password 'new-secret'")
    watch = watching.DatabaseWatch(watched.engine, subject)
    picture = await watch.once((Part.SESSIONS,), rates=False)
    assert picture.status.link is Link.LIVE
    assert postmaster.log().count(REFUSED) == 1


async def test_a_wrong_password_is_denied_and_tried_once(postmaster: Postmaster, watched: Watched) -> None:
    watched.stack = stack_with(postmaster, password="not-the-password")
    async with watched.running():
        await until_true(lambda: watched.watch.picture.status.link is Link.DENIED)
        assert "refuses the password" in watched.watch.picture.status.reason
        assert "not-the-password" not in watched.watch.picture.status.reason
        assert postmaster.log().count(REFUSED) == 1
        watched.stack = stack_with(postmaster, password=PASSWORD)
        await until_true(lambda: watched.watch.picture.status.link is Link.LIVE)


async def test_a_database_that_is_not_there(postmaster: Postmaster, watched: Watched) -> None:
    postmaster.psql("alter database letta rename to elsewhere", database="postgres")
    picture = await watched.watch.once()
    assert picture.status.link is Link.DENIED
    assert 'database "letta" does not exist' in picture.status.reason


async def test_a_restart_is_survived(postmaster: Postmaster, watched: Watched) -> None:
    watched.watch.every = 0.05
    async with watched.running():
        await until_true(lambda: watched.watch.picture.rates.transactions is not None)
        started = watched.watch.picture.counters
        postmaster.stop()
        await until_true(lambda: watched.watch.picture.status.link in {Link.STALE, Link.DOWN})
        assert watched.watch.picture.sessions, "the last values stay, with their age"
        postmaster.start()
        watched.watch.wake()
        await until_true(lambda: watched.watch.picture.status.link is Link.LIVE)
        again = watched.watch.picture.counters
        assert started is not None
        assert again is not None
        assert again.started != started.started


async def test_a_frozen_database_is_given_up_and_found_again(
    postmaster: Postmaster, watched: Watched, impatient: None
) -> None:
    watched.watch.every = 0.05
    async with watched.running():
        await until_true(lambda: bool(watched.watch.picture.sessions))
        postmaster.freeze()
        await until_true(lambda: watched.watch.picture.status.link is Link.STALE)
        assert "doesn't answer" in watched.watch.picture.status.reason
        await until_true(lambda: watched.watch.picture.status.link is Link.DOWN)
        postmaster.thaw()
        await until_true(lambda: watched.watch.picture.status.link is Link.LIVE)
        own = [each for each in watched.watch.picture.sessions if each.owner is Owner.LETTAOPS]
        assert len(own) == 1, "what was discarded is gone"


async def test_a_frozen_postmaster_keeps_nobody_waiting(
    postmaster: Postmaster, watched: Watched, impatient: None
) -> None:
    watched.watch.every = 0.05
    async with watched.running():
        await until_true(lambda: bool(watched.watch.picture.sessions))
        postmaster.disturbed = True
        os.kill(postmaster.pid, signal.SIGSTOP)
        # Sessions that stand go on; it is the next one that nobody lets in.
        late = Watched(postmaster)
        picture = await late.watch.once()
        assert picture.status.link is Link.DOWN
        assert "doesn't answer" in picture.status.reason
        assert watched.watch.picture.status.link is Link.LIVE
        os.kill(postmaster.pid, signal.SIGCONT)
        assert (await late.watch.once()).status.link is Link.LIVE
        await late.engine.aclose()


async def test_nobody_listens(postmaster: Postmaster, watched: Watched) -> None:
    postmaster.stop()
    picture = await watched.watch.once()
    assert picture.status.link is Link.DOWN
    assert "nothing listens" in picture.status.reason
    assert picture.budget.sentence.startswith("nothing bounds Letta's sessions"), "the settings are known"
    watched.stack = None
    assert "no stack" in (await watched.watch.once()).status.reason
