"""Each fault of a real Letta stack, and the verdict and reason that `lettaops status` gives for it.

`/v1/health/` of the server says ok in most of them.
"""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.stack.lettaops_cli import LettaOps, service, summary
from tests.testbed.stacks import DB, PROXY, SERVER, LettaStack


@pytest.fixture
def lettaops(stack: LettaStack, tmp_path: Path) -> LettaOps:
    return LettaOps(stack.daemon.host, stack.project, tmp_path)


def expect(
    lettaops: LettaOps,
    overall: str,
    verdicts: dict[str, tuple[str, str]],
    sentence_starts: str,
) -> dict[str, Any]:
    """Wait until verdicts are as given, with a word each that the reason must hold."""

    def as_expected(document: dict[str, Any]) -> bool:
        return all(
            service(document, name)["verdict"] == verdict and word in service(document, name)["reason"]
            for name, (verdict, word) in verdicts.items()
        )

    document = lettaops.wait_for(as_expected, f"{overall} with {verdicts}")
    assert document["overall"] == overall, summary(document)
    assert document["sentence"].startswith(sentence_starts), summary(document)
    return document


def pid_of(stack: LettaStack, name: str) -> int:
    return int(stack.docker("inspect", "-f", "{{.State.Pid}}", stack.container(name)))


@contextlib.contextmanager
def frozen_process(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_healthy_stack(lettaops: LettaOps) -> None:
    document = lettaops.wait_for(lambda each: each["overall"] == "healthy", "a healthy stack")
    assert document["target"]["shape"] == "compose"
    assert document["sentence"].startswith("all 3 services work"), summary(document)
    for name, role in ((DB, "database"), (SERVER, "server"), (PROXY, "proxy")):
        entry = service(document, name)
        assert entry["role"] == role
        assert entry["verdict"] == "ok", summary(document)
        assert entry["probe"]["ok"]
        assert entry["probe"]["latency_ms"] > 0
        assert entry["memory_bytes"] > 500_000
    assert lettaops.run("status").returncode == 0


def test_database_stopped(lettaops: LettaOps, stack: LettaStack) -> None:
    stack.docker("stop", stack.container(DB))
    document = expect(
        lettaops,
        "down",
        {
            DB: ("stopped", "was stopped"),
            SERVER: ("degraded", f"can't use its database: {DB} was stopped"),
            PROXY: ("ok", ""),
        },
        f"{DB} was stopped",
    )
    assert service(document, DB)["exit_code"] == 0
    assert lettaops.run("status").returncode == 11


def test_database_killed(lettaops: LettaOps, stack: LettaStack) -> None:
    stack.docker("kill", stack.container(DB))
    expect(
        lettaops,
        "down",
        {DB: ("down", "exit 137, killed by SIGKILL"), SERVER: ("degraded", DB)},
        f"{DB} ended",
    )


def test_database_paused(lettaops: LettaOps, stack: LettaStack) -> None:
    stack.docker("pause", stack.container(DB))
    expect(lettaops, "down", {DB: ("down", "paused"), SERVER: ("degraded", "paused")}, f"{DB} is paused")


def test_database_process_frozen(lettaops: LettaOps, stack: LettaStack) -> None:
    """The engine says running; only a question with a deadline tells."""
    with frozen_process(pid_of(stack, DB)):
        expect(
            lettaops,
            "down",
            {DB: ("down", "no reply in"), SERVER: ("degraded", "can't use its database")},
            f"{DB} takes",
        )


def test_database_in_a_restart_loop(lettaops: LettaOps, stack: LettaStack) -> None:
    container = stack.container(DB)
    stack.docker("update", "--restart=always", container)
    done = threading.Event()

    def murder() -> None:
        while not done.wait(0.02):
            pid = pid_of(stack, DB)
            with contextlib.suppress(ProcessLookupError):
                if pid:
                    os.kill(pid, signal.SIGKILL)

    murderer = threading.Thread(target=murder)
    murderer.start()
    try:
        document = expect(
            lettaops,
            "down",
            {DB: ("down", "restarts in a loop"), SERVER: ("degraded", "restarts in a loop")},
            DB,
        )
        assert service(document, DB)["restarts"] >= 2
    finally:
        done.set()
        murderer.join()
        stack.docker("update", "--restart=no", container)


def test_database_out_of_memory(lettaops: LettaOps, stack: LettaStack) -> None:
    container = stack.container(DB)
    stack.docker("stop", container)
    stack.docker("update", "--memory=6m", "--memory-swap=6m", container)
    stack.docker("start", container)
    document = expect(
        lettaops,
        "down",
        {DB: ("down", "out of memory (limit 6.00 MiB)"), SERVER: ("degraded", "out of memory")},
        f"{DB} ended",
    )
    assert service(document, DB)["oom_killed"]


def test_server_stopped(lettaops: LettaOps, stack: LettaStack) -> None:
    stack.docker("stop", stack.container(SERVER))
    expect(
        lettaops,
        "down",
        {
            SERVER: ("stopped", "was stopped"),
            DB: ("ok", ""),
            # 502 at once, or a wait for the name that Docker's resolver no longer knows
            PROXY: ("degraded", "doesn't answer"),
        },
        SERVER,
    )


def test_server_answers_500(lettaops: LettaOps, stack: LettaStack) -> None:
    """The database answers, and the server can't use what is in it."""
    psql = ("exec", stack.container(DB), "psql", "-qU", "letta", "-d", "letta", "-c")
    stack.docker(*psql, "ALTER TABLE letta.agents RENAME TO agents_away")
    try:
        expect(
            lettaops,
            "degraded",
            {SERVER: ("degraded", "needs the database is answered with HTTP 500"), DB: ("ok", "")},
            SERVER,
        )
    finally:
        stack.docker(*psql, "ALTER TABLE letta.agents_away RENAME TO agents")


def test_server_hangs(lettaops: LettaOps, stack: LettaStack) -> None:
    with frozen_process(pid_of(stack, SERVER)):
        expect(
            lettaops,
            "down",
            {
                SERVER: ("down", "takes connections, but gives no reply"),
                PROXY: ("degraded", f"waits for {SERVER}"),
            },
            SERVER,
        )


def test_server_waits_for_a_locked_table(lettaops: LettaOps, stack: LettaStack) -> None:
    """Only requests that need the table hang."""
    lock = "BEGIN; LOCK TABLE letta.agents IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(60)"
    stack.docker("exec", "-d", stack.container(DB), "psql", "-qU", "letta", "-d", "letta", "-c", lock)
    try:
        expect(lettaops, "degraded", {SERVER: ("degraded", "got no reply in"), DB: ("ok", "")}, SERVER)
    finally:
        ending = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
        )
        stack.docker("exec", stack.container(DB), "psql", "-qU", "letta", "-d", "letta", "-c", ending)


