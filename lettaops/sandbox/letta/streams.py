"""Server-sent events of one talk, with pings while it says nothing."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from lettaops.sandbox.letta.logs import letta_logger
from lettaops.sandbox.letta.talk import Talk, Talks

_LOG: Final = letta_logger("server.rest_api.streaming_response")
_TASKS: Final[set[asyncio.Task[None]]] = set()


async def server_sent(talks: Talks, talk: Talk, keepalive_s: float) -> AsyncIterator[bytes]:
    """The events as they come. The talk goes on to its end when the reader has gone."""
    queue: asyncio.Queue[dict[str, object] | None] = asyncio.Queue()
    task = asyncio.create_task(_collect(talks, talk, queue))
    _TASKS.add(task)
    task.add_done_callback(_TASKS.discard)
    while True:
        try:
            async with asyncio.timeout(keepalive_s):
                event = await queue.get()
        except TimeoutError:
            ping = {"id": f"ping-{uuid.uuid4()}", "date": datetime.now(UTC), "message_type": "ping"}
            yield _line(ping | {"run_id": talk.run_id})
            continue
        if event is None:
            break
        yield _line(event)
    yield b"data: [DONE]\n\n"


async def _collect(talks: Talks, talk: Talk, queue: asyncio.Queue[dict[str, object] | None]) -> None:
    try:
        async for event in talks.events(talk):
            queue.put_nowait(event)
    except Exception as error:
        _LOG.exception("Run %s failed", talk.run_id)
        message = {"type": "internal_error", "message": f"An error occurred during agent execution: {error}"}
        queue.put_nowait({"message_type": "error_message", "run_id": talk.run_id, "error": message})
    finally:
        queue.put_nowait(None)


def _line(event: dict[str, object]) -> bytes:
    return b"data: " + msgspec.json.encode(event) + b"\n\n"
