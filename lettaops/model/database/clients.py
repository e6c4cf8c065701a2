"""Who is behind the address of a session: the containers of the stack, by their places in networks."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from lettaops.model.engine import Container
from lettaops.model.stack import Member, Role, Stack
from lettaops.model.text import Safe, clean

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1"})


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """The other end of a session, for people.

    `server`: one of Letta's servers has this address for itself. `perhaps`: one of them may come from it, and
    others may too.
    """

    name: Safe
    server: bool = False
    perhaps: bool = False


class Clients(msgspec.Struct, frozen=True, kw_only=True):
    """What the stack tells about addresses that a database sees.

    `user`: the role that Letta's servers enter as. `loopback`: who is behind the database's own loopback.
    `elsewhere`: the database is no container here, so it sees addresses that aren't known here.
    """

    places: Mapping[str, Client] = {}
    user: Safe = Safe()
    loopback: Client = Client(name=Safe("its own loopback"))
    elsewhere: bool = False

    def of(self, address: str) -> Client:
        """The client behind an address; without one it came by a local socket."""
        if not address:
            return Client(name=Safe("a local socket"))
        if address in _LOOPBACK:
            return self.loopback
        return self.places.get(address) or Client(name=clean(address), perhaps=self.elsewhere)


def clients_of(stack: Stack, others: Iterable[Container] = ()) -> Clients:
    """The clients of a stack's database; `others`: further containers of the host, by their names.

    What comes through a published port has the address of the gateway of the database's network.
    """
    places: dict[str, Client] = {}
    for container in others:
        _add(places, container, Client(name=container.name))
    for member in stack.members:
        same = sum(each.name == member.name for each in stack.members) > 1
        name = member.container.name if same else member.name
        _add(places, member.container, Client(name=name, server=member.role is Role.SERVER))
    servers = stack.of(Role.SERVER)
    on_host = next((each for each in servers if each.container.network_mode == "host"), None)
    database = stack.member(stack.database.container_id)
    if database is not None:
        for place in database.container.attachments:
            if place.gateway:
                places.setdefault(str(place.gateway), _shared("the host, by the published port", on_host))
    address = stack.database.address
    return Clients(
        places=places,
        user=address.user if address is not None else Safe(),
        loopback=_shared("its own loopback", servers[0] if stack.database.embedded and servers else on_host),
        elsewhere=database is None,
    )


def _shared(name: str, server: Member | None) -> Client:
    return Client(name=server.name if server is not None else Safe(name), perhaps=server is not None)


def _add(places: dict[str, Client], container: Container, client: Client) -> None:
    for place in container.attachments:
        for address in (place.address, place.address6):
            if address:
                places[str(address)] = client
