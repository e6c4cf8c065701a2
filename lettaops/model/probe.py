"""What a probe of a service found, and its words for it."""

from enum import StrEnum

import msgspec

from lettaops.model.text import Safe


class Outcome(StrEnum):
    """How a probe ended.

    CLOSED: the connection was taken and shut without an answer, as docker-proxy does while nothing
    listens in the container. BROKEN: it can't read its own files.
    """

    OK = "ok"
    REFUSED = "refused"
    CLOSED = "closed"
    TIMEOUT = "timeout"
    UNRESOLVED = "unresolved"
    STATUS = "status"
    DENIED = "denied"
    STARTING = "starting"
    FULL = "full"
    GARBAGE = "garbage"
    UNREACHED = "unreached"
    BROKEN = "broken"


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """One question and its answer. `route` says on which way it was asked; latency in milliseconds."""

    outcome: Outcome
    latency_ms: float | None = None
    status: int | None = None
    detail: Safe = Safe()
    route: Safe = Safe()

    @property
    def ok(self) -> bool:
        """Whether the answer was the right one."""
        return self.outcome is Outcome.OK

    @property
    def absent(self) -> bool:
        """Whether nothing at all answered on this way, so that another way may be tried."""
        return self.outcome in {Outcome.REFUSED, Outcome.CLOSED, Outcome.UNRESOLVED, Outcome.UNREACHED}


class ServerProbe(msgspec.Struct, frozen=True, kw_only=True):
    """Answers of one Letta server: `/v1/health/`, and `/v1/agents/count`, which needs the database."""

    health: Probe
    database: Probe | None = None
    version: Safe = Safe()
    agents: int | None = None


class Answers(msgspec.Struct, frozen=True, kw_only=True):
    """Latest probes by container id; a service that wasn't asked is absent.

    `database` is the probe of an external database, which has no container here.
    """

    servers: dict[str, ServerProbe] = {}
    proxies: dict[str, Probe] = {}
    databases: dict[str, Probe] = {}
    caches: dict[str, Probe] = {}
    database: Probe | None = None

    def of(self, container_id: str) -> Probe | None:
        """The probe that stands for a container's service: for a server its health answer."""
        server = self.servers.get(container_id)
        if server is not None:
            return server.health
        for group in (self.proxies, self.databases, self.caches):
            if container_id in group:
                return group[container_id]
        return None