def test_proxy_stopped(lettaops: LettaOps, stack: LettaStack) -> None:
    stack.docker("stop", stack.container(PROXY))
    expect(
        lettaops, "degraded", {PROXY: ("stopped", "was stopped"), SERVER: ("ok", ""), DB: ("ok", "")}, PROXY
    )


def test_proxy_with_a_wrong_upstream(lettaops: LettaOps, stack: LettaStack) -> None:
    configuration = stack.folder / "nginx.conf"
    right = configuration.read_text()
    assert "8283" in right
    try:
        # written in place: the container has this very inode mounted
        configuration.write_text(right.replace('"http://letta-server:8283"', '"http://letta-server:8999"'))
        assert configuration.read_text() != right, "nginx.conf has another upstream than this test expects"
        stack.docker("exec", stack.container(PROXY), "nginx", "-s", "reload")
        expect(
            lettaops,
            "degraded",
            {PROXY: ("degraded", f"answers 502 while {SERVER} answers directly"), SERVER: ("ok", "")},
            PROXY,
        )
    finally:
        configuration.write_text(right)
        stack.docker("exec", stack.container(PROXY), "nginx", "-s", "reload")


def test_server_starting(lettaops: LettaOps, stack: LettaStack) -> None:
    """docker-proxy takes connections for the port long before Letta listens on it."""
    stack.docker("restart", stack.container(SERVER))
    expect(
        lettaops,
        "degraded",
        {SERVER: ("starting", "nothing answers on 8283 yet"), DB: ("ok", "")},
        f"{SERVER} is starting",
    )
    lettaops.wait_for(lambda each: each["overall"] == "healthy", "a healthy stack again", timeout=90)


def test_failing_healthcheck_of_a_working_service(lettaops: LettaOps, stack: LettaStack) -> None:
    tool = stack.docker("exec", stack.container(DB), "sh", "-c", "command -v pg_isready").strip()
    stack.docker("exec", stack.container(DB), "mv", tool, f"{tool}.away")
    try:
        document = lettaops.wait_for(
            lambda each: service(each, DB)["health"] == "unhealthy", "an unhealthy database", timeout=60
        )
        reason = service(document, DB)["reason"]
        assert service(document, DB)["verdict"] == "degraded", summary(document)
        assert "works, but its healthcheck failed" in reason
        assert "pg_isready" in reason, "the last output of the check is quoted"
        assert document["overall"] == "degraded"
    finally:
        stack.docker("exec", stack.container(DB), "mv", f"{tool}.away", tool)
