"""Which containers make up a Letta deployment: labels first, then images, then ports. Pure rules."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from lettaops.model.document import parse_port
from lettaops.model.engine import Container, ContainerSummary
from lettaops.model.pguri import DatabaseAddress, parse_database_uri
from lettaops.model.recognise import SERVER_PORT, groups, role_by_names
from lettaops.model.stack import CHAIN, DATABASE_PORT, DatabaseRoute, Member, Role, Shape, Stack
from lettaops.model.text import Safe, clean

_PORT_OPTION: Final = re.compile(r"(?:^|\s)(?:-p\s*|--port[= ]|-c\s*port=)(\d{1,5})(?=\s|$)")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment seen in the container list, before its containers were inspected."""

    project: Safe
    container_ids: tuple[str, ...]
    compose: bool


def candidates(rows: Sequence[ContainerSummary], project: str | None = None) -> tuple[Candidate, ...]:
    """Deployments among the rows of the container list; with `project`, that one, Letta or not.

    A compose project counts when one of its containers looks like a Letta server. A server outside
    compose stands for itself, with the databases, proxies and caches outside compose beside it;
    which of those really belong to it, `build` tells from the networks.
    """
    return tuple(
        Candidate(project=clean(each.name), container_ids=each.container_ids, compose=each.compose)
        for each in groups(rows, project)
    )


def role_of(container: Container) -> Role:
    """The role of one container.

    A known compose service name decides; then an image and command of Letta's; then the image's
    name. Letta's image run with another command is not a server.
    """
    known = role_by_names(container.service, container.image, " ".join(container.command))
    if known is not None:
        return Role(known)
    if SERVER_PORT in container.exposed and "LETTA_PG_URI" in container.environment:
        return Role.SERVER
    return Role.OTHER


def build(candidate: Candidate, containers: Iterable[Container]) -> Stack:
    """The deployment of a candidate from its containers' inspect documents."""
    kept = [each for each in containers if each.id and not each.one_off]
    members = [Member(name=each.service, role=role_of(each), container=each) for each in kept]
    if not candidate.compose:
        members = _joined(candidate, members)
    members.sort(key=lambda each: (CHAIN.index(each.role), each.name, each.container.name))
    servers = [each for each in members if each.role is Role.SERVER]
    if not servers:
        database = next((each for each in members if each.role is Role.DATABASE), None)
        route = (
            DatabaseRoute(container_id=database.container.id, address=_own_address(database))
            if database
            else None
        )
        return Stack(
            project=candidate.project,
            shape=Shape.OTHER,
            members=tuple(members),
            database=route or DatabaseRoute(),
        )
    route = database_route(servers[0], members)
    if route.embedded:
        shape = Shape.SINGLE
    elif route.container_id is None and route.address is not None and not route.problem:
        shape = Shape.EXTERNAL
    else:
        shape = Shape.COMPOSE
    return Stack(
        project=candidate.project,
        shape=shape,
        members=tuple(members),
        database=route,
        password=servers[0].container.environment.secret("LETTA_SERVER_PASSWORD"),
    )


