"""Somebody who uses the deployment: messages and streams through the proxy, and a WebSocket."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from lettaops.sandbox.deployment import HOST, Deployment
from lettaops.sandbox.web import httpx, loopback_client

_SECONDS: Final = 15.0  # that a request may take
_PAUSE: Final = 3.0  # seconds between two requests, on average
_AFTER_TROUBLE: Final = 2.0
_TALK: Final = (
    "Good morning.",
    "What did we decide last week?",
    "Please remember that the deadline has moved.",
)


class Traffic:
    """Goes on until it is cancelled, whatever fails."""

    def __init__(self, deployment: Deployment) -> None:
        self._websocket = f"ws://127.0.0.1:{deployment.websocket}/"
        self._base = f"http://127.0.0.1:{deployment.proxy}"
        self._headers = {
            "host": HOST,
            "authorization": f"Bearer {deployment.password.reveal()}",
            "user-agent": "lettaops-sandbox",
        }

    async def run(self) -> None:
        """Three users at once: one who looks and writes, one who reads a stream, one on the WebSocket."""
        async with loopback_client(self._base, self._headers, _SECONDS) as client:
            await asyncio.gather(
                _again(lambda: self._visit(client)),
                _again(lambda: self._stream(client)),
                _again(self._old_client),
            )

    async def _visit(self, client: httpx.AsyncClient) -> None:
        await client.get("/v1/health/")
        await client.get("/v1/runs/", params={"active": "true"})
        agent = await _any_agent(client)
        if agent and random.random() < 0.5:
            body = {"messages": [{"role": "user", "content": random.choice(_TALK)}]}
            await client.post(f"/v1/agents/{agent}/messages", json=body)
        await asyncio.sleep(random.uniform(0.5, 1.5) * _PAUSE)

    async def _stream(self, client: httpx.AsyncClient) -> None:
        agent = await _any_agent(client)
        body = {"messages": [{"role": "user", "content": random.choice(_TALK)}], "streaming": True}
        async with client.stream("POST", f"/v1/agents/{agent}/messages", json=body) as answer:
            async for _ in answer.aiter_raw():
                pass
        await asyncio.sleep(random.uniform(0.5, 1.5) * _PAUSE)

    async def _old_client(self) -> None:
        async with connect(self._websocket, open_timeout=_SECONDS, proxy=None) as connection:
            while True:
                await connection.send(msgspec.json.encode({"type": "ping"}).decode())
                await connection.recv()
                await asyncio.sleep(4 * _PAUSE)


async def _any_agent(client: httpx.AsyncClient) -> str | None:
    answer = await client.get("/v1/agents/", params={"limit": 20, "include_relationships": ""})
    agents: Any = answer.json() if answer.status_code == 200 else []
    return random.choice(agents)["id"] if agents else None


async def _again(act: Callable[[], Awaitable[None]]) -> None:
    while True:
        with contextlib.suppress(httpx.HTTPError, WebSocketException, OSError, ValueError, TimeoutError):
            await act()
            continue
        await asyncio.sleep(_AFTER_TROUBLE)
