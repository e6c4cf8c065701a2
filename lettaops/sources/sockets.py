"""How many TCP connections a local container holds, from the kernel's tables of its network namespace."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from lettaops.model.engine import Container
from lettaops.model.proc_net import established

PROC: Final = Path("/proc")
_MOST_BYTES: Final = 4 * 1024 * 1024  # some 25 000 sockets; more are not counted, and so not known


def connections(containers: Iterable[Container], *, proc: Path = PROC) -> dict[str, int]:
    """Established connections to the ports that containers of this machine expose, by container id.

    A container whose sockets can't be read here is absent. Its first process must be in a control group of
    its name: behind a forwarded socket the pid is another machine's.
    """
    found = {each.id: _connections(each, proc) for each in containers}
    return {identity: count for identity, count in found.items() if count is not None}


def _connections(container: Container, proc: Path) -> int | None:
    ports = {*container.exposed, *(each.container_port for each in container.ports)}
    pid = container.state.pid
    folder = proc / str(pid)
    try:
        if not pid or not ports or container.id not in (folder / "cgroup").read_text(encoding="ascii"):
            return None
        tables = [_read(folder / "net" / name) for name in ("tcp", "tcp6")]
    except (OSError, ValueError):
        return None
    on_host = container.network_mode == "host"  # clients on the same machine come by the loopback
    return sum(established(table, ports, loopback=on_host) for table in tables)


def _read(path: Path) -> str:
    """A table; an empty one where the kernel has no IPv6. Raises OSError, ValueError."""
    if path.name == "tcp6" and not path.exists():
        return ""
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError("too many sockets to count")
    return data.decode("ascii")
