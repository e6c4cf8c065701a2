"""When a watch has news: for what changed, and for nothing else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lettaops.model.errors import Unreachable
from lettaops.model.source import Link
from lettaops.monitor.ask import Asker
from lettaops.monitor.watch import StackWatch
from lettaops.sources.engine import Engine
from tests.fakes.engine import CONTAINER_ID, INSPECT, LIST, FakeEngine, answer

QUIET = 0.2


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeEngine]:
    async with FakeEngine(tmp_path / "engine.sock") as running:
        running.on("/containers/json", answer([LIST[0] | {"Image": "letta/letta:latest"}]))
        yield running


@pytest.fixture
async def watch(fake: FakeEngine) -> AsyncIterator[StackWatch]:
    async with Engine(fake.target) as engine, Asker(engine) as asker:
        yield StackWatch(engine, asker, project=None)


async def look(watch: StackWatch) -> None:
    """What the watch does at each look."""
    before = watch.engine_watch.observation
    await watch.engine_watch.look()
    watch.looked(before)


async def has_news(watch: StackWatch) -> bool:
    try:
        async with asyncio.timeout(QUIET):
            await anext(watch.changes())
    except TimeoutError:
        return False
    return True


async def test_a_look_that_shows_the_same_is_no_news(fake: FakeEngine, watch: StackWatch) -> None:
    await look(watch)
    assert await has_news(watch)
    await look(watch)
    assert not await has_news(watch)
    changed = INSPECT | {"State": {"Status": "exited", "ExitCode": 137}}
    fake.on(f"/containers/{CONTAINER_ID}/json", answer(changed))
    await look(watch)
    assert await has_news(watch)


def link(watch: StackWatch) -> Link:
    return watch.snapshot.engine.link


async def test_an_engine_that_answers_again_is_news_though_all_is_as_before(watch: StackWatch) -> None:
    await look(watch)
    assert await has_news(watch)
    watch.engine_watch.status = watch.engine_watch.status.failed(Unreachable("no answer"))
    watch.failed()
    assert await has_news(watch)
    assert link(watch) is Link.STALE
    await look(watch)
    assert await has_news(watch)
    assert link(watch) is Link.LIVE
