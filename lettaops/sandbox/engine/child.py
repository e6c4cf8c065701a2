"""One process with its pipes or terminal, in a session of its own."""

import asyncio
import fcntl
import os
import shutil
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from lettaops.sandbox.engine.errors import CannotStart

STDOUT: Final = 1
STDERR: Final = 2

Sink = Callable[[int, bytes], Awaitable[None]]

_LAUNCH: Final = str(Path(__file__).with_name("launch.py"))
_CHUNK_BYTES: Final = 64 * 1024
_LAUNCH_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.02
_SILENCE_SECONDS: Final = 1.0


class Child:
    """A process that was started; `start` makes one. `pid` leads a session and a process group."""

    def __init__(self, process: subprocess.Popen[bytes], tty: int | None) -> None:
        self.pid = process.pid
        self._process = process
        self._tty = tty
        self._exit = asyncio.create_task(_exit_code(process))
        self._chunks = 0
        self._handing = 0

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: str,
        stdin: bool = False,
        tty: bool = False,
        run_as: tuple[int, int] | None = None,
        death_signal: str = "SIGKILL",
    ) -> "Child":
        """Run a program with exactly this environment; its PATH finds it. Raises `CannotStart`."""
        program = _resolved(argv, environment, directory)
        report, its_report = os.pipe()
        try:
            user = f"{run_as[0]}:{run_as[1]}" if run_as else "-"
            words = [str(os.getpid()), str(its_report), str(int(signal.Signals[death_signal]))]
            words += ["1" if tty else "0", user, program, *argv]
            try:
                child = cls(*_spawn(words, environment, directory, stdin, tty, its_report))
            finally:
                os.close(its_report)
            try:
                failure = await _report(report)
            except BaseException:
                child.signal(signal.SIGKILL)
                await child.run(_nowhere)
                raise
            if failure:
                await child.run(_nowhere)
                raise CannotStart(failure, missing=False)
            return child
        finally:
            os.close(report)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing when it has ended."""
        self._process.send_signal(number)

    async def run(
        self,
        sink: Sink,
        *,
        stdin: asyncio.StreamReader | None = None,
        at_exit: Callable[[], Awaitable[None]] | None = None,
    ) -> int:
        """Hand its output to `sink` as it comes, until it has ended; the exit status.

        128 + the signal's number when a signal ended it. Waits for the sink, so that a slow one holds
        the process back. `stdin` is its input, and the end of it the input's end (but a terminal's:
        whoever types sends the character for that). `at_exit` runs before the rest of the output is read.
        """
        pumping = asyncio.create_task(self._pump_all(sink))
        feeding = asyncio.create_task(self._feed(stdin)) if stdin else None
        try:
            code = await asyncio.shield(self._exit)
            if at_exit is not None:
                await at_exit()
            await self._rest(pumping)
            return code
        finally:
            pumping.cancel()
            tasks = [pumping]
            if feeding is not None:
                feeding.cancel()
                tasks.append(feeding)
            await asyncio.wait(tasks)
            if self._exit.done():
                self._close()

    def resize(self, rows: int, columns: int) -> None:
        """Change the terminal's size; nothing without a terminal."""
        if self._tty is not None:
            with suppress(OSError):
                fcntl.ioctl(self._tty, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    # -- inside ----------------------------------------------------------------------------

    async def _pump_all(self, sink: Sink) -> None:
        with suppress(
            ConnectionError
        ):  # nobody takes it any more; the process goes on, until its pipe is full
            async with asyncio.TaskGroup() as pumps:
                for stream, descriptor in self._outputs():
                    pumps.create_task(self._pump(descriptor, stream, sink))

    def _outputs(self) -> Iterator[tuple[int, int]]:
        if self._tty is not None:
            yield STDOUT, self._tty
        for stream, pipe in ((STDOUT, self._process.stdout), (STDERR, self._process.stderr)):
            if pipe is not None:
                yield stream, pipe.fileno()

    async def _pump(self, descriptor: int, stream: int, sink: Sink) -> None:
        os.set_blocking(descriptor, False)
        loop = asyncio.get_running_loop()
        while True:
            try:
                data = os.read(descriptor, _CHUNK_BYTES)
            except BlockingIOError:
                await _ready(descriptor, loop.add_reader)
                continue
            except OSError:  # how a terminal says that nobody has it open any more
                return
            if not data:
                return
            self._handing += 1
            self._chunks += 1
            await sink(stream, data)
            self._handing -= 1
            await asyncio.sleep(0)  # a flood lets others have their turn

    async def _rest(self, pumping: asyncio.Task[None]) -> None:
        """Wait for what was printed before the end, and not for those who have the pipe and are silent."""
        while True:
            seen = self._chunks
            done, _ = await asyncio.wait([pumping], timeout=_SILENCE_SECONDS)
            if done or (seen == self._chunks and not self._handing):
                return

    async def _feed(self, reader: asyncio.StreamReader) -> None:
        pipe = self._process.stdin
        descriptor = self._tty if self._tty is not None else pipe.fileno() if pipe is not None else None
        if descriptor is None:
            return
        with suppress(OSError):  # it doesn't read any more
            while data := await reader.read(_CHUNK_BYTES):
                await _write(descriptor, data)
        if pipe is not None:
            pipe.close()

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        if self._tty is not None:
            os.close(self._tty)
            self._tty = None


def _spawn(
    words: Sequence[str],
    environment: Mapping[str, str],
    directory: str,
    stdin: bool,
    tty: bool,
    its_report: int,
) -> tuple[subprocess.Popen[bytes], int | None]:
    """The process of launch.py, and our end of its terminal. Raises `CannotStart`."""
    master, slave = os.openpty() if tty else (None, None)
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", _LAUNCH, *words],
            env=dict(environment),
            cwd=directory,
            stdin=slave or (subprocess.PIPE if stdin else subprocess.DEVNULL),
            stdout=slave or subprocess.PIPE,
            stderr=slave or subprocess.PIPE,
            start_new_session=True,
            pass_fds=(its_report,),
        )
    except (OSError, ValueError) as error:
        if master is not None:
            os.close(master)
        raise CannotStart(str(error), missing=False) from error
    finally:
        if slave is not None:
            os.close(slave)
    return process, master


