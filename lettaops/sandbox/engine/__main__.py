"""The engine as a process of its own: `python -m lettaops.sandbox.engine SPEC --directory D --socket S`.

Prints a JSON object on one line each when it listens (`{"listening": socket, "control": socket}`), when
all containers are up (`{"started": true}`), and when they can't be (`{"error": "..."}`, and then it goes
on listening). SIGTERM and SIGINT end it in order; with `--with-parent` the end of its standard input, too.
"""

import argparse
import asyncio
import logging
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from lettaops.model.errors import Exit, LettaopsError
from lettaops.sandbox.engine.engine import START_SECONDS, SandboxEngine
from lettaops.sandbox.spec import SandboxSpec, decode_spec


def main() -> int:
    """Run until told to end; an exit status."""
    parser = argparse.ArgumentParser(prog="python -m lettaops.sandbox.engine")
    parser.add_argument("spec", type=Path, help="the containers, as JSON")
    parser.add_argument("--directory", type=Path, required=True, help="its own; removed at the end")
    parser.add_argument("--socket", type=Path, required=True, help="where to listen")
    parser.add_argument("--no-start", action="store_true", help="leave the containers created, not started")
    parser.add_argument("--start-timeout", type=float, default=START_SECONDS, metavar="SECONDS")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    words = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    try:
        spec = decode_spec(words.spec.read_bytes())
        asyncio.run(_run(spec, words))
    except (OSError, msgspec.DecodeError, LettaopsError) as error:
        _say({"error": str(error)})
        return error.exit if isinstance(error, LettaopsError) else Exit.FAILED
    return Exit.DONE


async def _run(spec: SandboxSpec, words: argparse.Namespace) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    if words.with_parent:
        loop.add_reader(0, _read_input, told)
    engine = SandboxEngine(words.directory, words.socket, spec.containers, spec.network)
    async with engine:
        _say({"listening": str(engine.socket), "control": str(engine.control)})
        starting = asyncio.create_task(_start(engine, words))
        await told.wait()
        starting.cancel()
        await asyncio.wait([starting])


async def _start(engine: SandboxEngine, words: argparse.Namespace) -> None:
    if words.no_start:
        return
    try:
        await engine.start_all(words.start_timeout)
    except LettaopsError as error:
        _say({"error": str(error)})
    else:
        _say({"started": True})


def _read_input(ended: asyncio.Event) -> None:
    if not os.read(0, 4096):
        asyncio.get_running_loop().remove_reader(0)
        ended.set()


def _say(line: dict[str, object]) -> None:
    with suppress(OSError):  # whoever listened is gone
        sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
