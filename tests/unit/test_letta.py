"""What the answers of a Letta server, or of a proxy before it, are taken for."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest

from lettaops.model.probe import Outcome, Probe
from lettaops.model.secrets import Secret
from lettaops.sources.letta import COUNT_PATH, HEALTH_PATH, LettaApi
from tests.fakes.engine import Reply, Request, answer, cut_after, hang, raw
from tests.fakes.web import FakeWeb

OK = {"version": "0.16.8", "status": "ok"}
PAGE = b"HTTP/1.1 502 Bad Gateway\r\nServer: nginx\x1b[2J\r\nContent-Length: 14\r\n\r\n<html>bad</htm"


@pytest.fixture
async def web() -> AsyncIterator[FakeWeb]:
    async with FakeWeb() as running:
        running.on(HEALTH_PATH, answer(OK))
        running.on(COUNT_PATH, answer(3))
        yield running


@pytest.fixture
async def letta() -> AsyncIterator[LettaApi]:
    async with LettaApi(timeout=0.3) as api:
        yield api


async def test_a_server_that_works(web: FakeWeb, letta: LettaApi) -> None:
    found = await letta.server(web.base, Secret("hunter2"), route="127.0.0.1:8283")
    assert found.health.ok
    assert found.database is not None
    assert found.database.ok
    assert (found.version, found.agents) == ("0.16.8", 3)
    assert found.health.route == "127.0.0.1:8283"
    assert (found.health.latency_ms or 0) > 0
    (count,) = web.asked(COUNT_PATH)
    assert count.headers["authorization"] == "Bearer hunter2"
    assert "authorization" not in web.asked(HEALTH_PATH)[0].headers


@pytest.mark.parametrize(
    ("reply", "outcome", "words"),
    [
        (answer({"detail": "no\x1b[2Jdatabase"}, 500), Outcome.STATUS, "nodatabase"),
        (answer({"error": {"message": "wrong password"}}, 401), Outcome.DENIED, "wrong password"),
        (answer({}, 403), Outcome.DENIED, ""),
        (PAGE, Outcome.STATUS, ""),
        (answer("many"), Outcome.GARBAGE, "many"),
        (b"nonsense\r\n\r\n", Outcome.GARBAGE, "nonsense"),
        (cut_after(), Outcome.CLOSED, ""),
    ],
)
async def test_a_server_that_can_not_use_its_database(
    web: FakeWeb, letta: LettaApi, reply: Reply | bytes, outcome: Outcome, words: str
) -> None:
    web.on(COUNT_PATH, raw(reply) if isinstance(reply, bytes) else reply)
    found = await letta.server(web.base, None, route="r")
    assert found.health.ok
    assert found.agents is None
    assert found.database is not None
    assert found.database.outcome is outcome
    assert words in found.database.detail
    assert found.database.detail.isprintable()


async def test_a_slow_database_hides_no_quick_answer(web: FakeWeb, letta: LettaApi) -> None:
    web.on(COUNT_PATH, hang())
    found = await letta.server(web.base, None, route="r")
    assert found.health.ok
    assert found.database is not None
    assert found.database.outcome is Outcome.TIMEOUT
    assert (found.database.latency_ms or 0) >= 300


@pytest.mark.parametrize("document", [{"status": "starting"}, [], "ok", None])
async def test_a_health_answer_that_is_none(web: FakeWeb, letta: LettaApi, document: object) -> None:
    web.on(HEALTH_PATH, answer(document))
    found = await letta.server(web.base, None, route="r")
    assert found.health.outcome is Outcome.GARBAGE
    assert found.database is None


async def test_a_port_where_nobody_listens(letta: LettaApi) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{unused.getsockname()[1]}"
        assert (await letta.server(base, None, route="r")).health.outcome is Outcome.REFUSED
        assert (await letta.proxy(base, "host", route="r")).outcome is Outcome.REFUSED


async def test_a_host_that_can_not_be_dialled(letta: LettaApi, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    assert (await letta.proxy("http://absent:80", "host", route="r")).outcome is Outcome.UNRESOLVED
    monkeypatch.undo()
    found = await letta.proxy("http://255.255.255.255:80", "host", route="r")
    assert found.outcome in {Outcome.UNREACHED, Outcome.CLOSED}
    assert found.absent
    assert (await letta.proxy("http://127.0.0.1:99999", "host", route="r")).outcome is Outcome.UNREACHED


async def test_a_password_that_no_header_can_carry(web: FakeWeb, letta: LettaApi) -> None:
    found = await letta.server(web.base, Secret("hunter2\r\nEvil: 1"), route="r")
    assert found.health.ok
    assert found.database is not None
    assert found.database.outcome is Outcome.UNREACHED
    assert "hunter2" not in found.database.detail
    assert not web.asked(COUNT_PATH)


async def through(web: FakeWeb, letta: LettaApi, reply: Reply) -> Probe:
    web.on(HEALTH_PATH, reply)
    return await letta.proxy(web.base, "letta.localhost", route="r")


async def test_a_proxy_is_asked_with_the_host_it_routes_by(web: FakeWeb, letta: LettaApi) -> None:
    assert (await through(web, letta, answer(OK))).ok
    assert web.requests[0].headers["host"] == "letta.localhost"
    assert (await through(web, letta, answer({"status": "down"}))).outcome is Outcome.GARBAGE
    refused = await through(web, letta, raw(PAGE))
    assert (refused.outcome, refused.status) == (Outcome.STATUS, 502)
    assert refused.detail == "Host letta.localhost, answered by nginx"


async def test_work_of_our_own_is_no_latency(web: FakeWeb) -> None:
    """What keeps the loop busy before the question is written, as imports and connecting do at the start."""

    async def busy() -> None:
        time.sleep(0.5)  # noqa: ASYNC251 - this is what is tested

    async with LettaApi(timeout=10) as letta:
        probing = asyncio.ensure_future(letta.proxy(web.base, "host", route="r"))
        await asyncio.gather(busy(), probing)
    assert probing.result().ok
    assert (probing.result().latency_ms or 0) < 500


async def test_a_late_answer_has_its_latency(web: FakeWeb, letta: LettaApi) -> None:
    async def late(request: Request) -> None:
        await asyncio.sleep(0.1)
        await answer(OK)(request)

    assert ((await through(web, letta, late)).latency_ms or 0) >= 100
