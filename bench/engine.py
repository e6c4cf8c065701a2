"""Our engine client against docker-py, httpx and a bare socket, on a real engine.

On the engine that DOCKER_HOST names, else on a private one (as root). Two promises are
checked, and the exit status is 1 when one is broken: reading log lines at 0.8 or more of
the speed of a bare blocking socket, and a ping and an inspect in a quarter of docker-py's time or
less, the time that the engine itself takes (a bare socket's time for the same request) apart. The
list is shown beside them: there our time is that of decoding and cleaning every row, which the
peers leave to others.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import docker
import httpx

from lettaops.sources.engine import Engine
from lettaops.sources.target import EngineTarget, docker_py_kwargs, resolve_target
from tests.testbed.cache import Cache
from tests.testbed.dockerd import throwaway
from tests.testbed.stub_images import write_rootfs

IMAGE: Final = "lettaops-bench/stub:latest"
LINE: Final = "2026-11-22 04:02:24,232 INFO letta.server some ordinary line of a log, 83 bytes."
LOG_PROMISE: Final = 0.8
REQUEST_PROMISE: Final = 0.25
PROMISED: Final = ("ping", "inspect")
LOG_ROUNDS: Final = 3
REQUEST_ROUNDS: Final = 15
LIST_SIZE: Final = 10


Request = Callable[[], Awaitable[object]]
Work = Callable[[], Awaitable[int]]


class Figure(NamedTuple):
    """The best of some rounds: wall and this process' CPU time, in seconds, for `number` things."""

    wall: float
    cpu: float
    number: int

    @property
    def milliseconds(self) -> float:
        """Wall time of one thing."""
        return self.wall / self.number * 1000


@contextmanager
def engine_to_measure() -> Iterator[str]:
    """The address of an engine."""
    if host := os.environ.get("DOCKER_HOST"):
        yield host
        return
    cache = Cache()
    with throwaway(cache.daemons, name="bench", cli_config=cache.cli_config) as daemon:
        yield daemon.host


