"""The ordered restart as a job on a living deployment: in order, gated, and not tied to who began it."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.living import Sandbox, Sandboxes, wait_until

ORDER = ["letta_db", "letta_server", "letta_nginx"]


@pytest.fixture
def living(sandboxes: Sandboxes) -> Any:
    with sandboxes.start() as running:
        yield running


def jobs(living: Sandbox) -> list[dict[str, Any]]:
    return list(json.loads(living.lettaops.run("jobs", "list", "--json").stdout)["jobs"])


def test_a_dry_run_tells_the_steps_in_order_and_does_nothing(living: Sandbox) -> None:
    done = living.lettaops.run("restart", "--all", "--dry-run")
    assert done.returncode == 0, done.stderr
    places = [done.stdout.index(f"restart {name}") for name in ORDER]
    assert places == sorted(places)
    assert "was never done here" in done.stdout
    assert jobs(living) == []


def test_losing_the_one_who_began_it_ends_no_job(living: Sandbox) -> None:
    client = subprocess.Popen(
        living.lettaops.command("restart", "--all", "--yes"),
        env=living.lettaops.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        wait_until(lambda: any(each["state"] == "running" for each in jobs(living)), "a job that runs")
        os.killpg(client.pid, signal.SIGKILL)
    finally:
        client.kill()
        client.communicate()
    wait_until(lambda: jobs(living)[0]["state"] != "running", "the end of the job")
    (job,) = jobs(living)
    assert job["state"] == "done"
    assert job["exit"] == 0
    assert [each["state"] for each in job["steps"]] == ["done"] * 6
    assert [each["title"].split()[-1] for each in job["steps"][::2]] == ORDER
    assert living.lettaops.status()["overall"] == "healthy"
    attached = living.lettaops.run("jobs", "attach", job["id"][:-2])
    assert attached.returncode == 0
    assert "✓" in attached.stdout
    assert "usually" in living.lettaops.run("restart", "--all", "--dry-run").stdout


def test_a_killed_worker_is_told_and_its_job_finished(living: Sandbox) -> None:
    subprocess.run(
        living.lettaops.command("stop", "--yes", "letta_server"), env=living.lettaops.environ, check=True
    )
    client = subprocess.Popen(
        living.lettaops.command("restart", "--all", "--yes"),
        env=living.lettaops.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_until(lambda: any(each["state"] == "running" for each in jobs(living)), "a job that runs")
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and _works_for(folder, living):
            os.kill(int(folder.name), signal.SIGKILL)
    _, said = client.communicate(timeout=30)
    assert client.returncode == 8
    assert b"jobs resume" in said
    (job,) = jobs(living)
    assert job["state"] == "interrupted"
    assert living.lettaops.run("--read-only", "jobs", "resume", "--yes", job["id"]).returncode == 5
    resumed = living.lettaops.run("jobs", "resume", "--yes", job["id"])
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert jobs(living)[0]["state"] == "done"
    assert living.lettaops.status()["overall"] == "healthy"


def _works_for(folder: Path, living: Sandbox) -> bool:
    try:
        words = (folder / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"work" in words and b"jobs" in words and living.told["engine"].encode() in words
