"""Questions to an engine, and the connections they go over."""

from __future__ import annotations

import asyncio

import pytest

from lettaops.model.engine import ContainerStatus
from lettaops.model.errors import (
    ApiError,
    Conflict,
    Denied,
    LettaopsError,
    NotFound,
    ProtocolError,
    Refused,
    Unreachable,
)
from lettaops.sources.engine import Engine, stats_cost
from lettaops.sources.engine.wire import MAX_REQUESTS
from tests.fakes.engine import (
    CONTAINER_ID,
    VERSION,
    FakeEngine,
    Request,
    answer,
    cut_after,
    error,
    hang,
    raw,
    stream,
)
from tests.waiting import until

INSPECT = f"/containers/{CONTAINER_ID}/json"
STATS = f"/containers/{CONTAINER_ID}/stats"


# -- questions ---------------------------------------------------------------------------------


async def test_questions_are_answered_in_the_negotiated_version(fake: FakeEngine, engine: Engine) -> None:
    (row,) = await engine.containers()
    assert (row.name, row.state) == ("letta_server", ContainerStatus.RUNNING)
    assert (await engine.inspect(CONTAINER_ID)).image == "letta/letta:latest"
    assert (await engine.info()).text("Name") == "fake"
    assert [network.text("Name") for network in await engine.networks()] == ["bridge"]
    assert await engine.ping() > 0
    assert engine.version is not None
    assert (engine.version.engine, engine.version.api) == ("27.3.1", "1.47")
    versions = {request.path: request.api for request in fake.requests}
    assert versions.pop("/version") == versions.pop("/_ping") == ""
    assert set(versions.values()) == {"1.47"}
    assert len(fake.asked("/version")) == 1
    assert fake.asked("/containers/json")[0].query == {"all": "1"}
    assert fake.connections == 1


@pytest.mark.parametrize(
    ("says", "speaks"),
    [
        ({"ApiVersion": "1.41", "MinAPIVersion": "1.12"}, "1.41"),
        ({"ApiVersion": "1.99", "MinAPIVersion": "1.44"}, "1.47"),
        ({"ApiVersion": "1.43"}, "1.43"),
    ],
)
async def test_the_newest_version_that_both_speak(
    fake: FakeEngine, engine: Engine, says: dict[str, str], speaks: str
) -> None:
    fake.on("/version", answer(says))
    assert (await engine.negotiate()).api == speaks


@pytest.mark.parametrize(
    ("says", "expected", "words"),
    [
        ({"ApiVersion": "1.40", "Version": "19.03"}, Refused, "20.10"),
        ({"ApiVersion": "1.60", "MinAPIVersion": "1.52"}, Refused, "newer lettaops"),
        ({"ApiVersion": "latest"}, ProtocolError, "may not be a Docker engine"),
        ({}, ProtocolError, "may not be a Docker engine"),
        ([], ProtocolError, "may not be a Docker engine"),
    ],
)
async def test_engines_that_we_can_not_speak_with(
    fake: FakeEngine, engine: Engine, says: object, expected: type[LettaopsError], words: str
) -> None:
    fake.on("/version", answer(says))
    with pytest.raises(expected) as raised:
        await engine.containers()
    assert words in raised.value.next_step


async def test_an_engine_that_was_replaced_is_negotiated_with_again(fake: FakeEngine, engine: Engine) -> None:
    await engine.containers()

    async def older(request: Request) -> None:
        if request.api == "1.41":
            await answer([])(request)
        else:
            await error(400, "client version 1.47 is too new. Maximum supported API version is 1.41")(request)

    fake.on("/containers/json", older)
    fake.on("/version", answer(VERSION | {"ApiVersion": "1.41"}))
    assert await engine.containers() == ()


@pytest.mark.parametrize(
    ("status", "expected"),
    [(404, NotFound), (409, Conflict), (403, Denied), (500, ApiError), (400, ApiError), (301, ApiError)],
)
async def test_error_statuses_keep_the_engines_words(
    fake: FakeEngine, engine: Engine, status: int, expected: type[LettaopsError]
) -> None:
    fake.on(INSPECT, error(status, "no\x1b[2Jsuch thing"))
    with pytest.raises(expected, match="nosuch thing") as raised:
        await engine.inspect(CONTAINER_ID)
    assert raised.value.next_step
    fake.on(INSPECT, raw(b"HTTP/1.1 %d X\r\nContent-Length: 14\r\n\r\n<html>bad</htm" % status))
    with pytest.raises(expected, match="<html>bad"):
        await engine.inspect(CONTAINER_ID)