@contextmanager
def containers(client: docker.APIClient, lines: int) -> Iterator[tuple[str, str]]:
    """(id of a running container, id of one that printed `lines` lines), beside a few idle ones."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "stub.tar"
        write_rootfs(archive)
        client.import_image_from_file(str(archive), repository=IMAGE, changes=["ENV PATH=/bin"])
    made: list[str] = []

    def run(script: str) -> str:
        container_id = str(client.create_container(IMAGE, ["sh", "-c", script])["Id"])
        made.append(container_id)
        client.start(container_id)
        return container_id

    try:
        flood = run(f"yes '{LINE}' | head -n {lines}")
        idle, *_ = [run("sleep 100000") for _ in range(LIST_SIZE - 1)]
        print(f"writing {lines} log lines …", file=sys.stderr)
        client.wait(flood, timeout=600)
        yield idle, flood
    finally:
        for container_id in made:
            client.remove_container(container_id, force=True, v=True)
        client.remove_image(IMAGE, force=True)


async def timed(work: Work) -> Figure:
    """One round of work that returns how many things it did."""
    cpu = _cpu()
    before = time.perf_counter()
    number = await work()
    return Figure(time.perf_counter() - before, _cpu() - cpu, number)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure(peers: dict[str, Work], rounds: dict[str, int]) -> dict[str, Figure]:
    """The best round of each peer; rounds take turns, so that a busy machine hits all alike."""
    best: dict[str, Figure] = {}
    for number in range(max(rounds.values())):
        for name, work in peers.items():
            if number < rounds[name]:
                figure = await timed(work)
                best[name] = min(best.get(name, figure), figure)
    return best


def bare_request(sock: socket.socket, path: str) -> None:
    """A request with nothing around it: what the engine and the kernel take."""
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: docker\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65_536)
    head, _, body = data.partition(b"\r\n\r\n")
    if b"chunked" in head:
        while not body.endswith(b"0\r\n\r\n"):
            body += sock.recv(65_536)
    else:
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += sock.recv(65_536)


async def requests(
    target: EngineTarget, client: docker.APIClient, container_id: str, number: int
) -> dict[str, dict[str, Figure]]:
    """Three requests with each client. All give bare JSON, but for our list and "lettaops, decoded"."""
    uds = httpx.AsyncHTTPTransport(uds=target.path)
    inspect, listing = f"/v1.41/containers/{container_id}/json", "/v1.41/containers/json?all=1"
    found: dict[str, dict[str, Figure]] = {}
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(target.path)
        async with (
            Engine(target) as engine,
            httpx.AsyncClient(transport=uds, base_url="http://docker") as web,
        ):
            await engine.negotiate()
            kinds: dict[str, tuple[str, Request, Callable[[], object]]] = {
                "ping": ("/_ping", engine.ping, client.ping),
                "inspect": (
                    inspect,
                    lambda: engine.inspect_raw(container_id),
                    lambda: client.inspect_container(container_id),
                ),
                "list": (listing, engine.containers, lambda: client.containers(all=True)),
            }
            for kind, (path, ours, docker_py) in kinds.items():
                peers: dict[str, Work] = {
                    "bare socket": repeat(number, in_line(partial(bare_request, sock, path))),
                    "lettaops": repeat(number, ours),
                    "docker-py": repeat(number, in_line(docker_py)),
                    "httpx": repeat(number, partial(fetched, web, path)),
                }
                if kind == "inspect":
                    peers["lettaops, decoded"] = repeat(number, lambda: engine.inspect(container_id))
                found[kind] = await measure(peers, dict.fromkeys(peers, REQUEST_ROUNDS))
    return found


def in_line(call: Callable[[], object]) -> Request:
    """A blocking call as an awaitable one."""

    async def request() -> object:
        return call()

    return request


def repeat(number: int, request: Request) -> Work:
    """The work of making a request so many times, one after another."""

    async def work() -> int:
        for _ in range(number):
            await request()
        return number

    return work


async def fetched(web: httpx.AsyncClient, path: str) -> object:
    """A request with httpx, its JSON decoded."""
    response = await web.get(path)
    return response.text if path == "/_ping" else response.json()


async def logs(target: EngineTarget, client: docker.APIClient, container_id: str) -> dict[str, Figure]:
    """Reading a whole log; ours gives assembled lines, docker-py payloads, the others bare bytes."""
    path = f"/v1.41/containers/{container_id}/logs?follow=1&stdout=1&stderr=1&tail=all"

    async def bare() -> int:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(target.path)
            sock.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
            count = -7  # line feeds of the head
            while data := sock.recv(256 * 1024):
                count += data.count(b"\n")
        return count

    async def ours() -> int:
        count = 0
        async with (
            Engine(target) as engine,
            engine.logs(container_id, follow=True, tail=None, timestamps=False, tty=False) as log,
        ):
            async for batch in log:
                count += len(batch)
        return count

    async def docker_py() -> int:
        return sum(data.count(b"\n") for data in client.logs(container_id, stream=True, follow=True))

    async def web() -> int:
        transport = httpx.AsyncHTTPTransport(uds=target.path)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://docker", timeout=60) as http,
            http.stream("GET", path) as response,
        ):
            return sum([data.count(b"\n") async for data in response.aiter_raw()])

    return await measure(
        {"bare socket": bare, "lettaops": ours, "docker-py": docker_py, "httpx": web},
        {"bare socket": LOG_ROUNDS, "lettaops": LOG_ROUNDS, "docker-py": 1, "httpx": 1},
    )


def show(title: str, figures: dict[str, Figure], value: Callable[[Figure], float], against: str) -> None:
    """Print one comparison."""
    print(f"\n{title:26}{'':>8}{'CPU us each':>14}{'x ' + against:>14}")
    for name, figure in figures.items():
        share = value(figure) / value(figures[against])
        print(f"  {name:20}{value(figure):12.3f}{figure.cpu / figure.number * 1e6:14.2f}{share:14.2f}")


def client_share(figures: dict[str, Figure]) -> float:
    """Our time over docker-py's, both without what the engine and the kernel take."""
    floor = figures["bare socket"].milliseconds
    return (figures["lettaops"].milliseconds - floor) / (figures["docker-py"].milliseconds - floor)


async def compare(host: str, lines: int, number: int) -> bool:
    """Run everything and print it; whether the promises hold."""
    target = resolve_target(host, None)
    client = docker.APIClient(version="1.41", timeout=120, **docker_py_kwargs(target))
    try:
        with containers(client, lines) as (idle, flood):
            asked = await requests(target, client, idle, number)
            reading = await logs(target, client, flood)
    finally:
        client.close()
    shares = {kind: client_share(figures) for kind, figures in asked.items()}
    for kind, figures in asked.items():
        show(f"{kind}, ms a request", figures, lambda figure: figure.milliseconds, "docker-py")
        print(f"  our share of docker-py's time, the engine's own apart: {shares[kind]:.2f}")
    show(f"log of {lines} lines, k/s", reading, lambda figure: 1 / figure.milliseconds, "bare socket")
    share = max(shares[kind] for kind in PROMISED)
    speed = reading["bare socket"].milliseconds / reading["lettaops"].milliseconds
    complete = {reading[name].number for name in ("bare socket", "lettaops")} == {lines}
    print(
        f"\nrequests in {share:.2f} of docker-py's time or less (promise: {REQUEST_PROMISE})\n"
        f"log lines at {speed:.2f} of a bare socket's speed (promise: {LOG_PROMISE}); complete: {complete}"
    )
    return share <= REQUEST_PROMISE and speed >= LOG_PROMISE and complete


def main() -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--requests", type=int, default=100, help="in each of the rounds")
    options = parser.parse_args()
    with engine_to_measure() as host:
        return 0 if asyncio.run(compare(host, options.lines, options.requests)) else 1


if __name__ == "__main__":
    sys.exit(main())
