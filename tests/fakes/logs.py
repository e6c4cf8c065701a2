"""Containers with logs on the fake engine: written, stopped, restarted, recreated, rotated by the test.

As a Docker engine does it: a log is a list of records (a line, or a piece of a long one), following
ends with the container, `tail` counts records, and the log goes with its container.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from tests.fakes.engine import FakeEngine, Request, answer, error, framed

PROJECT = "letta"
PIECE = 16 * 1024
STDOUT, STDERR = 1, 2
SECOND = 1_000_000_000
FOR_EVER = 1 << 63

Record = tuple[int, int, bytes]  # stream, nanoseconds since 1970, bytes with the line feed


def stamp(time_ns: int) -> str:
    """A time as the engine writes it."""
    return f"{datetime.fromtimestamp(time_ns // SECOND, UTC):%Y-%m-%dT%H:%M:%S}.{time_ns % SECOND:09}Z"


@dataclass(eq=False)
class FakeContainer:
    """A container of the project. `follows` counts the streams that follow it now."""

    id: str
    service: str
    number: int = 1
    tty: bool = False
    driver: str = "json-file"
    status: str = "running"
    started_ns: int = 0
    finished_ns: int = 0
    exit_code: int = 0
    records: list[Record] = field(default_factory=list)
    follows: int = 0
    reads: list[dict[str, str]] = field(default_factory=list)
    run: int = 1  # counts its starts: a stream that follows one ends with it
    ends: dict[int, int] = field(default_factory=dict)  # when each ended
    sent: int = 0  # records that were handed to streams

    @property
    def name(self) -> str:
        return f"{PROJECT}-{self.service}-{self.number}"

    @property
    def labels(self) -> dict[str, str]:
        """The labels of compose."""
        return {
            "com.docker.compose.project": PROJECT,
            "com.docker.compose.service": self.service,
            "com.docker.compose.container-number": str(self.number),
        }


class FakeHost:
    """A fake engine with containers; use as an asynchronous context manager."""

    def __init__(self, path: Path) -> None:
        self.engine = FakeEngine(path)
        self.containers: dict[str, FakeContainer] = {}
        self.clock_ns = time.time_ns()
        self.news = asyncio.Condition()
        self._watchers: set[asyncio.Queue[bytes]] = set()
        self._tasks: set[asyncio.Future[None]] = set()
        self._made = 0

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.stop()

    async def start(self) -> None:
        """Listen, the first time or again."""
        self.engine.on("/events", self._events)
        self._list()
        await self.engine.start()

    # -- what a test does to it --------------------------------------------------------------

    async def add(self, service: str, **more: Any) -> FakeContainer:
        """Create and start a container."""
        self._made += 1
        container = FakeContainer(sha256(f"{service} {self._made}".encode()).hexdigest(), service, **more)
        self.containers[container.id] = container
        self.engine.on(f"/containers/{container.id}/json", self._inspect(container))
        self.engine.on(f"/containers/{container.id}/logs", self._logs(container))
        self._list()
        self._tell(container, "create")
        if container.status == "running":
            container.started_ns = self.tick()
            self._tell(container, "start")
        return container

    async def write(
        self, container: FakeContainer, *lines: str | bytes, stream: int = STDOUT, end: bytes = b"\n"
    ) -> None:
        """Lines of output, cut into pieces where they are long."""
        for line in lines:
            data = (line.encode() if isinstance(line, str) else line) + end
            pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]
            container.records += [(stream, self.tick(), piece) for piece in pieces]
        await self._changed()

    async def stop(self, container: FakeContainer, code: int = 0) -> None:
        """End a container."""
        container.status, container.exit_code = "exited", code
        container.finished_ns = container.ends[container.run] = self.tick()
        self._tell(container, "die", exitCode=str(code))
        await self._changed()

    async def restart(self, container: FakeContainer, code: int | None = None) -> None:
        """Start a container again, after ending it with a code."""
        if code is not None:
            await self.stop(container, code)
        container.run += 1
        container.status, container.started_ns = "running", self.tick()
        self._tell(container, "start")
        await self._changed()

    async def remove(self, container: FakeContainer) -> None:
        """Remove a container with its log."""
        del self.containers[container.id]
        gone = error(404, f"No such container: {container.id}")
        self.engine.on(f"/containers/{container.id}/json", gone)
        self.engine.on(f"/containers/{container.id}/logs", gone)
        container.run += 1
        self._list()
        self._tell(container, "destroy")
        await self._changed()

    async def rotate(self, container: FakeContainer, keep: int) -> None:
        """Forget all but the newest records; who follows goes on with what comes."""
        gone = len(container.records) - keep
        del container.records[:gone]
        container.sent = gone
        await self._changed()

    async def followed(self, container: FakeContainer, *, by: int = 1) -> None:
        """Wait until so many streams follow a container, and somebody the events."""
        async with asyncio.timeout(8), self.news:
            await self.news.wait_for(lambda: container.follows == by and bool(self._watchers))

    def tick(self, nanoseconds: int = 1000) -> int:
        """The next moment."""
        self.clock_ns = max(self.clock_ns + nanoseconds, 0)
        return self.clock_ns

    # -- how it answers ----------------------------------------------------------------------

    def _soon(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _changed(self) -> None:
        async with self.news:
            self.news.notify_all()

    def _list(self) -> None:
        rows = [
            {
                "Id": each.id,
                "Names": [f"/{each.name}"],
                "Image": "letta/letta:latest",
                "Command": "./letta/server/startup.sh",
                "State": each.status,
                "Labels": each.labels,
            }
            for each in self.containers.values()
        ]
        self.engine.on("/containers/json", answer(rows))

    def _inspect(self, container: FakeContainer) -> Any:
        async def reply(request: Request) -> None:
            await answer(
                {
                    "Id": container.id,
                    "Name": f"/{container.name}",
                    "Config": {
                        "Image": "letta/letta:latest",
                        "Tty": container.tty,
                        "Labels": container.labels,
                    },
                    "HostConfig": {"LogConfig": {"Type": container.driver}},
                    "State": {
                        "Status": container.status,
                        "Pid": 42,
                        "ExitCode": container.exit_code if container.status != "running" else 0,
                        "StartedAt": stamp(container.started_ns)
                        if container.started_ns
                        else "0001-01-01T00:00:00Z",
                        "FinishedAt": stamp(container.finished_ns)
                        if container.finished_ns
                        else "0001-01-01T00:00:00Z",
                    },
                }
            )(request)

        return reply

    def _logs(self, container: FakeContainer) -> Any:
        async def reply(request: Request) -> None:
            query = request.query
            container.reads.append(query)
            if container.driver in {"none", "syslog"}:
                await error(501, "configured logging driver does not support reading")(request)
                return
            request.writer.write(f"{request.http} 200 OK\r\n\r\n".encode())
            records = container.records
            tail = query.get("tail", "all")
            at = 0 if tail == "all" else max(0, len(records) - int(tail))
            since = float(query.get("since", 0)) * SECOND
            follow = query.get("follow") == "1" and container.status == "running"
            run = container.run
            container.follows += follow
            gone = asyncio.ensure_future(request.reader.read())
            gone.add_done_callback(lambda _: self._soon(self._changed()))
            await self._changed()
            try:
                while True:
                    if container.records is records and container.sent:  # rotated
                        at, container.sent = max(0, at - container.sent), 0
                    until = container.ends.get(run, FOR_EVER) if follow else FOR_EVER
                    fresh = [each for each in records[at : at + 500] if since <= each[1] <= until]
                    at += len(records[at : at + 500])
                    request.writer.write(_encoded(fresh, container, query))
                    await request.writer.drain()
                    if at < len(records):
                        continue
                    if gone.done() or not follow or run != container.run or container.status != "running":
                        break
                    async with self.news:
                        await self.news.wait()
            finally:
                gone.cancel()
                container.follows -= follow
                self._soon(self._changed())
            request.writer.close()

        return reply

    async def _events(self, request: Request) -> None:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._watchers.add(queue)
        try:
            request.writer.write(f"{request.http} 200 OK\r\n\r\n".encode())
            await self._changed()
            while True:
                await request.writer.drain()
                request.writer.write(await queue.get())
        finally:
            self._watchers.discard(queue)

    def _tell(self, container: FakeContainer, action: str, **more: str) -> None:
        event = {
            "Type": "container",
            "Action": action,
            "Actor": {
                "ID": container.id,
                "Attributes": container.labels | {"name": container.name} | more,
            },
            "timeNano": self.tick(),
        }
        for queue in self._watchers:
            queue.put_nowait(json.dumps(event).encode() + b"\n")


def _encoded(records: Sequence[Record], container: FakeContainer, query: dict[str, str]) -> bytes:
    parts = []
    for stream, time_ns, data in records:
        line = f"{stamp(time_ns)} ".encode() + data if query.get("timestamps") == "1" else data
        parts.append(line if container.tty else framed(stream, line))
    return b"".join(parts)
