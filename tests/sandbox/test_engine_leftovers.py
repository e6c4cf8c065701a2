"""A killed engine leaves nothing behind that the next start doesn't clear away; others are left alone."""

import os
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lettaops.model.errors import Refused
from lettaops.sandbox.engine import Claim, SandboxEngine, procfs, reap, reap_below
from lettaops.sandbox.engine.claim import RECORD, ProcessId, read_record
from lettaops.sandbox.spec import ContainerSpec, Healthcheck, RestartPolicy, SandboxSpec
from tests.contract.lab import SandboxLab
from tests.sandbox.living import wait_until

KILLS = 30
# Its children live in sessions of their own, and are nobody's any more once it has ended.
STUBBORN = "trap '' TERM INT HUP; setsid sleep 1000 & (setsid sleep 2000 &); while :; do sleep 0.1; done"


def container(name: str, script: str, *, tty: bool = False, health: str = "") -> ContainerSpec:
    return ContainerSpec(
        name=name,
        service=name,
        image="x",
        command=("sh", "-c", script),
        process_environment={"PATH": os.environ["PATH"]},
        tty=tty,
        health=Healthcheck(argv=("sh", "-c", health), interval_s=0.1) if health else None,
        restart_policy=RestartPolicy(name="always"),
    )


CONTAINERS = (
    container("stubborn", STUBBORN),
    container("terminal", STUBBORN, tty=True),
    container("checked", STUBBORN, health="sleep 0.05"),
    container("restarting", "sleep 0.02; exit 1"),
)


@pytest.fixture
def lab() -> Iterator[SandboxLab]:
    made = SandboxLab()
    try:
        yield made
    finally:
        made.close()


def processes_of(directory: Path) -> set[int]:
    return procfs.marked(f"LETTAOPS_SANDBOX={directory}")


def wait_for_processes(lab: SandboxLab, count: int) -> None:
    wait_until(lambda: len(processes_of(lab.directory)) >= count, f"{count} processes")


def recorded(lab: SandboxLab) -> list[ProcessId]:
    record = read_record(lab.directory)
    assert record is not None
    return record.processes


def kill(process: "subprocess.Popen[bytes] | None") -> None:
    assert process is not None
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()


def launch(lab: SandboxLab) -> None:
    """Start the engine and all containers, and go on as soon as it listens."""
    lab.start(SandboxSpec(network="n", containers=CONTAINERS), start=True)


def test_thirty_kills_at_any_moment(lab: SandboxLab) -> None:
    random.seed(7)
    seen: set[ProcessId] = set()
    for _ in range(KILLS):
        launch(lab)
        assert not any(each.alive for each in seen), (
            "what the killed one left is gone once the next one listens"
        )
        wait_for_processes(lab, random.choice([0, 2, 8]))
        seen = {ProcessId.of(pid) for pid in processes_of(lab.directory)}
        kill(lab.process)
    assert (lab.directory / RECORD).exists()
    launch(lab)
    lab.end()
    assert not processes_of(lab.directory)
    assert not lab.directory.exists()
    assert {each.name for each in lab.root.iterdir()} == {"spec.json"}


def test_first_processes_end_with_their_engine(lab: SandboxLab) -> None:
    launch(lab)
    wait_for_processes(lab, 8)
    wait_until(lambda: len(recorded(lab)) >= 3, "three first processes")
    first = recorded(lab)
    kill(lab.process)
    wait_until(lambda: not any(each.alive for each in first), "the end of first processes")
    assert processes_of(lab.directory), "their children live on"
    assert reap(lab.directory)
    assert not processes_of(lab.directory)
    assert not lab.directory.exists()
    assert not Path(lab.host.removeprefix("unix://")).exists()


def test_the_dead_below_a_directory_are_cleared_and_the_living_are_not(lab: SandboxLab) -> None:
    launch(lab)
    dead = lab.directory
    kill(lab.process)
    other = lab.root / "stranger"
    other.mkdir()
    (other / "file").touch()
    lab.directory = lab.root / "living"
    launch(lab)
    assert reap_below(lab.root) == [dead]
    assert not dead.exists()
    assert (other / "file").exists()
    assert (lab.directory / RECORD).exists()
    assert lab.process is not None
    assert lab.process.poll() is None
    assert not reap(lab.directory)


def test_a_directory_in_use_is_refused(lab: SandboxLab) -> None:
    launch(lab)
    assert lab.process is not None
    with pytest.raises(Refused, match=f"in use by process {lab.process.pid}"):
        Claim(lab.directory).take()
    assert lab.process.poll() is None


def test_a_directory_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work")
    with pytest.raises(Refused, match="not empty"):
        Claim(tmp_path).take()
    assert reap(tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "ten years of work"


async def test_a_directory_that_was_claimed_before_may_have_files_in_it(tmp_path: Path) -> None:
    directory = tmp_path / "d"
    claim = Claim(directory)
    claim.take()
    (directory / "prepared").touch()
    async with SandboxEngine(directory, tmp_path / "e.sock", [], "n"):
        assert (directory / "prepared").exists()
    assert not directory.exists()


def test_an_engine_ends_with_its_parent(lab: SandboxLab) -> None:
    launch(lab)
    process = lab.process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()  # as the kernel does when the parent dies
    process.wait(30)
    assert not lab.directory.exists()


def test_an_engine_that_is_told_to_end_removes_everything(lab: SandboxLab) -> None:
    launch(lab)
    assert lab.process is not None
    lab.process.send_signal(signal.SIGTERM)
    assert lab.process.wait(30) == 0
    assert not processes_of(lab.directory)
    assert not lab.directory.exists()


def test_a_link_in_the_directory_is_removed_and_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").touch()
    claim = Claim(tmp_path / "d")
    claim.take()
    (tmp_path / "d" / "link").symlink_to(precious)
    claim.release()
    assert not (tmp_path / "d").exists()
    assert (precious / "file").exists()


def test_no_first_process_is_taken_for_one_that_has_its_number_now(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "1000"]) as innocent:
        try:
            claim = Claim(tmp_path / "d")
            claim.take()
            claim.set_processes([innocent.pid])
            record = (tmp_path / "d" / RECORD).read_text()
            began = str(procfs.started(innocent.pid))
            (tmp_path / "d" / RECORD).write_text(
                record.replace(began, str(int(began) - 1)).replace(str(os.getpid()), "4194304")
            )
            assert reap(tmp_path / "d")
            assert innocent.poll() is None
            assert not (tmp_path / "d").exists()
        finally:
            innocent.kill()
