"""Asks a redis server whether it answers. One inline command needs no client library."""

import asyncio
import contextlib
import time

from lettaops.model.probe import Outcome, Probe
from lettaops.model.text import clean, clean_bytes
from lettaops.sources.dial import dial


async def probe(host: str, port: int, *, route: str, timeout: float = 2.0) -> Probe:
    """PING, and the time from it to PONG. A server that wants a password is alive as well. Never raises."""
    started = time.monotonic()
    label = clean(route)
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(sock=await dial(host, port), limit=4096)
            try:
                asked = time.monotonic()
                writer.write(b"PING\r\n")
                await writer.drain()
                line = await reader.readline()
                latency = (time.monotonic() - asked) * 1000
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except TimeoutError:
        return Probe(outcome=Outcome.TIMEOUT, latency_ms=(time.monotonic() - started) * 1000, route=label)
    except ConnectionRefusedError:
        return Probe(outcome=Outcome.REFUSED, route=label)
    except (OSError, ValueError) as error:
        unresolved = type(error).__name__ == "gaierror"
        return Probe(
            outcome=Outcome.UNRESOLVED if unresolved else Outcome.CLOSED,
            detail=clean(str(error), 160),
            route=label,
        )
    if line.startswith((b"+PONG", b"-NOAUTH")):
        return Probe(outcome=Outcome.OK, latency_ms=latency, route=label)
    if line.startswith(b"-LOADING"):
        return Probe(outcome=Outcome.STARTING, detail=clean_bytes(line.strip()), route=label)
    if not line:
        return Probe(outcome=Outcome.CLOSED, route=label)
    return Probe(outcome=Outcome.GARBAGE, detail=clean_bytes(line[:80].strip()), route=label)
