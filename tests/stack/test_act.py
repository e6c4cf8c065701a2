"""The verbs that act, on a real engine: what they do, what they refuse, what they record."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.stack.lettaops_cli import LettaOps, service
from tests.testbed.stacks import DB, PROXY, SERVER, StubStack


@pytest.fixture
def lettaops(stub_stack: StubStack, tmp_path: Path) -> LettaOps:
    return LettaOps(stub_stack.daemon.host, stub_stack.project, tmp_path)


def state(stack: StubStack, name: str) -> str:
    return stack.docker("inspect", "-f", "{{.State.Status}}", stack.container(name)).strip()


def records(lettaops: LettaOps) -> list[dict[str, object]]:
    path = lettaops.state / "state" / "audit.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_every_verb_does_what_it_says(lettaops: LettaOps, stub_stack: StubStack) -> None:
    for verb, wanted in (
        ("pause", "paused"),
        ("unpause", "running"),
        ("stop", "exited"),
        ("start", "running"),
        ("restart", "running"),
        ("kill", "exited"),
    ):
        done = lettaops.run(verb, "--yes", SERVER)
        assert done.returncode == 0, done.stderr + done.stdout
        assert done.stdout.startswith(SERVER)
        assert state(stub_stack, SERVER) == wanted
    kinds = [(each["kind"], each["act"]) for each in records(lettaops)]
    assert kinds == [
        (kind, verb)
        for verb in ("pause", "unpause", "stop", "start", "restart", "kill")
        for kind in ("intent", "result")
    ]
    assert lettaops.run("audit", "verify").returncode == 0
    assert "restart" in lettaops.run("audit").stdout


def test_preview_without_yes_touches_nothing(lettaops: LettaOps, stub_stack: StubStack) -> None:
    done = lettaops.run("stop", DB)
    assert done.returncode == 9
    assert f"{SERVER} loses its database" in done.stderr
    assert "--yes" in done.stderr
    assert state(stub_stack, DB) == "running"
    assert records(lettaops) == []


def test_read_only_refuses(lettaops: LettaOps, stub_stack: StubStack) -> None:
    done = subprocess.run(
        [*lettaops.command()[:-4], "--read-only", *lettaops.command()[-4:], "stop", "--yes", DB],
        env=lettaops.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 5
    assert "read-only" in done.stderr
    assert state(stub_stack, DB) == "running"


def test_a_container_that_removes_itself_outlives_a_restart(
    lettaops: LettaOps, stub_stack: StubStack
) -> None:
    name = f"{stub_stack.project}-brief"
    stub_stack.docker(
        *("run", "-d", "--rm", "--name", name, "--label", f"com.docker.compose.project={stub_stack.project}"),
        *("--label", "com.docker.compose.service=brief", "-v", "/anonymous", "--entrypoint", "sh"),
        *("ankane/pgvector:v0.5.1", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"),
    )
    volume = stub_stack.docker("inspect", "-f", "{{range .Mounts}}{{.Name}}{{end}}", name).strip()
    preview = lettaops.run("restart", "brief")
    assert "a restart keeps it" in preview.stderr
    done = lettaops.run("restart", "--yes", "brief")
    assert done.returncode == 0, done.stdout + done.stderr
    assert volume in stub_stack.docker("volume", "ls", "-q")
    assert "REMOVES it" in lettaops.run("stop", "brief").stderr
    done = lettaops.run("stop", "--yes", "brief")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "removed (--rm)" in done.stdout
    assert volume not in stub_stack.docker("volume", "ls", "-q")


def test_what_costs_nothing_is_not_asked_for(lettaops: LettaOps, stub_stack: StubStack) -> None:
    """The preview is shown and the service started, on a terminal and without one."""
    stub_stack.docker("stop", stub_stack.container(DB))
    done = lettaops.run("start", DB)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Start in {stub_stack.project}" in done.stderr
    assert state(stub_stack, DB) == "running"


def test_profile_allows_only_what_it_names(lettaops: LettaOps, stub_stack: StubStack) -> None:
    (lettaops.state / "config.toml").write_text('[profiles.default]\nallow = ["start"]\n')
    done = lettaops.run("stop", "--yes", DB)
    assert done.returncode == 5
    assert "allows only start" in done.stderr
    assert state(stub_stack, DB) == "running"


def test_container_replaced_after_the_preview_is_left_alone(
    lettaops: LettaOps, stub_stack: StubStack
) -> None:
    """The operator confirms one container; meanwhile compose puts another in its place."""
    primary, secondary = os.openpty()
    try:
        process = subprocess.Popen(
            lettaops.command("stop", PROXY),
            env=lettaops.environ,
            stdin=secondary,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        shown = ""
        while "Stop?" not in shown:  # the preview and the question
            piece = process.stderr.read(1)
            assert piece, f"no question was asked: {shown}"
            shown += piece
        stub_stack.compose("up", "-d", "--force-recreate", "--no-deps", PROXY)
        os.write(primary, b"y\n")
        out, rest = process.communicate(timeout=60)
    finally:
        os.close(primary)
        os.close(secondary)
    assert process.returncode == 5, out + rest
    assert out.startswith(f"{PROXY}: was replaced or removed")
    assert state(stub_stack, PROXY) == "running"
    assert records(lettaops) == []


def test_unwritable_record_refuses_the_act(lettaops: LettaOps, stub_stack: StubStack) -> None:
    """Root may write anywhere, so the record's place is taken by a directory."""
    (lettaops.state / "state" / "audit.jsonl").mkdir(parents=True)
    done = lettaops.run("stop", "--yes", DB)
    assert done.returncode == 5
    assert "Nothing was done" in done.stdout + done.stderr
    assert state(stub_stack, DB) == "running"


def test_unknown_service_and_impossible_act(lettaops: LettaOps, stub_stack: StubStack) -> None:
    done = lettaops.run("restart", "--yes", "letta_bd")
    assert done.returncode == 2
    assert DB in done.stderr
    done = lettaops.run("unpause", "--yes", DB)
    assert done.returncode == 5
    assert "running" in done.stderr


def test_container_that_ends_at_once_is_reported(lettaops: LettaOps, stub_stack: StubStack) -> None:
    """The engine's start call succeeds; the service does not come up."""
    name = f"{stub_stack.project}-once"
    stub_stack.docker(
        *("create", "--name", name, "--label", f"com.docker.compose.project={stub_stack.project}"),
        *("--label", "com.docker.compose.service=once", "--entrypoint", "sh"),
        *("ankane/pgvector:v0.5.1", "-c", "exit 7"),
    )
    try:
        done = lettaops.run("start", "--yes", "once")
        assert done.returncode == 1, done.stdout
        assert "once: started and ended at once: exit 7" in done.stdout
    finally:
        stub_stack.docker("rm", "-f", name)


def test_an_act_on_several_services_is_one_plan(lettaops: LettaOps, stub_stack: StubStack) -> None:
    done = lettaops.run("stop", "--yes", "--timeout", "1", PROXY, SERVER)
    assert done.returncode == 0
    assert [line.split(" ", 1)[0] for line in done.stdout.splitlines()] == [PROXY, SERVER]
    document = lettaops.status()
    assert service(document, PROXY)["state"] == service(document, SERVER)["state"] == "exited"