async def test_a_name_can_not_leave_its_place_in_the_path(fake: FakeEngine, engine: Engine) -> None:
    with pytest.raises(NotFound):
        await engine.inspect("../images/json?x=\r\nEvil: 1")
    assert "evil" not in fake.requests[-1].headers
    assert fake.requests[-1].path.startswith("/containers/..%2Fimages")


# -- connections -------------------------------------------------------------------------------


async def test_a_connection_that_died_unseen_is_replaced_for_questions(
    fake: FakeEngine, engine: Engine
) -> None:
    await engine.containers()

    async def drop_once(request: Request) -> None:
        fake.on("/containers/json", answer([]))
        request.writer.close()

    fake.on("/containers/json", drop_once)
    assert await engine.containers() == ()
    assert len(fake.asked("/containers/json")) == 3
    await fake.cut_connections()
    assert len(await engine.networks()) == 1


async def test_a_fresh_connection_that_dies_is_an_error(fake: FakeEngine, engine: Engine) -> None:
    fake.on("/version", cut_after())
    with pytest.raises(Unreachable, match="was cut"):
        await engine.negotiate()
    assert len(fake.asked("/version")) == 1


async def test_an_answer_that_began_is_not_asked_for_again(fake: FakeEngine, engine: Engine) -> None:
    await engine.containers()
    fake.on("/containers/json", cut_after(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{"))
    with pytest.raises(Unreachable, match="98 bytes are missing"):
        await engine.containers()
    assert len(fake.asked("/containers/json")) == 2


async def test_commands_are_never_sent_twice(fake: FakeEngine, engine: Engine) -> None:
    await engine.containers()
    fake.on(f"/containers/{CONTAINER_ID}/exec", cut_after())
    with pytest.raises(Unreachable):
        await engine.exec(CONTAINER_ID, ["true"], timeout=2)
    assert len(fake.asked(f"/containers/{CONTAINER_ID}/exec")) == 1


async def test_connections_are_few_and_ping_waits_for_none(fake: FakeEngine, engine: Engine) -> None:
    await engine.negotiate()
    fake.on(INSPECT, hang())
    waiting = [asyncio.create_task(engine.inspect(CONTAINER_ID)) for _ in range(3 * MAX_REQUESTS)]
    try:
        await until(lambda: len(fake.asked(INSPECT)) == MAX_REQUESTS)
        assert await engine.ping(timeout=1) < 1
        assert len(fake.asked(INSPECT)) == MAX_REQUESTS
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)


async def test_an_answer_of_until_the_close_is_read_whole(fake: FakeEngine, engine: Engine) -> None:
    fake.on("/containers/json", cut_after(b"HTTP/1.0 200 OK\r\n\r\n", b"[", b"]"))
    assert await engine.containers() == ()
    assert await engine.containers() == ()
    assert len({request.connection for request in fake.asked("/containers/json")}) == 2


async def test_a_connection_that_the_engine_won_t_keep_is_not_used_again(
    fake: FakeEngine, engine: Engine
) -> None:
    fake.on("/networks", raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n[]"))
    for _ in range(2):
        assert await engine.networks() == []
    first, second = fake.asked("/networks")
    assert first.connection != second.connection


async def test_interim_answers_are_skipped(fake: FakeEngine, engine: Engine) -> None:
    fake.on(
        "/containers/json",
        raw(
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 X\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        ),
    )
    assert await engine.containers() == ()


async def test_closing_the_client_wakes_those_who_wait(fake: FakeEngine) -> None:
    engine = Engine(fake.target)
    await engine.negotiate()
    fake.on("/info", hang())
    fake.on("/events", stream(then="stay"))
    async with engine.events() as events:
        waiting = [asyncio.create_task(engine.info()), asyncio.create_task(anext(events))]
        await until(lambda: bool(fake.asked("/info")))
        await engine.aclose()
        for task in waiting:
            with pytest.raises(Unreachable):
                await asyncio.wait_for(task, 5)
    with pytest.raises(Unreachable):
        await engine.ping()


# -- statistics' cost --------------------------------------------------------------------------


async def test_the_strategy_follows_the_second_sample(fake: FakeEngine, engine: Engine) -> None:
    sample = answer({"cpu_stats": {"cpu_usage": {"total_usage": 7}, "system_cpu_usage": 9}})
    calls = 0

    async def slow(request: Request) -> None:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.6 if calls > 1 else 0)
        await sample(request)

    fake.on(STATS, sample)
    assert (await stats_cost(engine, CONTAINER_ID)).poll
    fake.on(STATS, slow)
    strategy = await stats_cost(engine, CONTAINER_ID)
    assert not strategy.poll
    assert strategy.one_shot_seconds > 0.5
    fake.on(STATS, answer({"id": CONTAINER_ID}))
    with pytest.raises(Conflict):
        await stats_cost(engine, CONTAINER_ID)
