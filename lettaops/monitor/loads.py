"""What the containers of a stack use: from their control groups, else from the engine.

Control groups cost next to nothing, but only those of this machine can be read. For the rest the
engine streams a sample a second, at about 2 ms of its own time each: only containers that are shown
are asked for, `MOST_STREAMS` at most.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from lettaops.model.engine import Container, StatsSample, cpu_percent, rate
from lettaops.model.errors import LettaopsError
from lettaops.model.source import backoff
from lettaops.model.stack import Stack
from lettaops.monitor.snapshot import Load, LoadOrigin
from lettaops.sources.cgroup import Counters, counters
from lettaops.sources.engine import Engine, stats_cost

MOST_STREAMS: Final = 30
FRESH_SECONDS: Final = 5.0  # a streamed sample is due each second or two; an older one says nothing of now
SLOWEST_RETRY: Final = 30.0  # seconds between two attempts at a stream that the engine doesn't give
ONE_SHOT_SECONDS: Final = 0.5
ONE_SHOT_GAP: Final = (
    0.2  # between two samples: engines count the machine's CPU time in hundredths of a second
)


class Streamed(msgspec.Struct):
    """The newest sample of a stream, when it came (monotonic seconds), and what follows from the last two."""

    sample: StatsSample
    at: float
    load: Load


class Loads:
    """The loads of one stack's containers. `run` follows the engine's streams, where they are needed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._groups: dict[tuple[str, int], Counters | None] = {}  # None: not to be read here
        self._samples: dict[str, StatsSample] = {}
        self._local: dict[str, Load] = {}
        self._streamed: dict[str, Streamed] = {}
        self._wanted: tuple[str, ...] = ()
        self._changed = asyncio.Event()

    @property
    def current(self) -> dict[str, Load]:
        """Loads by container id; a container whose load isn't known is absent."""
        oldest = time.monotonic() - FRESH_SECONDS
        streamed = {
            identity: self._streamed[identity].load
            for identity in self._wanted
            if identity in self._streamed and self._streamed[identity].at >= oldest
        }
        return streamed | self._local

    def close(self) -> None:
        """Close what is open."""
        for group in self._groups.values():
            if group is not None:
                group.close()
        self._groups.clear()

    def sample(self, stack: Stack) -> None:
        """Read the control groups, and note which containers the engine has to be asked about."""
        samples: dict[str, StatsSample] = {}
        containers = [each.container for each in stack.members]
        running = {each.id: each for each in containers if each.state.running}
        for identity, container in running.items():
            sample = self._sampled(container)
            if sample is not None:
                samples[identity] = sample
        self._local = {
            identity: load_between(self._samples.get(identity), each, LoadOrigin.CONTROL_GROUP)
            for identity, each in samples.items()
        }
        self._samples = samples
        self._forget(running.values())
        self._want([identity for identity in running if identity not in samples])

    async def run(self) -> None:
        """Keep a stream open for each container that needs one, until cancelled."""
        tasks: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                for identity in tasks.keys() - self._wanted:
                    tasks.pop(identity).cancel()
                    self._streamed.pop(identity, None)
                for identity in self._wanted:
                    if identity not in tasks:
                        tasks[identity] = group.create_task(self._follow(identity))
                await self._changed.wait()
                self._changed.clear()

    async def once(self) -> None:
        """Ask the engine once about those that need it, where it is quick at that; else they stay unknown."""
        if not self._wanted:
            return
        with suppress(LettaopsError):
            strategy = await stats_cost(self._engine, self._wanted[0], ONE_SHOT_SECONDS)
            if strategy.poll:
                await self._take_all()
                await asyncio.sleep(ONE_SHOT_GAP)
                await self._take_all()

    def _sampled(self, container: Container) -> StatsSample | None:
        if not self._engine.target.is_local:
            return None
        key = _key(container)
        group = self._groups.get(key)
        if group is not None and (sample := group.sample()) is not None:
            return sample
        if group is not None or key not in self._groups:
            group = self._groups[key] = counters(key[1], container.id)
            return group.sample() if group is not None else None
        return None

    def _forget(self, running: Iterable[Container]) -> None:
        """Close the control groups of containers that are gone, or run in another process now."""
        for key in self._groups.keys() - {_key(each) for each in running}:
            group = self._groups.pop(key)
            if group is not None:
                group.close()

    def _want(self, identities: Sequence[str]) -> None:
        wanted = tuple(identities[:MOST_STREAMS])
        if wanted != self._wanted:
            self._wanted = wanted
            self._changed.set()

    async def _follow(self, identity: str) -> None:
        """Read one container's stream, and again when it ends: that says nothing about the container."""
        attempts = 0
        while True:
            self._streamed.pop(identity, None)  # what was before a gap makes no share of now
            with suppress(LettaopsError):
                async with self._engine.stats_stream(identity) as samples:
                    async for sample in samples:
                        attempts = 0
                        self._take(identity, sample)
            attempts += 1
            await asyncio.sleep(backoff(attempts, limit=SLOWEST_RETRY))

    async def _take_all(self) -> None:
        async def take(identity: str) -> None:
            with suppress(LettaopsError):
                self._take(identity, await self._engine.stats(identity, ONE_SHOT_SECONDS))

        await asyncio.gather(*map(take, self._wanted))

    def _take(self, identity: str, sample: StatsSample) -> None:
        if sample.system_cpu_ns is None:  # it has stopped: the numbers are no measurement
            self._streamed.pop(identity, None)
            return
        before = self._streamed.get(identity)
        load = load_between(before.sample if before is not None else None, sample, LoadOrigin.ENGINE)
        self._streamed[identity] = Streamed(sample, time.monotonic(), load)


def load_between(before: StatsSample | None, now: StatsSample, origin: LoadOrigin) -> Load:
    """The load that two samples tell of; of one alone, what needs no time: never a CPU share."""
    if before is None or before.read_at is None or now.read_at is None:
        return Load(memory_bytes=now.memory_bytes, memory_limit_bytes=now.memory_limit_bytes, origin=origin)
    seconds = (now.read_at - before.read_at).total_seconds()
    return Load(
        cpu_percent=cpu_percent(before, now),
        memory_bytes=now.memory_bytes,
        memory_limit_bytes=now.memory_limit_bytes,
        received_rate=rate(before.received_bytes, now.received_bytes, seconds),
        sent_rate=rate(before.sent_bytes, now.sent_bytes, seconds),
        origin=origin,
    )


def _key(container: Container) -> tuple[str, int]:
    return container.id, container.state.pid
