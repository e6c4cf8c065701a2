"""Switches that make the engine fail on purpose, and the socket that turns them.

The control socket takes one JSON object a line and answers each with one: `{"ok": true}`, or
`{"error": "..."}`. `Switches` is its client.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, Literal

import msgspec

from lettaops.model.errors import LettaopsError

ANY: Final = "*"
_SECONDS: Final = 10.0
_LINE_BYTES: Final = 64 * 1024

Kind = Literal["hang", "slow", "trickle", "garbage", "not-json", "cut", "error"]


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """How requests to some endpoints fail.

    endpoint: "METHOD /path" without the version, with the wildcards of a shell; `ANY` for all
    kind: hang: `after_bytes` of the answer's body, then silence; slow: the answer begins `delay_ms` late;
        trickle: at `bytes_per_second`; garbage: bytes that are no HTTP; not-json: a body that is no JSON;
        cut: `after_bytes` of the body, then the end of the connection (within a frame, if it falls so);
        error: `status` with `message`
    times: how many requests; 0: until it is cleared
    """

    kind: Kind
    endpoint: str = ANY
    after_bytes: int = 0
    delay_ms: int = 0
    bytes_per_second: int = 100
    status: int = 500
    message: str = "the sandbox was told to fail"
    times: int = 0


class Command(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line to the control socket.

    inject: a fault; clear: the endpoint of faults that end (`ANY`: all of them)
    vanish: stop listening, cut every connection and remove the socket; appear: listen again
    restart: vanish, and appear after that many seconds; cut: cut every connection
    start_all, stop_all: all containers
    """

    inject: Fault | None = None
    clear: str | None = None
    vanish: bool = False
    appear: bool = False
    restart: float | None = None
    cut: bool = False
    start_all: bool = False
    stop_all: bool = False


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line from it."""

    ok: bool = False
    error: str = ""


class Faults:
    """The faults that are in force."""

    def __init__(self) -> None:
        self._faults: list[tuple[Fault, list[int]]] = []

    def inject(self, fault: Fault) -> None:
        """Begin to fail; of several faults of one request the latest counts."""
        self._faults.append((fault, [fault.times]))

    def clear(self, endpoint: str = ANY) -> None:
        """End the faults that were given for exactly this endpoint; `ANY` ends all."""
        self._faults = [each for each in self._faults if endpoint not in (ANY, each[0].endpoint)]

    def of(self, method: str, path: str) -> Fault | None:
        """The fault of a request, which is counted."""
        for entry in reversed(self._faults):
            fault, left = entry
            if fault.endpoint == ANY or fnmatchcase(f"{method} {path}", fault.endpoint):
                left[0] -= 1
                if left[0] == 0:
                    self._faults.remove(entry)
                return fault
        return None


class ControlServer:
    """Listens on the control socket; what a command does is the caller's."""

    def __init__(self, path: Path, carry_out: Callable[[Command], Awaitable[None]]) -> None:
        self._path = path
        self._carry_out = carry_out
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; only the user who started it may connect."""
        self._server = await asyncio.start_unix_server(self._accept, self._path, limit=_LINE_BYTES)
        self._path.chmod(0o600)

    async def stop(self) -> None:
        """Stop listening, and cut the connections."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                try:
                    await self._carry_out(msgspec.json.decode(line, type=Command))
                    reply = Reply(ok=True)
                except (msgspec.DecodeError, LettaopsError) as error:
                    reply = Reply(error=str(error))
                writer.write(msgspec.json.encode(reply) + b"\n")
                await writer.drain()
        except (OSError, ValueError):
            pass  # it went away, or sent a line without an end
        finally:
            writer.close()


class Switches:
    """Turns the switches of a running sandbox. Blocking; `path` is its control socket."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def send(self, command: Command, timeout: float = _SECONDS) -> None:
        """Carry a command out; returns when it is. Raises `OSError`, and `LettaopsError` for a refusal."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(timeout)
            connection.connect(str(self.path))
            connection.sendall(msgspec.json.encode(command) + b"\n")
            line = connection.makefile("rb").readline()
        reply = msgspec.json.decode(line, type=Reply) if line else Reply(error="the sandbox hung up")
        if not reply.ok:
            raise LettaopsError(f"the sandbox refused the command: {reply.error}")

    @contextlib.contextmanager
    def failing(self, fault: Fault) -> Iterator[None]:
        """Fail in this way within the block."""
        self.send(Command(inject=fault))
        try:
            yield
        finally:
            self.send(Command(clear=fault.endpoint))
