"""What was read of a database so far, and the picture it makes."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from lettaops.model.database.access import Server
from lettaops.model.database.activity import Counters, Own, Rates, counters_from, rates, settled
from lettaops.model.database.blocking import blocking_tree
from lettaops.model.database.budget import Limits, Replica, Use, budget
from lettaops.model.database.clients import Clients, clients_of
from lettaops.model.database.horizon import Horizon, horizon_from, longest_transaction, with_sessions
from lettaops.model.database.own import LettaRows, letta_rows_from
from lettaops.model.database.picture import Part, Picture
from lettaops.model.database.pool_settings import Version, parse_version, read_pool_settings
from lettaops.model.database.sessions import Owner, Session, count, groups, sessions_from
from lettaops.model.database.sizes import Sizes, growth, sizes_from, traces_alarm
from lettaops.model.database.vectors import Vectors, vectors_from
from lettaops.model.document import Document
from lettaops.model.engine import Container
from lettaops.model.source import SourceStatus
from lettaops.model.stack import Role, Stack
from lettaops.model.text import Safe, clean
from lettaops.monitor.database.growth import Earlier
from lettaops.sources import tally


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The stack whose database is watched. `versions`: what each server says it is, by container id."""

    stack: Stack
    versions: Mapping[str, Safe] = {}

    def version_of(self, container: Container) -> Version | None:
        """A server's version, by its own answer or by its image; None when neither tells."""
        told = self.versions.get(container.id) or container.environment.get("LETTA_VERSION")
        return parse_version(told)


class State:
    """The latest value of each part."""

    def __init__(self, earlier: Earlier | None = None) -> None:
        self.way = Safe()
        self.server: Server | None = None
        self.limits: Limits | None = None
        self.sessions: tuple[Session, ...] = ()
        self.counters: Counters | None = None
        self.rates = Rates()
        self.faults: Mapping[Part, Safe] = {}
        self._horizon: Horizon | None = None
        self._sizes: Sizes | None = None
        self._vectors: Vectors | None = None
        self._letta: LettaRows | None = None
        self._peak = 0
        self._own = self._owed = Own()
        self._earlier = earlier or Earlier(None, "")
        self._read_at: dict[Part, float] = {}

    def entered(self, way: Safe, server: Server, document: Document) -> None:
        """A session stands: which server it is and what it allows."""
        if self.server is not None and (server.database, server.version) != (
            self.server.database,
            self.server.version,
        ):
            self.counters, self.rates = None, Rates()
        self.way, self.server = way, server
        tls = document.flag("tls") if "tls" in document else None
        self.limits = Limits(
            max_connections=document.integer("max_connections") or 0,
            superuser_reserved=document.integer("superuser_reserved") or 0,
            reserved=document.integer("reserved") or 0,
            tls=tls,
        )
        self._read_at[Part.SERVER] = time.monotonic()

    def take(self, found: Mapping[Part, Document], subject: Subject) -> None:
        """Take what a look gave."""
        now = time.monotonic()
        for part, document in found.items():
            self._read_at[part] = now
            match part:
                case Part.SESSIONS:
                    self._take_sessions(document, clients_of(subject.stack))
                case Part.HORIZON:
                    self._horizon = horizon_from(document)
                case Part.SIZES:
                    self._sizes = sizes_from(document)
                    self._earlier.remember(self._sizes)
                case Part.VECTORS:
                    self._vectors = vectors_from(document)
                case Part.LETTA:
                    self._letta = letta_rows_from(document, _newest(subject))
        if Part.COUNTERS in found:
            self._take_counters(found, now)

    def picture(self, status: SourceStatus, subject: Subject | None) -> Picture:
        """The picture they make."""
        now = time.monotonic()
        horizon = with_sessions(self._horizon, self.sessions) if self._horizon is not None else None
        grown = growth(self._earlier.sizes, self._sizes, self._earlier.age()) if self._sizes else {}
        return Picture(
            taken_at=datetime.now(UTC),
            status=status,
            way=self.way,
            server=self.server,
            limits=self.limits,
            budget=budget(_replicas(subject), self.limits, self._use()),
            sessions=self.sessions,
            groups=groups(self.sessions),
            tree=blocking_tree(self.sessions),
            longest=longest_transaction(self.sessions),
            counters=self.counters,
            rates=self.rates,
            horizon=horizon,
            sizes=self._sizes,
            growth=grown,
            traces=traces_alarm(self._sizes, grown) if self._sizes else Safe(),
            vectors=self._vectors,
            letta=self._letta,
            ages={part: now - at for part, at in self._read_at.items()},
            faults=dict(self.faults),
        )

    def _take_sessions(self, document: Document, clients: Clients) -> None:
        role = self.server.role if self.server is not None else Safe()
        self.sessions = sessions_from(document.subs(Part.SESSIONS), clients, own_user=role)
        self._peak = max(self._peak, count(self.sessions, Owner.LETTA))

    def _take_counters(self, found: Mapping[Part, Document], now: float) -> None:
        merged = {name: found[Part.COUNTERS].sub(name) for name in ("database", "wal")}
        merged["checkpoints"] = found.get(Part.CHECKPOINTS, Document(None))
        counters = counters_from(merged, now)
        own = tally.own(self.server.database if self.server is not None else "")
        owed = Own(
            transactions=self._owed.transactions + own.transactions - self._own.transactions,
            sessions=self._owed.sessions + own.sessions - self._own.sessions,
        )
        taken, self._owed = settled(owed, self.counters, counters)
        self.rates = rates(self.counters, counters, taken)
        self.counters, self._own = counters, own

    def _use(self) -> Use | None:
        if Part.SESSIONS not in self._read_at:
            return None
        return Use(
            letta=count(self.sessions, Owner.LETTA),
            own=count(self.sessions, Owner.LETTAOPS),
            others=count(self.sessions, Owner.STRANGER),
            peak_letta=self._peak,
            connects_per_s=self.rates.connects,
        )


def _replicas(subject: Subject | None) -> list[Replica]:
    """The servers that run; stopped ones open no sessions."""
    if subject is None:
        return []
    return [
        Replica(
            name=clean(each.container.name),
            settings=read_pool_settings(
                each.container.environment.items(), subject.version_of(each.container)
            ),
        )
        for each in subject.stack.of(Role.SERVER)
        if each.container.state.running
    ]


def _newest(subject: Subject) -> Version | None:
    """The version whose migrations the database should have: that of the servers, the newest of several."""
    versions = [subject.version_of(each.container) for each in subject.stack.of(Role.SERVER)]
    return max((each for each in versions if each is not None), default=None)