def database_route(server: Member, members: Sequence[Member]) -> DatabaseRoute:
    """The database that a server uses, by `LETTA_PG_URI` and the names on the networks it shares.

    Without the URI the image starts its own Postgres (startup.sh looks at nothing else).
    """
    secret = server.container.environment.secret("LETTA_PG_URI")
    if secret is None:
        return DatabaseRoute(
            address=DatabaseAddress(
                host=Safe("localhost"),
                user=clean(server.container.environment.get("POSTGRES_USER") or "letta"),
                password=server.container.environment.secret("POSTGRES_PASSWORD"),
                database=clean(server.container.environment.get("POSTGRES_DB") or "letta"),
            ),
            container_id=server.container.id,
            embedded=True,
        )
    address = parse_database_uri(secret.reveal())
    databases = [each for each in members if each.role is Role.DATABASE]
    if address is None:
        return DatabaseRoute(
            container_id=databases[0].container.id if databases else None,
            address=_own_address(databases[0]) if databases else None,
            problem=Safe(
                "LETTA_PG_URI is not a database address (docker-compose v1 garbles its nested default)"
            ),
        )
    databases_first = sorted(members, key=lambda each: each.role is not Role.DATABASE)
    target = next(
        (each for each in databases_first if _answers_to(each.container, address, server.container)), None
    )
    if target is not None:
        return DatabaseRoute(
            address=address,
            container_id=target.container.id,
            problem=_wrong_port(address, target, server.container),
        )
    itself = address.host in _LOOPBACK and server.container.network_mode != "host"
    if databases and (itself or (not _is_address(address.host) and "." not in address.host)):
        names = ", ".join(sorted({alias for each in databases for alias in _names(each.container)}))
        return DatabaseRoute(
            address=address,
            container_id=databases[0].container.id,
            problem=clean(
                f"LETTA_PG_URI names the host {address.host}, but {databases[0].name} is known as {names}"
            ),
        )
    return DatabaseRoute(address=address)


def _wrong_port(address: DatabaseAddress, database: Member, asker: Container) -> Safe:
    """Words for a port on which that database doesn't listen; empty when nothing tells against it.

    `LETTA_PG_PORT` of Letta's compose file is published on the host and goes into the URI as well, where the
    port inside the container is meant. On the host's network the published port is right.
    """
    container = database.container
    listens = _listens_on(container)
    beside = "host" in {asker.network_mode, container.network_mode}
    if beside or database.role is not Role.DATABASE or address.port == listens:
        return Safe()
    if not container.exposed or address.port in container.exposed:
        return Safe()
    return clean(
        f"LETTA_PG_URI names port {address.port}, but Postgres in {database.name} listens on {listens}"
    )


def _listens_on(container: Container) -> int:
    """The port of a Postgres: by its command, else its environment, else the usual one."""
    words = " ".join(container.command)
    named = _PORT_OPTION.search(words)
    told = named[1] if named else container.environment.get("PGPORT") or ""
    port = parse_port(told)
    return port if port else DATABASE_PORT


def _joined(candidate: Candidate, members: list[Member]) -> list[Member]:
    """The server outside compose with the helpers that share a user-defined network with it."""
    main = next((each for each in members if each.container.name == candidate.project), None)
    if main is None:
        return members
    own = {each.network for each in main.container.attachments} - {"bridge", "host", "none"}
    return [
        each
        for each in members
        if each is main
        or (own & {place.network for place in each.container.attachments} and each.role is not Role.SERVER)
    ]


def _own_address(database: Member) -> DatabaseAddress:
    environment = database.container.environment
    user = environment.get("POSTGRES_USER") or "postgres"
    return DatabaseAddress(
        host=Safe("localhost"),
        user=clean(user),
        password=environment.secret("POSTGRES_PASSWORD"),
        database=clean(environment.get("POSTGRES_DB") or user),
    )


def _answers_to(container: Container, address: DatabaseAddress, asker: Container) -> bool:
    host = address.host
    if host in _LOOPBACK:
        if asker.network_mode != "host" or container.id == asker.id:
            return False
        published = {each.host_port for each in container.ports}
        beside = container.network_mode == "host" and address.port in container.exposed
        return beside or address.port in published
    shared = {each.network for each in asker.attachments}
    places = [each for each in container.attachments if each.network in shared]
    if not places and container.attachments:  # a stopped container keeps its attachments, without addresses
        return False
    known = {container.name, container.service, container.hostname, container.short_id}
    for place in places:
        known |= {*place.aliases, place.address, place.address6}
    return bool(host) and host.lower() in {each.lower() for each in known if each}


def _names(container: Container) -> tuple[Safe, ...]:
    aliases = {alias for place in container.attachments for alias in place.aliases}
    return tuple(sorted({container.service, container.name, *aliases} - {clean(container.short_id)}))


def _is_address(host: str) -> bool:
    return bool(re.fullmatch(r"[0-9.]+|[0-9a-fA-F:]+:[0-9a-fA-F:]*", host))
