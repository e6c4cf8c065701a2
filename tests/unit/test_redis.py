"""What a redis server's answers to a PING are taken for."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from lettaops.model.probe import Outcome
from lettaops.sources import dial, redis


@asynccontextmanager
async def server(answer: bytes | None) -> AsyncIterator[int]:
    """A server that gives this answer to a PING and closes; None: it stays silent. Its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"PING\r\n"
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        (b"+PONG\r\n", Outcome.OK, ""),
        (b"-NOAUTH Authentication required.\r\n", Outcome.OK, ""),
        (b"-LOADING Redis is\x1b[2J loading\r\n", Outcome.STARTING, "-LOADING Redis is loading"),
        (b"", Outcome.CLOSED, ""),
        (b"HTTP/1.1 400\r\n", Outcome.GARBAGE, "HTTP/1.1 400"),
        (b"x" * 5000, Outcome.CLOSED, ""),
        (None, Outcome.TIMEOUT, ""),
    ],
)
async def test_answers(answer: bytes | None, outcome: Outcome, words: str) -> None:
    async with server(answer) as port:
        found = await redis.probe("127.0.0.1", port, route="r", timeout=0.3 if answer is None else 10.0)
    assert found.outcome is outcome
    assert words in found.detail
    assert (found.latency_ms is not None) is (outcome in {Outcome.OK, Outcome.TIMEOUT})


async def test_a_port_where_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        found = await redis.probe("127.0.0.1", unused.getsockname()[1], route="r")
    assert found.outcome is Outcome.REFUSED


async def test_the_way_to_it_is_no_latency(monkeypatch: pytest.MonkeyPatch) -> None:
    find = dial.addresses_of

    async def slowly(host: str, port: int) -> object:
        await asyncio.sleep(0.5)
        return await find(host, port)

    monkeypatch.setattr(dial, "addresses_of", slowly)
    async with server(b"+PONG\r\n") as port:
        found = await redis.probe("127.0.0.1", port, route="r", timeout=10.0)
    assert found.ok
    assert (found.latency_ms or 0) < 500