def _resolved(argv: Sequence[str], environment: Mapping[str, str], directory: str) -> str:
    if not argv:
        raise CannotStart("no command specified", missing=True)
    name = argv[0]
    if "/" in name:
        path = os.path.join(directory, name)
        if not os.path.exists(path):
            raise CannotStart(f'exec: "{name}": stat {name}: no such file or directory', missing=True)
        if os.path.isdir(path) or not os.access(path, os.X_OK):
            raise CannotStart(f'exec: "{name}": permission denied', missing=False)
        return path
    found = shutil.which(name, path=environment.get("PATH", ""))
    if found is None:
        raise CannotStart(f'exec: "{name}": executable file not found in $PATH', missing=True)
    return os.path.abspath(found)


async def _report(descriptor: int) -> str:
    """Why the program can't run; empty once it does."""
    os.set_blocking(descriptor, False)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(_LAUNCH_SECONDS):
        while True:
            try:
                return os.read(descriptor, _CHUNK_BYTES).decode(errors="replace")
            except BlockingIOError:
                await _ready(descriptor, loop.add_reader)


async def _nowhere(_stream: int, _data: bytes) -> None:
    pass


async def _exit_code(process: subprocess.Popen[bytes]) -> int:
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:  # an old kernel
        while process.poll() is None:  # noqa: ASYNC110 -- there is nothing else to wait for then
            await asyncio.sleep(_POLL_SECONDS)
    else:
        try:
            await _ready(descriptor, asyncio.get_running_loop().add_reader)
        finally:
            os.close(descriptor)
    code = process.wait()
    return 128 - code if code < 0 else code


async def _write(descriptor: int, data: bytes) -> None:
    os.set_blocking(descriptor, False)
    loop = asyncio.get_running_loop()
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            await _ready(descriptor, loop.add_writer)


async def _ready(descriptor: int, watch: Callable[..., object]) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    watch(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        (loop.remove_writer if watch == loop.add_writer else loop.remove_reader)(descriptor)
