"""The ways from here to a port of a container, in the order they are tried. Pure."""

from typing import Final

import msgspec

from lettaops.model.engine import Container
from lettaops.model.text import Safe, clean

_ANYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not bound to


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
    found: list[Route] = []
    if container.network_mode == "host":
        return (Route(host=engine_host, port=port, words=clean(f"{engine_host}:{port}")),)
    for published in container.ports:
        if published.container_port != port or published.protocol != "tcp":
            continue
        host = engine_host if published.host_ip in _ANYWHERE else published.host_ip
        if not local and host in {"127.0.0.1", "::1"}:
            continue  # published on the engine's own loopback
        route = Route(host=host, port=published.host_port, words=clean(f"{host}:{published.host_port}"))
        if route not in found:
            found.append(route)
    if local:
        found += [
            Route(host=place.address, port=port, words=clean(f"{place.address}:{port}"))
            for place in container.attachments
            if place.address
        ]
    return tuple(found)
