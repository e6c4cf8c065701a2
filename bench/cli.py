"""Start-up of the command line: `--version` against the bare interpreter, `status` against its own probes."""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

ROUNDS = 9


def seconds(command: Sequence[str]) -> float:
    """Median wall time of a command over `ROUNDS` runs."""
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


async def probe_seconds(host: str) -> float:
    """Median time of what `status` waits for: one look and one round of probes, in a warm process."""
    from pathlib import Path

    from lettaops.monitor.ask import Asker
    from lettaops.monitor.watch import StackWatch
    from lettaops.sources.engine import Engine
    from lettaops.sources.target import resolve_target

    taken = []
    for _ in range(ROUNDS):
        async with Engine(resolve_target(host, None, {}, Path("/"))) as engine, Asker(engine) as asker:
            started = time.perf_counter()
            await StackWatch(engine, asker, project=None).once()
            taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def run(host: str) -> bool:
    """Print the table; whether the promises hold (design: 100 ms, and 500 ms beyond the probes)."""
    bare = seconds([sys.executable, "-c", "pass"])
    version = seconds([sys.executable, "-m", "lettaops", "--version"])
    status = seconds([sys.executable, "-m", "lettaops", "--host", host, "status", "--json"])
    probes = asyncio.run(probe_seconds(host))
    print(f"{'bare interpreter':<34}{bare * 1000:8.0f} ms")
    print(f"{'lettaops --version':<34}{version * 1000:8.0f} ms   promise 100")
    print(f"{'lettaops status --json':<34}{status * 1000:8.0f} ms")
    print(f"{'  its probes':<34}{probes * 1000:8.0f} ms")
    print(f"{'  beyond them':<34}{(status - probes) * 1000:8.0f} ms   promise 500")
    return version <= 0.1 and status - probes <= 0.5
