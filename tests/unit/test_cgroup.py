"""CPU and memory of a container, from trees like those under /proc and /sys/fs/cgroup."""

from pathlib import Path

import pytest

from lettaops.model.engine import cpu_percent
from lettaops.sources.cgroup import sample

PID = 4711
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


def of(tree: Path) -> object:
    return sample(PID, "abc", proc=tree / "proc", root=tree / "cg")


def test_both_versions_give_the_same_values(tree: Path) -> None:
    found = sample(PID, "abc", proc=tree / "proc", root=tree / "cg")
    assert found is not None
    assert found.cpu_ns == 1_500_000_000
    assert found.memory_bytes == 80 * 1024**2
    assert found.memory_limit_bytes == 512 * 1024**2
    assert found.online_cpus
    assert found.read_at is not None


def test_two_samples_tell_the_share_of_the_cpu(tree: Path) -> None:
    before = sample(PID, "abc", proc=tree / "proc", root=tree / "cg")
    now = sample(PID, "abc", proc=tree / "proc", root=tree / "cg")
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
    found = sample(PID, "abc", proc=tree / "proc", root=tree / "cg")
    assert found is not None
    assert found.memory_limit_bytes is None


def test_a_process_that_is_gone_gives_nothing(tree: Path) -> None:
    assert sample(PID + 1, "abc", proc=tree / "proc", root=tree / "cg") is None


@pytest.mark.parametrize("text", ["", "garbage", "0::", "4:cpuacct", "\udcff"])
def test_a_list_that_is_none_gives_nothing(tree: Path, text: str) -> None:
    (tree / "proc" / str(PID) / "cgroup").write_text(text, errors="surrogateescape")
    assert of(tree) is None


def test_files_of_garbage_give_nothing(tree: Path) -> None:
    for path in (tree / "cg").rglob("memory.*"):
        path.write_text("garbage\n")
    assert of(tree) is None


def test_a_group_without_the_controller_gives_nothing(tree: Path) -> None:
    for path in (tree / "cg").rglob("memory.stat"):
        path.unlink()
    assert of(tree) is None


def test_a_process_of_another_machine_says_nothing(tree: Path) -> None:
    """Behind a forwarded socket the engine's pids belong to its machine; here they are somebody else's."""
    assert sample(PID, "def", proc=tree / "proc", root=tree / "cg") is None
