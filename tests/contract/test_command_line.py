"""What the docker command line makes of an engine."""

import json
import os
import shutil
import subprocess
import time

import pytest

from tests.contract.lab import STAYS, Lab, Wanted, one

pytestmark = pytest.mark.skipif(
    shutil.which("docker") is None, reason="no docker command line on this machine"
)


def docker(lab: Lab, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker", *words],
        env={**os.environ, "DOCKER_HOST": lab.host, "DOCKER_CONFIG": "/nonexistent"},
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_ps_and_inspect(lab: Lab) -> None:
    lab.make(Wanted(name="up", labels={"colour": "blue"}), Wanted(name="over", script="exit 4"))
    up, over = lab.containers["up"], lab.containers["over"]
    assert docker(lab, "wait", over.id).stdout == "4\n"
    listed = docker(lab, "ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}").stdout
    assert f"{up.id} {up.name} running\n" in listed
    assert f"{over.id} {over.name} exited\n" in listed
    assert over.id not in docker(lab, "ps", "--quiet", "--no-trunc").stdout
    assert docker(lab, "ps", "-q", "--no-trunc", "-f", "label=colour=blue").stdout.split() == [up.id]
    (document,) = json.loads(docker(lab, "inspect", up.name).stdout)
    assert document["Id"] == up.id
    assert document["State"]["Running"] is True
    assert docker(lab, "inspect", "-f", "{{.State.ExitCode}}", over.name).stdout == "4\n"
    assert docker(lab, "inspect", "nosuchcontainer").returncode == 1


def test_logs_that_are_followed(lab: Lab) -> None:
    container_id = one(lab, script="echo out; echo err >&2; sleep 0.3; echo last")
    done = docker(lab, "logs", "--follow", container_id)
    assert (done.stdout, done.stderr) == ("out\nlast\n", "err\n")
    assert docker(lab, "logs", "--tail", "1", "--timestamps", container_id).stdout.endswith("Z last\n")


def test_exec(lab: Lab) -> None:
    container_id = one(lab)
    done = docker(lab, "exec", container_id, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, "out\n", "err\n")
    assert docker(lab, "exec", "-i", container_id, "wc", "-c", stdin="12345").stdout.strip() == "5"
    assert docker(lab, "exec", "-e", "A=b", container_id, "sh", "-c", "echo $A").stdout == "b\n"
    assert docker(lab, "exec", container_id, "nosuchprogram").returncode in (126, 127)
    assert docker(lab, "exec", "--detach", container_id, "true").returncode == 0


def test_stop_start_and_events(lab: Lab) -> None:
    before = int(time.time()) - 1
    container_id = one(lab, script=f"echo up; {STAYS}")
    for words in (("stop",), ("start",), ("pause",), ("unpause",), ("restart", "-t", "5"), ("kill",)):
        done = docker(lab, *words, container_id)
        assert (done.returncode, done.stdout) == (0, f"{container_id}\n"), done.stderr
    refused = docker(lab, "kill", container_id)
    assert refused.returncode == 1
    assert "is not running" in refused.stderr
    told = docker(
        lab, "events", "--since", str(before), "--until", str(int(time.time()) + 1),
        "--filter", f"container={container_id}", "--format", "{{.Action}}",
    )  # fmt: skip
    assert told.stdout.split() == [
        *("create", "start", "kill", "die", "stop"),
        *("start", "pause", "unpause"),
        *("kill", "die", "stop", "start", "restart"),
        *("kill", "die"),
    ]


def test_attach_top_stats_and_version(lab: Lab) -> None:
    container_id = one(lab, script="sleep 0.5; echo bye; exit 7")
    attached = docker(lab, "attach", "--no-stdin", container_id)
    assert (attached.returncode, attached.stdout) == (7, "bye\n")
    assert docker(lab, "start", container_id).returncode == 0
    assert "sleep 0.5" in docker(lab, "top", container_id).stdout
    assert docker(lab, "version", "--format", "{{.Server.Version}}").stdout.strip()
    assert docker(lab, "info", "--format", "{{.ContainersRunning}}").stdout.strip().isdigit()
