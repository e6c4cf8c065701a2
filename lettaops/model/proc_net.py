"""The kernel's table of TCP sockets (`/proc/net/tcp` and `tcp6`, proc(5)). Pure."""

from collections.abc import Collection
from typing import Final

_ESTABLISHED: Final = "01"
_MAPPED: Final = "0000000000000000FFFF0000"  # ::ffff:0:0/96, words in the host's (little-endian) order
_LOOPBACK6: Final = "00000000000000000000000001000000"


def established(table: str, ports: Collection[int], *, loopback: bool) -> int:
    """How many connections stand whose local port is one of `ports`. Lines of another shape are left out.

    `loopback`: count those from the same network namespace too.
    """
    count = 0
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 4 or fields[3] != _ESTABLISHED:
            continue
        local_port = fields[1].rpartition(":")[2]
        peer = fields[2].rpartition(":")[0].upper()
        try:
            wanted = int(local_port, 16) in ports
        except ValueError:
            continue
        if wanted and (loopback or not _is_loopback(peer)):
            count += 1
    return count


def _is_loopback(address: str) -> bool:
    if len(address) == 8:  # IPv4
        return address.endswith("7F")
    return address == _LOOPBACK6 or (address.startswith(_MAPPED) and address.endswith("7F"))
