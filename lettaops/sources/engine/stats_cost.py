"""How to read many containers' counters from this engine."""

import time
from typing import Final

import msgspec

from lettaops.model.errors import Conflict
from lettaops.sources.engine.client import Engine

# Engines before 23.0 sleep a second before each round of readings; later ones read at once.
_QUICK_SECONDS: Final = 0.5


class StatsStrategy(msgspec.Struct, frozen=True, kw_only=True):
    """What one sample takes on this engine. `poll`: ask for single samples as often as wanted.

    Otherwise stream the containers that are shown (each stream costs the engine about 2 ms a
    second, thirty are fine) and take turns with single samples for the rest.
    """

    one_shot_seconds: float
    poll: bool


async def stats_cost(engine: Engine, container_id: str, timeout: float | None = None) -> StatsStrategy:
    """Time samples of a running container, once, and choose.

    Raises as `Engine.stats`, and `Conflict` when the container doesn't run: then any engine is quick.
    """
    sample = await engine.stats(container_id, timeout)
    if sample.system_cpu_ns is None:
        raise Conflict(
            409, "the counters of a stopped container tell nothing", next_step="time a running container"
        )
    # A slow engine answers the first question at once when nobody asked for a while: time the second.
    before = time.monotonic()
    await engine.stats(container_id, timeout)
    seconds = time.monotonic() - before
    return StatsStrategy(one_shot_seconds=seconds, poll=seconds < _QUICK_SECONDS)
