"""The Engine API on a unix socket: routes, versions, refusals, and faults on purpose."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from lettaops.model.errors import LettaopsError
from lettaops.sandbox.engine import api_containers, api_streams, api_system
from lettaops.sandbox.engine.api_system import API_VERSION, ENGINE_VERSION, OLDEST_API_VERSION, shown
from lettaops.sandbox.engine.backend import Backend
from lettaops.sandbox.engine.errors import BadRequest, NoSuch, WrongState
from lettaops.sandbox.engine.faults import Fault, Faults
from lettaops.sandbox.engine.http import (
    MAX_HEAD_BYTES,
    Answer,
    Request,
    fail_at_once,
    read_request,
)

Handler = Callable[..., Awaitable[None]]

_log = logging.getLogger(__name__)

_HEADERS: Final = {
    "Api-Version": shown(API_VERSION),
    "Server": f"Docker/{ENGINE_VERSION} (linux)",
}

_TABLE: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET HEAD", "/_ping", api_system.ping),
    ("GET", "/version", api_system.version),
    ("GET", "/info", api_system.info),
    ("GET", "/events", api_system.events),
    ("GET", "/networks", api_system.networks),
    ("GET", "/networks/{name}", api_system.network),
    ("GET", "/volumes", api_system.volumes),
    ("GET", "/volumes/{name}", api_system.volume),
    ("GET", "/images/json", api_system.images),
    ("GET", "/images/{name}/json", api_system.image),
    ("GET", "/containers/json", api_containers.list_containers),
    ("GET", "/containers/{name}/json", api_containers.inspect),
    ("GET", "/containers/{name}/stats", api_containers.stats),
    ("GET", "/containers/{name}/top", api_containers.top),
    ("GET HEAD", "/containers/{name}/archive", api_containers.archive),
    ("GET", "/containers/{name}/logs", api_streams.logs),
    ("POST", "/containers/{name}/start", api_containers.start),
    ("POST", "/containers/{name}/stop", api_containers.stop),
    ("POST", "/containers/{name}/restart", api_containers.restart),
    ("POST", "/containers/{name}/kill", api_containers.kill),
    ("POST", "/containers/{name}/pause", api_containers.pause),
    ("POST", "/containers/{name}/unpause", api_containers.unpause),
    ("POST", "/containers/{name}/wait", api_containers.wait),
    ("POST", "/containers/{name}/resize", api_containers.resize),
    ("POST", "/containers/{name}/attach", api_streams.attach),
    ("POST", "/containers/{name}/exec", api_streams.create_exec),
    ("POST", "/exec/{name}/start", api_streams.start_exec),
    ("POST", "/exec/{name}/resize", api_streams.resize_exec),
    ("GET", "/exec/{name}/json", api_streams.inspect_exec),
)
_ROUTES: Final = tuple(
    (methods.split(), re.compile(path.replace("{name}", "(?P<name>.+)")), handler)
    for methods, path, handler in _TABLE
)


class Server:
    """Listens on `path` while it `start`ed; stopping cuts every connection, and the containers go on."""

    def __init__(self, path: Path, backend: Backend, faults: Faults) -> None:
        self._path = path
        self._backend = backend
        self._faults = faults
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; a socket that nobody listens on is replaced. Only the user who started it may connect."""
        if self._server is None:
            self._path.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._accept, self._path, limit=MAX_HEAD_BYTES)
            self._path.chmod(0o600)

    async def stop(self) -> None:
        """Stop listening, cut every connection and remove the socket."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self._path.unlink(missing_ok=True)
        await self.cut()

    async def cut(self) -> None:
        """Cut every connection, and go on listening."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._serve_one(reader, writer):
                pass
        except (EOFError, OSError):
            pass  # the client went away, as it may
        except asyncio.CancelledError:
            writer.transport.abort()  # closing would wait for a client that doesn't read
            raise
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer the next request; whether the connection can carry another one."""
        try:
            request = await read_request(reader)
        except BadRequest as error:
            broken = Request(
                method="", path="", version=None, query={}, http="HTTP/1.0", headers={}, body=b""
            )
            await Answer(broken, reader, writer, _HEADERS, None).error(400, str(error))
            return False
        fault = self._faults.of(request.method, request.path)
        answer = Answer(request, reader, writer, _HEADERS, fault)
        if fault is None or not await fail_at_once(fault, answer, reader, writer):
            await self._answer(request, answer)
        return answer.open

    async def _answer(self, request: Request, answer: Answer) -> None:
        try:
            status, message = 500, ""
            await self._carry_out(request, answer)
        except BadRequest as error:
            status, message = 400, str(error)
        except NoSuch as error:
            status, message = 404, str(error)
        except WrongState as error:
            status, message = 409, str(error)
        except LettaopsError as error:
            message = str(error)
        except (EOFError, OSError):
            raise
        except Exception:
            _log.exception("%s %s", request.method, request.path)
            message = "the sandbox made a mistake: see its own log"
        if message:
            if answer.began:
                answer.open = False
            else:
                await answer.error(status, message)

    async def _carry_out(self, request: Request, answer: Answer) -> None:
        version = request.version
        if version is not None and version > API_VERSION:
            raise BadRequest(
                f"client version {shown(version)} is too new. Maximum supported API version is "
                f"{shown(API_VERSION)}"
            )
        if version is not None and version < OLDEST_API_VERSION:
            raise BadRequest(
                f"client version {shown(version)} is too old. Minimum supported API version is "
                f"{shown(OLDEST_API_VERSION)}, please upgrade your client to a newer version"
            )
        for methods, pattern, handler in _ROUTES:
            match = pattern.fullmatch(request.path)
            if match is not None and request.method in methods:
                await handler(self._backend, request, answer, **match.groupdict())
                return
        if request.method in ("GET", "HEAD"):
            raise NoSuch("page not found")
        await answer.error(501, refusal(request))


def refusal(request: Request) -> str:
    """Why the sandbox doesn't carry a request out."""
    return (
        f"The sandbox has its containers from the start and can't do {request.method} {request.path}; "
        "use a real engine for that."
    )


__all__ = ["Fault", "Server", "refusal"]
