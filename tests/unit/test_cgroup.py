"""CPU and memory of a container, from trees like those under /proc and /sys/fs/cgroup."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from lettaops.model.engine import StatsSample, cpu_percent
from lettaops.sources.cgroup import Counters, counters

PID = 4711
ROW = "{} 1 0 0 0 0 0 0 {} 1 0 0 0 0 0 0"
NET = "Inter-| Receive\n face |bytes\n" + "".join(
    (
        f"    lo: {ROW.format(7, 7)}\n",
        f"  eth0: {ROW.format(1000, 200)}\n",
        f"  eth1:{ROW.format(500, 100)}\n",
    )
)
V1_LIST = "12:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n0::/system.slice\n"
V2_LIST = "0::/system.slice/docker-abc.scope\n"


def put(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def v1(tmp_path: Path) -> Path:
    put(
        tmp_path,
        {
            f"proc/{PID}/cgroup": V1_LIST,
            f"proc/{PID}/net/dev": NET,
            "cg/cpuacct/docker/abc/cpuacct.usage": "1500000000\n",
            "cg/memory/docker/abc/memory.usage_in_bytes": "104857600\n",
            "cg/memory/docker/abc/memory.limit_in_bytes": "536870912\n",
            "cg/memory/docker/abc/memory.stat": "cache 9\ninactive_file 1\ntotal_inactive_file 20971520\n",
        },
    )
    return tmp_path


@pytest.fixture
def v2(tmp_path: Path) -> Path:
    group = "cg/system.slice/docker-abc.scope"
    put(
        tmp_path,
        {
            f"proc/{PID}/cgroup": V2_LIST,
            f"proc/{PID}/net/dev": NET,
            "cg/cgroup.controllers": "cpu memory\n",
            f"{group}/cpu.stat": "usage_usec 1500000\nuser_usec 1\n",
            f"{group}/memory.current": "104857600\n",
            f"{group}/memory.max": "536870912\n",
            f"{group}/memory.stat": "anon 1\ninactive_file 20971520\n",
        },
    )
    return tmp_path


@pytest.fixture(params=["v1", "v2"])
def tree(request: pytest.FixtureRequest) -> Path:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Path)
    return found


def opened(tree: Path, pid: int = PID, container_id: str = "abc") -> Counters | None:
    return counters(pid, container_id, proc=tree / "proc", root=tree / "cg")


def sample(tree: Path, pid: int = PID, container_id: str = "abc") -> StatsSample | None:
    """One sample, as a first look takes it."""
    found = opened(tree, pid, container_id)
    if found is None:
        return None
    with closing(found):
        return found.sample()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_both_versions_give_the_same_values(tree: Path) -> None:
    found = sample(tree)
    assert found is not None
    assert found.cpu_ns == 1_500_000_000
    assert found.memory_bytes == 80 * 1024**2
    assert found.memory_limit_bytes == 512 * 1024**2
    assert (found.received_bytes, found.sent_bytes) == (1500, 300)
    assert found.online_cpus
    assert found.read_at is not None


def test_descriptors_that_are_kept_give_the_values_of_now(tree: Path) -> None:
    found = opened(tree)
    assert found is not None
    with closing(found):
        before = found.sample()
        for path in (tree / "cg").rglob("cpu*.*"):
            path.write_text(path.read_text().replace("1500000", "1600000"))
        for path in (tree / "cg").rglob("memory.*"):
            path.write_text(path.read_text().replace("104857600", "125829120"))
        net = tree / "proc" / str(PID) / "net" / "dev"
        net.write_text(net.read_text().replace("1000", "2000"))
        now = found.sample()
    assert before is not None
    assert now is not None
    assert (now.cpu_ns, now.memory_bytes) == (1_600_000_000, 100 * 1024**2)
    assert now.received_bytes == 2500
    assert (cpu_percent(before, now) or 0) > 0


def test_two_samples_tell_the_share_of_the_cpu(tree: Path) -> None:
    before, now = sample(tree), sample(tree)
    assert before is not None
    assert now is not None
    assert cpu_percent(before, now) == 0.0


@pytest.mark.parametrize(
    ("version", "limit"),
    [("v1", "9223372036854771712"), ("v2", "max")],
)
def test_no_limit_is_not_a_number(version: str, limit: str, request: pytest.FixtureRequest) -> None:
    tree: Path = request.getfixturevalue(version)
    name = (
        "memory/docker/abc/memory.limit_in_bytes"
        if version == "v1"
        else "system.slice/docker-abc.scope/memory.max"
    )
    (tree / "cg" / name).write_text(f"{limit}\n")
    found = sample(tree)
    assert found is not None
    assert found.memory_limit_bytes is None


def test_a_process_that_is_gone_gives_nothing(tree: Path) -> None:
    assert opened(tree, PID + 1) is None


@pytest.mark.parametrize("text", ["", "garbage", "0::", "4:cpuacct", "\udcff"])
def test_a_list_that_is_none_gives_nothing(tree: Path, text: str) -> None:
    (tree / "proc" / str(PID) / "cgroup").write_text(text, errors="surrogateescape")
    assert opened(tree) is None


def test_files_of_garbage_give_nothing(tree: Path) -> None:
    for path in (tree / "cg").rglob("memory.*"):
        path.write_text("garbage\n")
    assert sample(tree) is None


def test_a_group_without_the_controller_gives_nothing_and_leaves_nothing_open(tree: Path) -> None:
    before = descriptors()
    for path in (tree / "cg").rglob("memory.stat"):
        path.unlink()
    assert opened(tree) is None
    assert descriptors() == before


def test_a_process_of_another_machine_says_nothing(tree: Path) -> None:
    """Behind a forwarded socket the engine's pids belong to its machine; here they are somebody else's."""
    assert opened(tree, container_id="def") is None


def test_without_its_network_the_rest_is_told(tree: Path) -> None:
    (tree / "proc" / str(PID) / "net" / "dev").unlink()
    found = sample(tree)
    assert found is not None
    assert found.cpu_ns is not None
    assert (found.received_bytes, found.sent_bytes) == (None, None)


def test_a_network_of_many_interfaces_is_read_whole(tree: Path) -> None:
    """A host network with a thousand containers behind it: more than one read gives."""
    net = tree / "proc" / str(PID) / "net" / "dev"
    net.write_text(NET + "".join(f"veth{number:05}: {ROW.format(2, 1)}\n" for number in range(2000)))
    found = sample(tree)
    assert found is not None
    assert (found.received_bytes, found.sent_bytes) == (1500 + 4000, 300 + 2000)


def test_counters_that_fail_once_are_closed(tree: Path) -> None:
    before = descriptors()
    found = opened(tree)
    assert found is not None
    for path in (tree / "cg").rglob("memory.*"):
        path.write_text("")
    assert found.sample() is None
    assert descriptors() == before
    found.close()
    assert found.sample() is None
