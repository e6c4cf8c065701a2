"""Containers of the stub image for the tests of the engine client, and what is read of them."""

from __future__ import annotations

import asyncio
from typing import Final

from lettaops.model.engine import Event
from lettaops.model.frames import LogLine
from lettaops.sources.engine import DocumentStream, Engine
from tests.testbed.dockerd import PrivateDockerd
from tests.testbed.stub_images import STUB_IMAGE

NOBODY: Final = "f" * 64  # the id of no container


def start(daemon: PrivateDockerd, script: str = "exec stub", *options: str) -> str:
    """Run a container of the stub image; its full id."""
    (container_id,) = daemon.lines("run", "-d", *options, STUB_IMAGE, "sh", "-c", script)
    return container_id


async def logged(
    engine: Engine, container_id: str, *, tail: int | None = None, timestamps: bool = False, tty: bool = False
) -> list[LogLine]:
    lines: list[LogLine] = []
    async with engine.logs(
        container_id, follow=False, tail=tail, timestamps=timestamps, tty=tty, timeout=10
    ) as log:
        async for batch in log:
            lines += batch
    return lines


async def next_of(events: DocumentStream[Event], action: str, container_id: str) -> Event:
    async with asyncio.timeout(20):
        async for event in events:
            if event.id == container_id and event.action == action:
                return event
    raise AssertionError(f"the stream ended before {action}")
