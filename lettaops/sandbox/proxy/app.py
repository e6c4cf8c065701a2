"""The proxy itself, as an ASGI application."""

import asyncio
import contextlib
import itertools
import socket
from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, StreamingResponse
from starlette.types import Message, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from lettaops.sandbox.names import Names
from lettaops.sandbox.proxy import nginx_log
from lettaops.sandbox.proxy.rules import Rule, rule_for
from lettaops.sandbox.web import httpx

SERVER: Final = "nginx/1.24.0"
READ_SECONDS: Final = 60.0
_CONNECT_SECONDS: Final = 5.0
_OWN: Final = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", "server", "date"}
)
_TITLES: Final = {404: "404 Not Found", 502: "502 Bad Gateway", 504: "504 Gateway Time-out"}


class Proxy:
    """Passes requests on by their Host. A connection of its own to the upstream for each, as nginx does."""

    def __init__(self, rules: tuple[Rule, ...], names: Names, source: str) -> None:
        self._rules = rules
        self._names = names
        self._source = source
        self._numbers = itertools.count(1)
        self._client = httpx.AsyncClient(
            transport=httpx.AsyncHTTPTransport(
                verify=False, local_address=source, limits=httpx.Limits(max_keepalive_connections=0)
            ),
            timeout=httpx.Timeout(READ_SECONDS, connect=_CONNECT_SECONDS),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or WebSocket."""
        if scope["type"] not in {"http", "websocket"}:
            return
        counted = _Counted(send)
        rule = rule_for(self._rules, Headers(scope=scope).get("host", ""))
        try:
            if scope["type"] == "websocket":
                await self._websocket(rule, scope, receive, counted)
            elif rule is None:
                await _page(404)(scope, receive, counted)
            else:
                await self._http(rule, scope, receive, counted)
        finally:
            nginx_log.access(scope, counted.status or 499, counted.size)

    async def _http(self, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        path = nginx_log.request_line(scope).split(" ")[1]
        kept = [(name, value) for name, value in request.headers.items() if name not in _OWN]
        kept += [("x-forwarded-for", nginx_log.client(scope)), ("connection", "close")]
        try:
            host, port = self._names.resolve(rule.host, rule.port)
            asked = self._client.build_request(
                request.method, f"http://{host}:{port}{path}", headers=kept, content=await request.body()
            )
            answer = await self._client.send(asked, stream=True)
        except (httpx.HTTPError, OSError) as error:
            await self._failed(error, rule, scope, receive, send)
            return
        try:
            headers = [(name, value) for name, value in answer.headers.items() if name.lower() not in _OWN]
            response = StreamingResponse(answer.aiter_raw(), answer.status_code)
            response.raw_headers = [
                (name.encode(), value.encode()) for name, value in [*headers, ("server", SERVER)]
            ]
            with contextlib.suppress(httpx.HTTPError):  # it broke off: so does ours
                await response(scope, receive, send)
        finally:
            await answer.aclose()

    async def _failed(self, error: Exception, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        slow = isinstance(error, httpx.ReadTimeout)
        gone = isinstance(error, socket.gaierror)
        if gone:
            what = f"{rule.host} could not be resolved (3: Host not found)"
        elif slow:
            what = "upstream timed out (110: Operation timed out) while reading response header from upstream"
        else:
            what = "connect() failed (111: Connection refused) while connecting to upstream"
        upstream = f"http://{rule.host}:{rule.port}{scope['path']}"
        nginx_log.upstream_error(scope, next(self._numbers), what, " ".join(rule.names), upstream)
        await _page(504 if slow else 502)(scope, receive, send)

    async def _websocket(self, rule: Rule | None, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # that it wants to connect
        if rule is None or not rule.upgrades:
            await _deny(send, 404)
            return
        path = nginx_log.request_line(scope).split(" ")[1]
        try:
            host, port = self._names.resolve(rule.host, rule.port)
            upstream = await connect(
                f"ws://{host}:{port}{path}",
                open_timeout=_CONNECT_SECONDS,
                proxy=None,
                local_addr=(self._source, 0),
            )
        except InvalidStatus as error:
            await _deny(send, error.response.status_code)
            return
        except (OSError, TimeoutError, WebSocketException) as error:
            nginx_log.upstream_error(
                scope, next(self._numbers), f"connect() failed ({error})", " ".join(rule.names), rule.host
            )
            await _deny(send, 502)
            return
        await send({"type": "websocket.accept"})
        async with upstream:
            tasks = {asyncio.create_task(_up(receive, upstream)), asyncio.create_task(_down(send, upstream))}
            _, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in left:
                task.cancel()


class _Counted:
    """Passes an answer on, and remembers its status and the size of its body."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.size = 0

    async def __call__(self, message: Message) -> None:
        kind = str(message["type"])
        if kind == "websocket.accept":
            self.status = 101
        elif kind.endswith("response.start"):
            self.status = int(str(message["status"]))
        elif kind.endswith("response.body"):
            body = message.get("body")
            self.size += len(body) if isinstance(body, bytes) else 0
        await self._send(message)


def _page(status: int) -> HTMLResponse:
    title = _TITLES[status]
    text = (
        f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        f"<hr><center>{SERVER}</center>\r\n</body>\r\n</html>\r\n"
    )
    return HTMLResponse(text, status, headers={"server": SERVER})


async def _deny(send: Send, status: int) -> None:
    await send(
        {"type": "websocket.http.response.start", "status": status, "headers": [(b"server", SERVER.encode())]}
    )
    await send({"type": "websocket.http.response.body", "body": b""})


async def _up(receive: Receive, upstream: ClientConnection) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        await upstream.send(text if text is not None else message["bytes"])


async def _down(send: Send, upstream: ClientConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for message in upstream:
            field = "text" if isinstance(message, str) else "bytes"
            await send({"type": "websocket.send", field: message})
    await send({"type": "websocket.close", "code": upstream.close_code or 1000})
