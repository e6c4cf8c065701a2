"""What the verb `demo` needs of the sandbox: whether it can run here, and one in a process of its own.

Imported where the extra [sandbox] isn't installed as well: what needs it is imported when it is used.
"""

import contextlib
import importlib.util
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import IO, Final

import msgspec

from lettaops.model.errors import DeadlineExceeded, LettaopsError, Refused
from lettaops.sandbox.database.programs import INSTALL, find_programs
from lettaops.sandbox.running import HEALTHY_SECONDS, Options, Running
from lettaops.sandbox.scenarios import SCENARIOS, Scenario, named

__all__ = ["SCENARIOS", "Options", "Running", "check_installed", "named", "sandbox", "serve"]

_LIBRARIES: Final = ("starlette", "uvicorn", "websockets")
_MAKING_SECONDS: Final = 120.0  # the first time, on a slow machine, before anything is started
_ENDING_SECONDS: Final = 30.0


class _Failed(msgspec.Struct):
    error: str
    next_step: str = ""


def check_installed() -> None:
    """Raises `Refused` with the words to install it, when the extra [sandbox] is not here."""
    missing = [each for each in _LIBRARIES if importlib.util.find_spec(each) is None]
    if missing:
        raise Refused(
            f"the sandbox needs the extra [sandbox]; {', '.join(missing)} can't be found",
            not_done="Nothing was started.",
            next_step=INSTALL,
        )
    find_programs()


def serve(options: Options, tell: Callable[[Running], None]) -> None:
    """A sandbox in this process: see `serve.serve`."""
    from lettaops.sandbox.serve import serve as run

    run(options, tell)


@contextlib.contextmanager
def sandbox(scenario: Scenario | None = None, *, keep: bool = False) -> Iterator[Running]:
    """A sandbox in a session of its own.

    It ends with this context, and with this process, however that ends. Raises `LettaopsError` when it
    doesn't come up.
    """
    arguments = [*(("--scenario", scenario.name) if scenario else ()), *(("--keep",) if keep else ())]
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as said, os.fdopen(reading, "rb", buffering=0):
        process = subprocess.Popen(
            [sys.executable, "-m", "lettaops.sandbox", *arguments],
            stdin=subprocess.PIPE,
            stdout=writing,
            stderr=said,
            start_new_session=True,
        )
        os.close(writing)
        try:
            yield _told(process, reading, said)
        finally:
            _end(process)


def _told(process: subprocess.Popen[bytes], reading: int, said: IO[bytes]) -> Running:
    line = _line(reading, time.monotonic() + _MAKING_SECONDS + HEALTHY_SECONDS)
    if not line:
        _end(process)
        said.seek(0)
        words = said.read().decode("utf-8", "replace").strip().splitlines()[-1:]
        raise LettaopsError(
            f"the sandbox ended with {process.returncode}: {' '.join(words) or 'it said nothing'}"
        )
    if b'"schema"' in line:
        return msgspec.json.decode(line, type=Running)
    failed = msgspec.json.decode(line, type=_Failed)
    raise LettaopsError(failed.error, not_done="It was removed again.", next_step=failed.next_step)


def _line(descriptor: int, deadline: float) -> bytes:
    found = b""
    while not found.endswith(b"\n"):
        if not select.select((descriptor,), (), (), max(0.0, deadline - time.monotonic()))[0]:
            raise DeadlineExceeded("the sandbox did not come up in time", not_done="It was removed again.")
        part = os.read(descriptor, 65536)
        if not part:
            return b""
        found += part
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    for end in (None, process.terminate, process.kill):
        if end is not None:
            end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_ENDING_SECONDS)
            return
