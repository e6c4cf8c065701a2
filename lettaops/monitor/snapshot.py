"""All that is known about a deployment at one moment."""

from datetime import datetime
from enum import StrEnum

import msgspec

from lettaops.model.engine import ContainerSummary
from lettaops.model.host import HostSample
from lettaops.model.probe import Answers
from lettaops.model.source import SourceStatus
from lettaops.model.stack import Stack
from lettaops.model.text import Safe
from lettaops.model.timeline import Entry
from lettaops.model.verdict import Assessment


class LoadOrigin(StrEnum):
    """Where the figures about a container come from."""

    CONTROL_GROUP = "control group"
    ENGINE = "engine"


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What a container uses. CPU: 100 = one core. Memory in bytes without page cache.

    Rates in bytes a second over all networks. None: not known.
    """

    origin: LoadOrigin = LoadOrigin.CONTROL_GROUP

    cpu_percent: float | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    received_rate: float | None = None
    sent_rate: float | None = None


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One moment. `engine` is the state of the source of container states, `seen_age_s` their age in seconds.

    `stack` is None while none was ever seen; `assessment` then says why.
    """

    taken_at: datetime
    engine_name: Safe
    engine: SourceStatus
    seen_age_s: float | None
    stack: Stack | None
    answers: Answers
    assessment: Assessment
    loads: dict[str, Load] = {}
    others: tuple[ContainerSummary, ...] = ()
    timeline: tuple[Entry, ...] = ()
    host: HostSample | None = None
