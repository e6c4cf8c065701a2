"""Reading an engine's streams to where a test wants to be."""

import asyncio
from collections.abc import Callable

from lettaops.model.engine import Container, ContainerStatus, Event
from lettaops.model.frames import LogLine
from lettaops.sources.engine import DocumentStream, Engine

SECONDS = 20.0


async def logged(
    engine: Engine,
    container_id: str,
    *,
    tail: int | None = None,
    timestamps: bool = False,
    tty: bool = False,
    since: float | None = None,
) -> list[LogLine]:
    """The lines that a container's log has now."""
    reading = engine.logs(
        container_id, follow=False, tail=tail, timestamps=timestamps, tty=tty, since=since, timeout=SECONDS
    )
    lines: list[LogLine] = []
    async with asyncio.timeout(SECONDS), reading as log:
        async for batch in log:
            lines += batch
    return lines


async def printed(engine: Engine, container_id: str, count: int = 1) -> None:
    """Waits until a container has printed that many lines."""
    reading = engine.logs(container_id, follow=True, tail=None, timestamps=False, tty=False)
    async with asyncio.timeout(SECONDS), reading as log:
        lines = 0
        while lines < count:
            lines += len(await anext(log))


async def seen(engine: Engine, container_id: str, condition: Callable[[Container], bool]) -> Container:
    """The container, once it is as expected."""
    async with asyncio.timeout(SECONDS):
        while not condition(container := await engine.inspect(container_id)):  # noqa: ASYNC110 -- one asks
            await asyncio.sleep(0.02)
    return container


async def until_ended(engine: Engine, container_id: str) -> Container:
    """The container, once it has ended and all that it printed is in its log."""
    return await seen(engine, container_id, lambda each: each.state.status is ContainerStatus.EXITED)


async def actions(events: DocumentStream[Event], container_id: str, last: str) -> list[str]:
    """What is told of a container, until the action `last` is among it."""
    found: list[str] = []
    async with asyncio.timeout(SECONDS):
        async for event in events:
            if event.id == container_id:
                found.append(event.action)
                if event.action == last:
                    return found
    raise AssertionError(f"the stream ended before {last}: {found}")
