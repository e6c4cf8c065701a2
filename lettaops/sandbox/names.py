"""Names of the sandbox's network, as its processes resolve them: there is no name server on this machine."""

import ipaddress
import socket
from collections.abc import Mapping
from typing import Final

import msgspec

HOSTS: Final = "SANDBOX_HOSTS"


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """One container. `ports`: where its ports really listen on 127.0.0.1; `address`: for all others."""

    address: str
    ports: dict[int, int] = {}


class Names:
    """Resolves the names and ports that a container would use to where they really are."""

    def __init__(self, hosts: Mapping[str, Host]) -> None:
        self._hosts = dict(hosts)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Names":
        """By what stands in the environment variable `SANDBOX_HOSTS`."""
        return cls(msgspec.json.decode(environ.get(HOSTS, "{}"), type=dict[str, Host]))

    def variable(self) -> str:
        """The value of `SANDBOX_HOSTS`."""
        return msgspec.json.encode(self._hosts).decode()

    def resolve(self, host: str, port: int) -> tuple[str, int]:
        """Address and port to connect to. Raises `socket.gaierror` for a name that nobody has."""
        found = self._hosts.get(host)
        if found is not None:
            return ("127.0.0.1", found.ports[port]) if port in found.ports else (found.address, port)
        try:
            ipaddress.ip_address(host)
        except ValueError:
            if host != "localhost":
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known") from None
        return host, port
