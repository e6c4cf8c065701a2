"""Asking a database again and again: over one session, which is renewed so that it proves something."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from lettaops.model.pguri import DatabaseAddress
from lettaops.model.probe import Outcome, Probe
from lettaops.model.secrets import Secret
from lettaops.model.text import Safe
from lettaops.sources.postgres import PostgresProbes
from lettaops.sources.postgres import probes as module
from tests.fakes.postgres import FakePostgres

ADDRESS = DatabaseAddress(
    host=Safe("letta-db"), user=Safe("letta"), password=Secret("hunter2"), database=Safe("letta")
)


@pytest.fixture
async def database() -> AsyncIterator[FakePostgres]:
    async with FakePostgres() as running:
        yield running


@pytest.fixture
async def probes() -> AsyncIterator[PostgresProbes]:
    found = PostgresProbes()
    yield found
    found.close()


async def ask(
    probes: PostgresProbes, database: FakePostgres, address: DatabaseAddress = ADDRESS, **more: Any
) -> Probe:
    return await probes.probe(address, "127.0.0.1", database.port, route="r", **({"timeout": 5.0} | more))


async def all_left(database: FakePostgres) -> None:
    async with asyncio.timeout(10):
        while database.open:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.005)


async def test_one_session_carries_one_question_after_another(
    probes: PostgresProbes, database: FakePostgres
) -> None:
    for _ in range(3):
        found = await ask(probes, database)
        assert found.ok
        assert (found.latency_ms or 0) > 0
    assert (database.sessions, database.questions) == (1, 3)
    assert database.settings["application_name"] == "lettaops"
    assert database.settings["default_transaction_read_only"] == "on"
    probes.close()
    await all_left(database)


@pytest.mark.parametrize("why", ["old", "doubt", "another password"])
async def test_a_new_session_takes_the_place_of_the_old_one(
    probes: PostgresProbes, database: FakePostgres, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(probes, database)
    if why == "old":
        monkeypatch.setattr(module, "RENEW_EVERY", 0.0)
    changed = msgspec.structs.replace(ADDRESS, password=Secret("hunter3"))
    address = changed if why == "another password" else ADDRESS
    assert (await ask(probes, database, address, renew=why == "doubt")).ok
    assert database.sessions == 2
    assert database.most_open == 2  # the slot of the old one would be no proof of another
    probes.close()
    await all_left(database)


@pytest.mark.parametrize(
    ("state", "outcome"), [("53300", Outcome.FULL), ("28P01", Outcome.DENIED), ("57P03", Outcome.STARTING)]
)
async def test_a_session_that_still_works_hides_no_refusal(
    probes: PostgresProbes, database: FakePostgres, state: str, outcome: Outcome
) -> None:
    await ask(probes, database)
    database.refuse = state
    assert (await ask(probes, database)).ok  # not yet due
    found = await ask(probes, database, renew=True)
    assert (found.outcome, found.detail) == (outcome, "words")
    await all_left(database)  # the old one gives its slot back
    database.refuse = ""
    assert (await ask(probes, database)).ok


async def test_a_database_that_started_again_is_no_failure(
    probes: PostgresProbes, database: FakePostgres
) -> None:
    await ask(probes, database)
    await database.stop()
    assert (await ask(probes, database)).outcome is Outcome.REFUSED
    await database.start()
    await ask(probes, database)
    await database.stop()
    await database.start()
    assert (await ask(probes, database)).ok


async def test_a_session_that_was_ended_by_somebody_is_made_again(
    probes: PostgresProbes, database: FakePostgres
) -> None:
    await ask(probes, database)
    database.fail = "57P01"
    assert (await ask(probes, database)).outcome is Outcome.CLOSED
    database.fail = ""
    assert (await ask(probes, database)).ok


async def test_a_frozen_database_is_silent_and_no_session_waits_on(
    probes: PostgresProbes, database: FakePostgres
) -> None:
    await ask(probes, database)
    database.silent = True
    found = await ask(probes, database, timeout=0.2)
    assert found.outcome is Outcome.TIMEOUT
    assert (found.latency_ms or 0) >= 200
    await all_left(database)
    found = await ask(probes, database, timeout=0.2)
    assert found.outcome is Outcome.TIMEOUT
    await all_left(database)


async def test_making_a_session_is_no_latency_of_the_answer(
    probes: PostgresProbes, database: FakePostgres
) -> None:
    database.delay = 0.5
    found = await ask(probes, database, timeout=10.0)
    assert found.ok
    assert (found.latency_ms or 0) < 500


async def test_several_at_once_leave_one_session(probes: PostgresProbes, database: FakePostgres) -> None:
    found = await asyncio.gather(*(ask(probes, database) for _ in range(3)))
    assert all(each.ok for each in found)
    probes.close()
    await all_left(database)
