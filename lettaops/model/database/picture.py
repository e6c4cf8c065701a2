"""All that is known about a database at one moment."""

from datetime import datetime
from enum import StrEnum

import msgspec

from lettaops.model.database.access import Server
from lettaops.model.database.activity import Counters, Rates
from lettaops.model.database.blocking import Knot
from lettaops.model.database.budget import Budget, Limits
from lettaops.model.database.horizon import Horizon
from lettaops.model.database.own import LettaRows
from lettaops.model.database.sessions import Group, Session
from lettaops.model.database.sizes import Growth, Sizes
from lettaops.model.database.vectors import Vectors
from lettaops.model.source import SourceStatus
from lettaops.model.text import Safe


class Part(StrEnum):
    """What is read by one statement each; the names of the statements."""

    SERVER = "server"
    SESSIONS = "sessions"
    COUNTERS = "counters"
    CHECKPOINTS = "checkpoints"
    HORIZON = "horizon"
    SIZES = "sizes"
    VECTORS = "vectors"
    LETTA = "letta"


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """One moment of a database. What was never read is None; what can't be read now keeps its last value.

    `way`: how it is reached. `ages`: seconds since each part was read. `faults`: why a part can't be read.
    `growth` by `schema.table`.
    """

    taken_at: datetime
    status: SourceStatus
    budget: Budget
    way: Safe = Safe()
    server: Server | None = None
    limits: Limits | None = None
    sessions: tuple[Session, ...] = ()
    groups: tuple[Group, ...] = ()
    tree: tuple[Knot, ...] = ()
    longest: Session | None = None
    counters: Counters | None = None
    rates: Rates = Rates()
    horizon: Horizon | None = None
    sizes: Sizes | None = None
    growth: dict[str, Growth] = {}
    traces: Safe = Safe()
    vectors: Vectors | None = None
    letta: LettaRows | None = None
    ages: dict[Part, float] = {}
    faults: dict[Part, Safe] = {}

    @property
    def clients(self) -> tuple[Session, ...]:
        """Sessions that take one of `max_connections`."""
        return tuple(each for each in self.sessions if each.is_client)
