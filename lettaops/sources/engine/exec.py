"""Commands inside containers."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Self

import msgspec

from lettaops.model.document import Document
from lettaops.model.errors import DeadlineExceeded, ProtocolError, Unreachable
from lettaops.model.frames import STDERR, Frame, FrameDecoder
from lettaops.model.secrets import Secret
from lettaops.sources.engine.wire import ByteStream

CANNOT_START: Final = 126  # status of a command that the engine could not start
_FIRST_POLL_SECONDS: Final = 0.02
_LONGEST_POLL_SECONDS: Final = 0.5


class ExecResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a command left: its exit status and its whole output.

    Status 126 or 127 with the engine's message in the output: the command could not start.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes


class ExecStream:
    """A running command. Asynchronous iterator over (STDOUT or STDERR, bytes), in order.

    The end of the iteration is no success: ask `exit_code()`. Leaving the context closes the
    connection, which does not stop the command: it may run on in the container, under `id`.
    """

    def __init__(
        self,
        exec_id: str,
        stream: ByteStream,
        what: str,
        inspect: Callable[[float], Awaitable[Document]],
        *,
        timeout: float,
        idle: float | None,
        stdin: bool,
    ) -> None:
        self.id = exec_id
        self._stream = stream
        self._what = what
        self._inspect = inspect
        self._timeout = timeout
        self._idle = idle
        self._input = stdin
        self._decoder = FrameDecoder()
        self._ready: deque[Frame] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Frame:
        while not self._ready:
            data = await self._read()
            if not data:
                self._decoder.end()
                raise StopAsyncIteration
            self._ready.extend(self._decoder.feed(data))
        return self._ready.popleft()

    async def _read(self) -> bytes:
        try:
            return await self._stream.read_within(self._idle, self._what)
        except DeadlineExceeded:
            raise
        except Unreachable:
            # An engine resets the connection of a command that ended without reading all of its
            # input. The exit status tells that from a cut: asking for it fails after a cut.
            if self._input:
                return b""
            raise

    async def write(self, data: bytes) -> None:
        """Send standard input; waits while the command is behind, so put a deadline around it.

        Raises `Unreachable` when the connection is gone, as after the command's end.
        """
        await self._stream.connection.send(data)

    async def end_input(self) -> None:
        """End the command's standard input; its output goes on."""
        await self._stream.connection.end_writing()

    async def exit_code(self, timeout: float | None = None) -> int:
        """The command's exit status, once it has ended.

        Raises `DeadlineExceeded` when it still runs after `timeout` seconds (default: the
        engine's), `NotFound` when the container, and the record of the command, are gone.
        """
        seconds = self._timeout if timeout is None else timeout
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + seconds
        pause = _FIRST_POLL_SECONDS
        while True:
            document = await self._inspect(max(0.1, ends_at - loop.time()))
            code = document.integer("ExitCode")
            if not document.flag("Running") and code is not None:
                return code
            if loop.time() + pause > ends_at:
                raise DeadlineExceeded(
                    f"{self._what}: the command still runs after {seconds:g} s (exec {self.id[:12]})",
                    not_done="the engine can't stop a command: it goes on in the container",
                    next_step="wait for it, or end the process inside the container",
                )
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_POLL_SECONDS)


async def collect(process: ExecStream, stdin: bytes | None, max_output: int, what: str) -> ExecResult:
    """Feed a command, read it to its end and ask for its exit status."""
    feeding = asyncio.create_task(_feed(process, stdin)) if stdin is not None else None
    output: dict[int, bytearray] = {}
    size = 0
    try:
        async for stream, chunk in process:
            size += len(chunk)
            if size > max_output:
                raise ProtocolError(
                    f"{what}: the command printed more than {max_output} bytes",
                    not_done="its output was thrown away; it may still run in the container",
                    next_step="ask it for less",
                )
            output.setdefault(stream, bytearray()).extend(chunk)
    finally:
        if feeding is not None:
            feeding.cancel()
            await asyncio.wait([feeding])
    errors = bytes(output.pop(STDERR, b""))
    printed = b"".join(output.values())
    return ExecResult(exit_code=await process.exit_code(), stdout=printed, stderr=errors)


async def _feed(process: ExecStream, stdin: bytes) -> None:
    await process.write(stdin)
    await process.end_input()


def exec_body(
    argv: Sequence[str],
    *,
    environment: Mapping[str, str | Secret] | None,
    user: str | None,
    stdin: bool,
) -> dict[str, object]:
    """The request that creates an exec. The only place where secrets of its environment are revealed."""
    assignments = [
        f"{name}={value.reveal() if isinstance(value, Secret) else value}"
        for name, value in (environment or {}).items()
    ]
    body: dict[str, object] = {
        "AttachStdin": stdin,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        "Cmd": list(argv),
    }
    if assignments:
        body["Env"] = assignments
    if user:
        body["User"] = user
    return body
