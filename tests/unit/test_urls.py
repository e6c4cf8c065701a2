"""Addresses for a browser: of which port, on which host, and where there is none."""

from typing import Any

import pytest

from lettaops.model.engine import Container, PublishedPort
from lettaops.model.text import Safe
from lettaops.model.urls import Published, published
from tests.unit.build import cache, container, database, proxy, server, sidecar, stack_of


def on(host_ip: str, inner: int = 8283, outer: int = 8283, protocol: str = "tcp") -> PublishedPort:
    return PublishedPort(
        container_port=inner, protocol=Safe(protocol), host_ip=Safe(host_ip), host_port=outer
    )


def ports(one: Container, *bindings: PublishedPort, engine_host: str = "") -> tuple[Published, ...]:
    import msgspec

    changed = msgspec.structs.replace(one, ports=bindings) if bindings else one
    others = [] if changed.service == "letta_server" else [server()]
    stack = stack_of(changed, *others)
    member = stack.member(changed.id)
    assert member is not None
    return published(member, engine_host=engine_host)


def urls(*arguments: Any, **options: Any) -> list[str]:
    return [each.url for each in ports(*arguments, **options) if each.url]


@pytest.mark.parametrize(
    ("bound", "engine_host", "url"),
    [
        ("0.0.0.0", "", "http://localhost:8283/"),
        ("", "", "http://localhost:8283/"),
        ("::", "", "http://localhost:8283/"),
        ("127.0.0.1", "", "http://localhost:8283/"),
        ("192.0.2.7", "", "http://192.0.2.7:8283/"),
        ("2001:db8::7", "", "http://[2001:db8::7]:8283/"),
        ("0.0.0.0", "prod-7.example", "http://prod-7.example:8283/"),
        ("0.0.0.0", "2001:db8::1", "http://[2001:db8::1]:8283/"),
        ("192.0.2.7", "prod-7.example", "http://192.0.2.7:8283/"),
    ],
)
def test_host_of_the_address(bound: str, engine_host: str, url: str) -> None:
    assert urls(server(), on(bound), engine_host=engine_host) == [url]


def test_a_port_on_the_loopback_of_another_machine_is_told() -> None:
    [one] = ports(server(), on("127.0.0.1"), engine_host="prod-7.example")
    assert one.there_only
    [here] = ports(server(), on("127.0.0.1"))
    assert not here.there_only


def test_port_on_the_host_counts_not_the_one_inside() -> None:
    assert urls(server(), on("0.0.0.0", 8283, 18283)) == ["http://localhost:18283/"]


def test_each_role_has_its_ports() -> None:
    assert urls(server()) == ["http://localhost:8283/"], "what is on 8083 speaks to nobody"
    assert urls(proxy(ports=((443, 8443), (80, 8080)))) == [
        "http://localhost:8080/",
        "https://localhost:8443/",
    ]
    assert urls(database()) == []
    assert urls(cache(ports=((6379, 6379),))) == []
    assert urls(sidecar(ports=((4317, 4317), (3000, 3000), (5432, 15432)))) == ["http://localhost:3000/"]
    assert urls(container("dns", image="x", service="dns"), on("0.0.0.0", 8053, 8053, "udp")) == []


def test_twins_for_ipv4_and_ipv6_are_one() -> None:
    assert len(ports(server(), on("0.0.0.0"), on("::"))) == 1
    assert len(ports(server(), on("::"))) == 1
