"""The ways from here to a port of a container, in the order they are tried. Pure."""

from typing import Final

import msgspec

from lettaops.model.engine import Container, PublishedPort
from lettaops.model.text import Safe, clean

_ANYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to
_LOOPBACKS: Final = {"127.0.0.1": "::1", "localhost": "::1"}  # and the one where only IPv6 is published


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A host and port to connect to, and its name for people."""

    host: str
    port: int
    words: Safe

    @property
    def base(self) -> str:
        """As the start of an HTTP URL."""
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"


def routes_to(container: Container, port: int, *, engine_host: str, local: bool) -> tuple[Route, ...]:
    """Published ports first; container addresses after them where the engine is `local`.

    `engine_host` is where the engine publishes ports, as seen from here.
    """
    if container.network_mode == "host":
        return (_route(engine_host, port),)
    found: list[Route] = []
    for published in container.ports:
        if published.container_port != port or published.protocol != "tcp":
            continue
        host = _published_on(published, container, engine_host)
        if not local and host in {"127.0.0.1", "::1"}:
            continue  # published on the engine's own loopback
        found.append(_route(host, published.host_port))
    if local:
        for place in container.attachments:
            found += [_route(address, port) for address in (place.address, place.address6) if address]
    return tuple(dict.fromkeys(found))


def _published_on(published: PublishedPort, container: Container, engine_host: str) -> str:
    """The host to dial; on our own loopback a port that is published for IPv6 alone needs its address."""
    if published.host_ip not in _ANYWHERE:
        return published.host_ip
    twins = (each.host_ip for each in container.ports if each.host_port == published.host_port)
    return _LOOPBACKS.get(engine_host, engine_host) if set(twins) == {"::"} else engine_host


def _route(host: str, port: int) -> Route:
    words = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return Route(host=host, port=port, words=clean(words))
