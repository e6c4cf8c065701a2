"""Connections of a container, from tables like those under /proc."""

from pathlib import Path

import msgspec
import pytest

from lettaops.model.engine import Container
from lettaops.model.proc_net import established
from lettaops.sources.sockets import connections
from tests.unit.build import database, running, server

PID = 4711
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
TAIL = "00000000:00000000 00:00000000 00000000   999        0 24601 1 0000000000000000 20 4 30 10 -1\n"
PG, HTTP = 5432, 8283
# 172.20.0.3 as the kernel writes it on a little-endian machine.
PEER = "030014AC"


def line(local: int, state: str = "01", peer: str = PEER, address: str = "020014AC") -> str:
    return f"   0: {address}:{local:04X} {peer}:D2F0 {state} {TAIL}"


TABLE = HEAD + line(PG) + line(PG) + line(HTTP) + line(PG, "0A", "00000000") + line(PG, "06")


def test_only_established_ones_to_the_ports_count() -> None:
    assert established(TABLE, {PG}, loopback=False) == 2
    assert established(TABLE, {PG, HTTP}, loopback=False) == 3
    assert established(TABLE, {1}, loopback=False) == 0


@pytest.mark.parametrize(
    "peer", ["0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"]
)
def test_the_loopback_counts_where_it_is_asked_for(peer: str) -> None:
    table = HEAD + line(PG, peer=peer) + line(PG)
    assert established(table, {PG}, loopback=False) == 1
    assert established(table, {PG}, loopback=True) == 2


def test_lines_of_another_shape_are_left_out() -> None:
    assert established(HEAD + "nonsense\n\n 0: x:zz y:1 01\n" + line(PG), {PG}, loopback=False) == 1
    assert established("", {PG}, loopback=False) == 0


def put(proc: Path, one: Container, table: str, *, table6: str | None = HEAD, group: str = "") -> None:
    folder = proc / str(PID) / "net"
    folder.mkdir(parents=True)
    (folder / "tcp").write_text(table)
    if table6 is not None:
        (folder / "tcp6").write_text(table6)
    (folder.parent / "cgroup").write_text(f"0::/system.slice/docker-{group or one.id}.scope\n")


@pytest.fixture
def one() -> Container:
    return database(state=msgspec.structs.replace(running(), pid=PID))


def test_a_container_of_this_machine(tmp_path: Path, one: Container) -> None:
    put(tmp_path, one, TABLE, table6=HEAD + line(PG, peer="00" * 15 + "02"))
    assert connections([one], proc=tmp_path) == {one.id: 3}


def test_a_machine_without_ipv6(tmp_path: Path, one: Container) -> None:
    put(tmp_path, one, TABLE, table6=None)
    assert connections([one], proc=tmp_path) == {one.id: 2}


def test_what_is_not_known_is_absent(tmp_path: Path, one: Container) -> None:
    assert connections([one], proc=tmp_path) == {}, "no such process"
    put(tmp_path, one, TABLE, group="f" * 64)
    assert connections([one], proc=tmp_path) == {}, "a process of that number, but of another machine"
    ended = server(state=msgspec.structs.replace(running(), pid=0))
    assert connections([ended], proc=tmp_path) == {}
