"""Which containers are a Letta deployment, by their list rows alone: labels first, then images, then ports.

Pure rules on plain values. Imports only the standard library, because the first frame, drawn while
the rest is still loading, goes by the same rules.
"""

import re
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Protocol, TypeVar

PROJECT_LABEL: Final = "com.docker.compose.project"
SERVICE_LABEL: Final = "com.docker.compose.service"
ONEOFF_LABEL: Final = "com.docker.compose.oneoff"
SERVER_PORT: Final = 8283

RoleName = Literal["proxy", "server", "database", "cache", "other"]
CHAIN_NAMES: Final[tuple[RoleName, ...]] = ("proxy", "server", "database", "cache", "other")
_SERVER_SERVICES: Final = frozenset({"letta", "letta_server", "letta-server"})
_SERVER_IMAGE = re.compile(r"(^|/)letta([_-]server)?$")
_SERVER_COMMAND = re.compile(r"startup\.sh|\bletta\b")
_IMAGES: Final[tuple[tuple[RoleName, re.Pattern[str]], ...]] = (
    ("database", re.compile(r"postgres|pgvector|postgis|timescale|paradedb")),
    ("proxy", re.compile(r"nginx|caddy|traefik|haproxy|envoy|(^|/)httpd$")),
    ("cache", re.compile(r"redis|valkey|keydb|dragonfly")),
)


class ListedContainer(Protocol):
    """What the rules look at in a row of the container list. `service`: the name, without compose."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def image(self) -> str: ...
    @property
    def command(self) -> str: ...
    @property
    def project(self) -> str: ...
    @property
    def service(self) -> str: ...
    @property
    def ports(self) -> tuple[int, ...]: ...


R = TypeVar("R", bound=ListedContainer)


class Group(NamedTuple):
    """A deployment: the project's, or the server container's, name, and the ids of its containers."""

    name: str
    container_ids: tuple[str, ...]
    compose: bool


def repository(image: str) -> str:
    """An image reference without registry host, tag and digest, in lower case: `letta/letta`."""
    name = image.partition("@")[0].lower()
    head, _, tail = name.rpartition("/")
    name = f"{head}/{tail.partition(':')[0]}" if head else tail.partition(":")[0]
    first, slash, rest = name.partition("/")
    return rest if slash and ("." in first or ":" in first or first == "localhost") else name


def groups(rows: Sequence[R], project: str | None = None) -> list[Group]:
    """Deployments among the rows of the container list; with `project`, that one, Letta or not.

    A compose project counts when one of its containers looks like a Letta server. A server outside
    compose stands for itself, with the databases, proxies and caches outside compose beside it.
    """
    projects: dict[str, list[R]] = {}
    loose: list[R] = []
    for row in rows:
        if row.project:
            projects.setdefault(row.project, []).append(row)
        else:
            loose.append(row)
    found = [
        Group(name, tuple(row.id for row in group), compose=True)
        for name, group in projects.items()
        if name == project or (project is None and any(_server_like(row) for row in group))
    ]
    helpers = tuple(row.id for row in loose if role_of_image(row.image) is not None)
    found += [
        Group(row.name, (row.id, *(each for each in helpers if each != row.id)), compose=False)
        for row in loose
        if row.name == project or (project is None and _server_like(row))
    ]
    return sorted(found, key=lambda each: each.name)


def role_of_image(image: str) -> RoleName | None:
    """The role that an image's name tells; None when it tells none (Letta's own needs its command too)."""
    name = repository(image)
    return next((role for role, pattern in _IMAGES if pattern.search(name)), None)


def role_by_names(service: str, image: str, command: str) -> RoleName | None:
    """The role by service name, image and command; None when none of them tells.

    A known compose service name decides; then an image and command of Letta's; then the image's
    name. Letta's image run with another command is not a server.
    """
    if service in _SERVER_SERVICES:
        return "server"
    if _SERVER_IMAGE.search(repository(image)):
        return "server" if not command or _SERVER_COMMAND.search(command) else "other"
    return role_of_image(image)


def _server_like(row: ListedContainer) -> bool:
    role = role_by_names(row.service, row.image, row.command)
    return role == "server" or (role is None and not row.project and SERVER_PORT in row.ports)
