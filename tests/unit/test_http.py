"""The client for short questions, against a service that keeps, drops, cuts, garbles and floods."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from lettaops.model.errors import ProtocolError, Unreachable
from lettaops.sources import dial
from lettaops.sources.http import MAX_ANSWER_BYTES, HttpClient
from tests.fakes.engine import Reply, Request, answer, cut_after, hang, raw, stream
from tests.fakes.web import FakeWeb

PATH = "/v1/health/"


@pytest.fixture
async def web() -> AsyncIterator[FakeWeb]:
    async with FakeWeb() as running:
        running.on(PATH, answer({"status": "ok"}))
        yield running


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    found = HttpClient()
    yield found
    found.close()


async def get(client: HttpClient, web: FakeWeb, **headers: str) -> bytes:
    async with asyncio.timeout(10):
        return (await client.get(web.base, PATH, headers)).body


async def test_one_connection_carries_one_question_after_another(client: HttpClient, web: FakeWeb) -> None:
    for _ in range(3):
        assert await get(client, web) == b'{"status": "ok"}'
    assert web.connections == 1
    assert {request.http for request in web.requests} == {"HTTP/1.1"}
    assert web.requests[0].headers["host"] == f"127.0.0.1:{web.port}"


async def test_questions_at_once_have_connections_of_their_own(client: HttpClient, web: FakeWeb) -> None:
    assert set(await asyncio.gather(get(client, web), get(client, web))) == {b'{"status": "ok"}'}
    assert web.connections == 2
    await asyncio.gather(get(client, web), get(client, web))
    assert web.connections == 2


async def test_headers_are_sent_as_given(client: HttpClient, web: FakeWeb) -> None:
    await get(client, web, host="letta.localhost", authorization="Bearer é")
    sent = web.requests[0].headers
    assert (sent["host"], sent["authorization"]) == ("letta.localhost", "Bearer é")


async def test_a_header_can_not_bring_another_one_with_it(client: HttpClient, web: FakeWeb) -> None:
    for end in ("\r\n", "\n", "\r", "\0"):
        with pytest.raises(ValueError, match="header host") as raised:
            await get(client, web, host=f"a{end}evil: hunter2")
        assert "hunter2" not in str(raised.value)
    assert web.connections == 0


async def test_a_kept_connection_that_died_unseen_is_no_news(client: HttpClient, web: FakeWeb) -> None:
    await get(client, web)

    async def drop_once(request: Request) -> None:
        web.on(PATH, answer({"status": "ok"}))
        request.writer.close()

    web.on(PATH, drop_once)
    assert await get(client, web)
    assert len(web.requests) == 3
    await web.cut_connections()
    assert await get(client, web)


async def test_a_service_that_started_again_is_asked_anew(client: HttpClient, web: FakeWeb) -> None:
    await get(client, web)
    await web.stop()
    with pytest.raises(ConnectionRefusedError):
        await get(client, web)
    await web.start()
    assert await get(client, web)


@pytest.mark.parametrize(
    "reply", [cut_after(), cut_after(b"HTTP/1.1 200 OK\r\nContent-Le"), cut_after(b"HTTP/1.1 100 Go\r\n\r\n")]
)
async def test_no_answer_on_a_new_connection(client: HttpClient, web: FakeWeb, reply: Reply) -> None:
    web.on(PATH, reply)
    with pytest.raises(Unreachable):
        await get(client, web)
    assert len(web.requests) == 1


@pytest.mark.parametrize("first", [True, False])
async def test_an_answer_that_began_is_not_asked_for_again(
    client: HttpClient, web: FakeWeb, first: bool
) -> None:
    if not first:
        await get(client, web)
    web.on(PATH, cut_after(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{"))
    with pytest.raises(Unreachable, match="98 bytes are missing"):
        await get(client, web)
    assert len(web.requests) == (1 if first else 2)


@pytest.mark.parametrize(
    "reply",
    [
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        raw(
            b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n",
            b"Content-Length: 5\r\n\r\nhel",
            b"lo",
        ),
        raw(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"2\r\nhe\r\n3\r\nllo\r\n", b"0\r\n\r\n"
        ),
        stream(b"hel", b"lo"),
        cut_after(b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo"),
        cut_after(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"),
    ],
)
async def test_every_way_to_end_an_answer(client: HttpClient, web: FakeWeb, reply: Reply) -> None:
    web.on(PATH, reply)
    assert await get(client, web) == b"hello"
    assert await get(client, web) == b"hello"


async def test_a_connection_that_the_service_gives_up_is_not_kept(client: HttpClient, web: FakeWeb) -> None:
    web.on(PATH, raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"))
    await get(client, web)
    await get(client, web)
    assert web.connections == 2


@pytest.mark.parametrize(
    "reply",
    [
        raw(b"SSH-2.0-OpenSSH_9.2p1\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_ANSWER_BYTES + 1)),
        stream(*[b"x" * 65536] * 5),
    ],
)
async def test_what_makes_no_sense_is_an_error(client: HttpClient, web: FakeWeb, reply: Reply) -> None:
    web.on(PATH, reply)
    with pytest.raises(ProtocolError):
        await get(client, web)
    web.on(PATH, answer({"status": "ok"}))
    assert await get(client, web) == b'{"status": "ok"}'


async def test_giving_up_closes_the_connection(client: HttpClient, web: FakeWeb) -> None:
    ended = asyncio.Event()

    async def wait_for_the_end(request: Request) -> None:
        await hang()(request)
        ended.set()

    web.on(PATH, wait_for_the_end)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.get(web.base, PATH, {})
    async with asyncio.timeout(10):
        await ended.wait()


async def test_the_time_of_an_answer_begins_with_its_question(
    client: HttpClient, web: FakeWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow name service, or work of our own before the question, is no latency of the service."""
    find = dial.addresses_of

    async def slowly(host: str, port: int) -> object:
        await asyncio.sleep(0.5)
        return await find(host, port)

    monkeypatch.setattr(dial, "addresses_of", slowly)
    async with asyncio.timeout(10):
        found = await client.get(web.base, PATH, {})
    assert found.seconds < 0.5

    async def late(request: Request) -> None:
        await asyncio.sleep(0.2)
        await answer({})(request)

    web.on(PATH, late)
    async with asyncio.timeout(10):
        assert (await client.get(web.base, PATH, {})).seconds >= 0.2


async def test_every_address_of_a_name_is_tried(
    client: HttpClient, web: FakeWeb, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = unused.getsockname()

        async def two(host: str, port: int) -> object:
            return [(socket.AF_INET, closed), (socket.AF_INET, ("127.0.0.1", web.port))]

        monkeypatch.setattr(dial, "addresses_of", two)
        assert await get(client, web)


async def test_a_name_is_looked_up_where_it_can_not_keep_the_process() -> None:
    found = await dial.addresses_of("localhost", 80)
    assert any(address[0] in {"127.0.0.1", "::1"} for _, address in found)
    assert await dial.addresses_of("::1", 80) == [(socket.AF_INET6, ("::1", 80, 0, 0))]
