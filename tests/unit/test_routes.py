"""The ways from here to a port of a container."""

from typing import Any

import msgspec
import pytest

from lettaops.model.engine import Attachment, Container, PublishedPort
from lettaops.model.routes import routes_to
from lettaops.model.text import Safe
from tests.unit.build import database, server


def ways(container: Container, port: int, host: str = "127.0.0.1", *, local: bool = True) -> list[str]:
    return [f"{each.host}:{each.port}" for each in routes_to(container, port, engine_host=host, local=local)]


def published(*ports: tuple[str, int, str]) -> dict[str, Any]:
    made = [
        PublishedPort(container_port=5432, protocol=Safe(kind), host_ip=Safe(ip), host_port=port)
        for ip, port, kind in ports
    ]
    return {"ports": tuple(made)}


def with_ports(*ports: tuple[str, int, str]) -> Container:
    one = database(ports=())
    return Container(**{name: getattr(one, name) for name in one.__struct_fields__} | published(*ports))


def test_the_published_port_comes_before_the_containers_address() -> None:
    one = database()
    assert ways(one, 5432) == ["127.0.0.1:5432", f"{one.attachments[0].address}:5432"]


def test_a_remote_engine_publishes_on_its_own_host_and_its_networks_are_not_ours() -> None:
    assert ways(database(), 5432, "engine.example", local=False) == ["engine.example:5432"]


@pytest.mark.parametrize(
    ("ports", "local", "expected"),
    [
        ([("0.0.0.0", 5433, "tcp"), ("::", 5433, "tcp")], False, ["far:5433"]),
        ([("", 5433, "tcp")], False, ["far:5433"]),
        ([("127.0.0.1", 5433, "tcp")], False, []),
        ([("::1", 5433, "tcp")], False, []),
        ([("10.1.2.3", 5433, "tcp")], False, ["10.1.2.3:5433"]),
        ([("0.0.0.0", 5432, "udp")], False, []),
        ([("0.0.0.0", 1, "tcp"), ("0.0.0.0", 2, "tcp")], False, ["far:1", "far:2"]),
        ([], False, []),
    ],
)
def test_where_a_port_is_published(
    ports: list[tuple[str, int, str]], local: bool, expected: list[str]
) -> None:
    assert ways(with_ports(*ports), 5432, "far", local=local) == expected


def test_a_port_of_the_engines_own_loopback_is_a_way_when_it_is_ours() -> None:
    assert ways(with_ports(("127.0.0.1", 5433, "tcp")), 5432)[0] == "127.0.0.1:5433"


def test_on_the_hosts_network_the_port_is_the_hosts() -> None:
    one = server(networks=("host",), network_mode="host", ports=())
    assert ways(one, 8283) == ["127.0.0.1:8283"]
    assert ways(one, 8283, "far", local=False) == ["far:8283"]


def test_a_stopped_container_has_no_address() -> None:
    assert ways(database(ports=(), networks=("host",)), 5432) == []


def test_an_address_of_version_6_stands_in_brackets() -> None:
    (route,) = routes_to(with_ports(("fd00::5", 80, "tcp")), 5432, engine_host="x", local=False)
    assert route.base == "http://[fd00::5]:80"
    assert routes_to(database(), 5432, engine_host="h", local=False)[0].base == "http://h:5432"


def test_a_network_of_version_6_alone_is_a_way() -> None:
    place = Attachment(network=Safe("six"), address6=Safe("fd00::9"))
    one = msgspec.structs.replace(database(ports=()), attachments=(place,))
    (route,) = routes_to(one, 5432, engine_host="127.0.0.1", local=True)
    assert (route.host, route.words) == ("fd00::9", "[fd00::9]:5432")


def test_a_port_published_for_version_6_alone_is_dialled_so() -> None:
    assert ways(with_ports(("::", 5433, "tcp")), 5432)[0] == "::1:5433"
    both = with_ports(("0.0.0.0", 5433, "tcp"), ("::", 5433, "tcp"))
    assert ways(both, 5432)[0] == "127.0.0.1:5433"
    assert "::1:5433" not in ways(both, 5432)
    assert ways(with_ports(("::", 5433, "tcp")), 5432, "far", local=False) == ["far:5433"]
