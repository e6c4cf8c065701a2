"""Linux bridges and subnets for private daemons, chosen so as not to touch anybody else's.

Each daemon claims one /16: the first /24 is its default bridge, the upper half its
pool for user-defined networks. The bridge's own route is what marks the /16 as taken.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from pathlib import Path

from .common import BedError, FileLock, run

CLAIM_LOCK = Path("/run/lock/lettaops-testbed-subnet.lock")
CANDIDATES = [ipaddress.IPv4Network(f"10.{second}.0.0/16") for second in range(213, 250)]
BRIDGE_FILTER = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


def _routed() -> list[ipaddress.IPv4Network]:
    """Every IPv4 network this machine has an address in or a route to, the default route apart."""
    found = []
    for route in json.loads(run(["ip", "-j", "-4", "route", "show", "table", "all"]).stdout or "[]"):
        target = route.get("dst", "default")
        if target != "default":
            found.append(ipaddress.IPv4Network(target, strict=False))
    return found


def _addresses() -> Iterator[tuple[str, ipaddress.IPv4Address]]:
    for link in json.loads(run(["ip", "-j", "-4", "addr", "show"]).stdout or "[]"):
        for entry in link.get("addr_info", []):
            if "local" in entry:
                yield link["ifname"], ipaddress.IPv4Address(entry["local"])


def bridges_within(subnet: ipaddress.IPv4Network) -> list[str]:
    """Names of the links that have an address inside `subnet`."""
    return sorted({name for name, address in _addresses() if address in subnet})


def link_exists(name: str) -> bool:
    return Path("/sys/class/net", name).exists()


def check_forwarding() -> None:
    """Raise BedError when the host's packet filter would drop traffic between our containers.

    Our daemons write no packet filter rules, so a foreign FORWARD policy of DROP would cut
    containers on one bridge off from each other.
    """
    if not BRIDGE_FILTER.exists() or BRIDGE_FILTER.read_text().strip() != "1":
        return
    rules = run(["iptables", "-S", "FORWARD"], check=False).stdout.splitlines()
    if rules and rules[0] == "-P FORWARD DROP":
        raise BedError(
            "this machine's FORWARD policy is DROP and applies to bridges, so containers of the test "
            "stack could not reach each other: `sysctl -w net.bridge.bridge-nf-call-iptables=0` cures it"
        )


def claim(bridge: str, owner: str) -> ipaddress.IPv4Network:
    """Create `bridge` in a free /16 and return that /16; `owner` becomes the link's alias."""
    with FileLock(CLAIM_LOCK, "the choice of a subnet", timeout=30):
        taken = _routed()
        subnet = next((net for net in CANDIDATES if not any(net.overlaps(other) for other in taken)), None)
        if subnet is None:
            raise BedError("no free subnet between 10.213.0.0/16 and 10.249.0.0/16 for a private bridge")
        run(["ip", "link", "add", bridge, "type", "bridge"])
        run(["ip", "link", "set", bridge, "alias", owner[:255]])
        run(["ip", "addr", "add", f"{subnet[1]}/24", "dev", bridge])
        run(["ip", "link", "set", bridge, "up"])
    return subnet


def pool_of(subnet: ipaddress.IPv4Network) -> str:
    """The --default-address-pool value for user-defined networks: 128 networks of 254 hosts."""
    return f"base={list(subnet.subnets(new_prefix=17))[1]},size=24"


def release(bridge: str, subnet: ipaddress.IPv4Network | None) -> None:
    """Delete the user-defined networks' bridges inside `subnet`, then `bridge` itself.

    The order matters: while `bridge` exists nobody else can have claimed the subnet.
    """
    if not link_exists(bridge):
        return
    if subnet is not None:
        for name in bridges_within(subnet):
            if name != bridge:
                run(["ip", "link", "delete", name], check=False)
    run(["ip", "link", "delete", bridge], check=False)
