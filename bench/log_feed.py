"""The feed of logs against a bare blocking socket: the same log, with timestamps, on a real engine.

On the engine that DOCKER_HOST names, else on a private one (as root). One promise is checked, and the
exit status is 1 when it is broken: a followed log comes out of the feed (demultiplexed, assembled, with
its times parsed, merged with the silent log of another service) at 0.8 or more of the speed of a
bare socket. Beside it: four logs at once, merged by time, and how long the event loop was held up.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import docker

from bench.engine import IMAGE, LINE, Figure, engine_to_measure, measure, show
from lettaops.monitor.logs import FeedOptions, LogFeed
from lettaops.sources.engine import Engine
from lettaops.sources.target import EngineTarget, docker_py_kwargs, resolve_target
from tests.testbed.stub_images import write_rootfs

PROMISE: Final = 0.8
ROUNDS: Final = 4
SERVICES: Final = 4
PROJECT: Final = "bench-logs"
LOOP_TICK: Final = 0.005


@contextmanager
def services(client: docker.APIClient, lines: int) -> Iterator[list[str]]:
    """Ids of containers of one project: some that printed lines and wait, the last one silent."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "stub.tar"
        write_rootfs(archive)
        client.import_image_from_file(str(archive), repository=IMAGE, changes=["ENV PATH=/bin"])
    made: list[str] = []
    try:
        for number in range(SERVICES + 1):
            script = f"yes '{LINE}' | head -n {lines}; sleep 100000" if number < SERVICES else "sleep 100000"
            if 0 < number < SERVICES:
                script = f"yes '{LINE}' | head -n {lines // SERVICES}; sleep 100000"
            labels = {
                "com.docker.compose.project": PROJECT,
                "com.docker.compose.service": "letta_server" if not number else f"service_{number}",
            }
            container_id = str(client.create_container(IMAGE, ["sh", "-c", script], labels=labels)["Id"])
            made.append(container_id)
            client.start(container_id)
        print(f"writing {lines} log lines …", file=sys.stderr)
        for container_id, count in zip(
            made[:-1], [lines, *[lines // SERVICES] * (SERVICES - 1)], strict=True
        ):
            wait_for(client, container_id, count)
        yield made
    finally:
        for container_id in made:
            client.remove_container(container_id, force=True, v=True)
        client.remove_image(IMAGE, force=True)


def wait_for(client: docker.APIClient, container_id: str, lines: int) -> None:
    """Until a container's `head` is gone, so that all its lines are written."""
    deadline = time.monotonic() + 600
    while any("yes" in " ".join(row) for row in client.top(container_id)["Processes"]):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{lines} lines were not written")
        time.sleep(0.2)


async def bare(target: EngineTarget, container_id: str, lines: int) -> int:
    """A blocking socket that only counts line feeds."""
    path = f"/v1.41/containers/{container_id}/logs?follow=1&stdout=1&stderr=1&timestamps=1&tail=all"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(target.path)
        sock.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
        count = -7  # line feeds of the head
        while count < lines:
            count += sock.recv(256 * 1024).count(b"\n")
    return count


async def fed(target: EngineTarget, names: Sequence[str], lines: int) -> int:
    """The feed, until all lines have come."""
    options = FeedOptions(services=tuple(names), tail=None, follow=True)
    count = 0
    async with Engine(target) as engine, LogFeed(engine, options, project=PROJECT) as feed:
        async for batch in feed:
            count += len(batch)
            if count >= lines:
                break
    return count


async def longest_hold(work: asyncio.Future[int]) -> float:
    """The longest time that the event loop was late for somebody else while the work was done, in seconds."""
    worst = 0.0
    while not work.done():
        before = time.perf_counter()
        await asyncio.sleep(LOOP_TICK)
        worst = max(worst, time.perf_counter() - before - LOOP_TICK)
    return worst


async def compare(host: str, lines: int) -> bool:
    """Run everything and print it; whether the promise holds."""
    target = resolve_target(host, None)
    client = docker.APIClient(version="1.41", timeout=120, **docker_py_kwargs(target))
    silent, part = f"service_{SERVICES}", lines // SERVICES
    total = lines + part * (SERVICES - 1)
    try:
        with services(client, lines) as ids:
            one = await measure(
                {
                    "bare socket": lambda: bare(target, ids[0], lines),
                    "feed": lambda: fed(target, ["letta_server", silent], lines),
                },
                dict.fromkeys(("bare socket", "feed"), ROUNDS),
            )

            async def four_bare() -> int:
                counts = [lines, *[part] * (SERVICES - 1)]
                found = [await bare(target, each, count) for each, count in zip(ids, counts, strict=False)]
                return sum(found)

            four = await measure(
                {"bare socket": four_bare, "feed": lambda: fed(target, [], total)},
                {"bare socket": 1, "feed": 1},
            )
            work = asyncio.ensure_future(fed(target, ["letta_server", silent], lines))
            hold = await longest_hold(work)
    finally:
        client.close()
    show(f"followed log of {lines} lines, k/s", one, _speed, "bare socket")
    show(f"{SERVICES} logs, {total} lines, k/s", four, _speed, "bare socket")
    share = _speed(one["feed"]) / _speed(one["bare socket"])
    complete = one["feed"].number == lines
    print(
        f"\nthe feed reads at {share:.2f} of a bare socket's speed (promise: {PROMISE}); complete: {complete}"
        f"\nthe event loop was late by {hold * 1000:.0f} ms at most"
    )
    return share >= PROMISE and complete


def _speed(figure: Figure) -> float:
    return 1 / figure.milliseconds


def main() -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lines", type=int, default=2_000_000)
    options = parser.parse_args()
    with engine_to_measure() as host:
        return 0 if asyncio.run(compare(host, options.lines)) else 1


if __name__ == "__main__":
    sys.exit(main())
