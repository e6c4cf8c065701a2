"""Addresses that a browser understands, for the ports a container publishes. Pure."""

from typing import Final

import msgspec

from lettaops.model.engine import Container, PublishedPort
from lettaops.model.recognise import SERVER_PORT
from lettaops.model.stack import CACHE_PORT, DATABASE_PORT, Member, Role
from lettaops.model.text import Safe, clean

_ANYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to
_LOOPBACKS: Final = frozenset({"127.0.0.1", "::1"})
_TLS_PORTS: Final = frozenset({443, 8443})
# Not HTTP, on ports of services that stand beside Letta: ssh, mail, databases, brokers, OTLP by gRPC.
_OTHER_PROTOCOLS: Final = frozenset(
    {22, 25, 53, 1433, 1521, 1883, 3306, 4317, DATABASE_PORT, 5672, CACHE_PORT, 9042, 9092, 11211, 27017}
)
_FIRST: Final = {Role.SERVER: (SERVER_PORT,), Role.PROXY: (80, 443)}


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """A published port. `url`: for a browser, empty where it doesn't speak HTTP.

    `there_only`: it is bound to the loopback of a machine that isn't this one.
    """

    port: PublishedPort
    url: Safe = Safe()
    there_only: bool = False


def published(member: Member, *, engine_host: str) -> tuple[Published, ...]:
    """The published ports of a member, those first that speak HTTP for its role.

    `engine_host`: the host name of the engine's machine, empty where it is this one.
    """
    found = [_published(each, member, engine_host) for each in _once(member.container)]
    first = _FIRST.get(member.role, ())
    return tuple(
        sorted(
            found,
            key=lambda each: (
                not each.url,
                first.index(each.port.container_port) if each.port.container_port in first else len(first),
                each.port.container_port,
            ),
        )
    )


def _published(port: PublishedPort, member: Member, engine_host: str) -> Published:
    local = not engine_host
    bound = port.host_ip
    there_only = bound in _LOOPBACKS and not local
    host = ("localhost" if local else engine_host) if bound in _ANYWHERE | _LOOPBACKS else str(bound)
    speaks = port.protocol == "tcp" and _speaks_http(port.container_port, member.role)
    scheme = "https" if port.container_port in _TLS_PORTS else "http"
    name = f"[{host}]" if ":" in host else host
    url = clean(f"{scheme}://{name}:{port.host_port}/") if speaks else Safe()
    return Published(port=port, url=url, there_only=there_only)


def _speaks_http(port: int, role: Role) -> bool:
    """Whether a port is for browsers, as far as its number and the service's role tell."""
    if role in {Role.DATABASE, Role.CACHE}:
        return False
    return port == SERVER_PORT if role is Role.SERVER else port not in _OTHER_PROTOCOLS


def _once(container: Container) -> list[PublishedPort]:
    """Each binding once: engines list a port of every address for IPv4 and again for IPv6."""
    twins = {
        (each.container_port, each.protocol, each.host_port)
        for each in container.ports
        if each.host_ip in {"", "0.0.0.0"}  # noqa: S104 - compared with
    }
    return [
        each
        for each in container.ports
        if each.host_ip != "::" or (each.container_port, each.protocol, each.host_port) not in twins
    ]
