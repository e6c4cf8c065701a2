"""A deployment as lettaops sees it: members with their roles, and how they hang together."""

from enum import StrEnum
from typing import Final

import msgspec

from lettaops.model.engine import Container
from lettaops.model.pguri import DatabaseAddress
from lettaops.model.secrets import Secret
from lettaops.model.text import Safe

DATABASE_PORT: Final = 5432
CACHE_PORT: Final = 6379


class Role(StrEnum):
    """What a member does for the stack. The order is the chain a request goes along."""

    PROXY = "proxy"
    SERVER = "server"
    DATABASE = "database"
    CACHE = "cache"
    OTHER = "other"


CHAIN: Final = (Role.PROXY, Role.SERVER, Role.DATABASE, Role.CACHE, Role.OTHER)


class Shape(StrEnum):
    """How a deployment is laid out. SINGLE: Postgres runs inside the server's container."""

    COMPOSE = "compose"
    SINGLE = "single container"
    EXTERNAL = "external database"
    REMOTE = "remote server"
    OTHER = "no Letta server"


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One container of the stack. `name` is its compose service, or the container's name."""

    name: Safe
    role: Role
    container: Container

    @property
    def label(self) -> Safe:
        """Name for sentences: the service."""
        return self.name


class DatabaseRoute(msgspec.Struct, frozen=True, kw_only=True):
    """The database the server uses. `container_id` is None when no container here answers to its host.

    `embedded`: Postgres runs in the server's own container. `problem`: why the address can't be right.
    """

    address: DatabaseAddress | None = None
    container_id: str | None = None
    embedded: bool = False
    problem: Safe = Safe()


class Stack(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment. Members are ordered along the chain, then by name."""

    project: Safe
    shape: Shape
    members: tuple[Member, ...] = ()
    database: DatabaseRoute = DatabaseRoute()
    password: Secret | None = None

    def of(self, role: Role) -> tuple[Member, ...]:
        """Members of one role."""
        return tuple(member for member in self.members if member.role is role)

    def member(self, container_id: str | None) -> Member | None:
        """The member with this container id."""
        return next((each for each in self.members if each.container.id == container_id), None)

    def named(self, name: str) -> tuple[Member, ...]:
        """Members whose service, container name or id (12 digits or more) is `name`."""
        return tuple(
            each
            for each in self.members
            if name in (each.name, each.container.name)
            or (len(name) >= 12 and each.container.id.startswith(name))
        )
