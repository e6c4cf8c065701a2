"""Each scenario breaks a living sandbox; `lettaops status` names the cause, and what it says mends it."""

import asyncio
from pathlib import Path

from lettaops.sandbox.client import EngineClient
from lettaops.sandbox.deployment import SERVER
from tests.sandbox.living import Sandbox, Sandboxes, wait_until
from tests.stack.lettaops_cli import service


def server_log(sandbox: Sandbox, lines: int = 200) -> str:
    """The end of the server's log, by the engine."""

    async def read() -> list[str]:
        async with EngineClient(Path(sandbox.told["engine"].removeprefix("unix://"))) as engine:
            return await engine.last_lines(SERVER, lines)

    return "\n".join(asyncio.run(read()))


def mended(sandbox: Sandbox) -> None:
    sandbox.lettaops.wait_for(lambda each: each["overall"] == "healthy", "a mended deployment", timeout=60)


def test_database_down(sandboxes: Sandboxes) -> None:
    with sandboxes.start("--scenario", "database-down") as sandbox:
        assert sandbox.told["scenario"] == "database-down"
        document = sandbox.lettaops.wait_for(lambda each: each["overall"] == "down", "trouble")
        assert document["sentence"].startswith("letta_db was stopped")
        server = service(document, "letta_server")
        assert server["verdict"] == "degraded"
        assert "can't use its database" in server["reason"]
        wait_until(
            lambda: "Unhandled error: ConnectionRefusedError" in server_log(sandbox, 2000), "Letta's error"
        )
        log = server_log(sandbox, 2000)
        assert "Traceback (most recent call last):" in log
        assert "ERROR:    Exception in ASGI application" in log
        assert sandbox.lettaops.run("start", "letta_db", "--yes").returncode == 0
        mended(sandbox)


def test_restart_loop(sandboxes: Sandboxes) -> None:
    with sandboxes.start("--scenario", "restart-loop") as sandbox:
        document = sandbox.lettaops.wait_for(
            lambda each: "restarts in a loop" in service(each, "letta_server")["reason"], "a loop", timeout=60
        )
        assert document["overall"] == "down"
        assert document["sentence"].startswith("letta_server restarts in a loop")
        assert service(document, "letta_db")["verdict"] == "ok"
        assert "Can't locate revision" in server_log(sandbox)
        sandbox.psql("UPDATE alembic_version SET version_num = '1c28e167b74f'")
        assert sandbox.lettaops.run("restart", "letta_server", "--yes").returncode == 0
        mended(sandbox)


def test_pool_exhausted(sandboxes: Sandboxes) -> None:
    with sandboxes.start("--scenario", "pool-exhausted") as sandbox:
        address = sandbox.container("letta_server")["address"]
        stuck = "SELECT client_addr FROM pg_stat_activity WHERE state = 'idle in transaction'"
        wait_until(lambda: sandbox.psql(stuck).split() == [address] * 3, "three open transactions")
        document = sandbox.lettaops.wait_for(lambda each: each["overall"] == "degraded", "trouble")
        server = service(document, "letta_server")
        assert "a request that needs the database" in server["reason"]
        assert service(document, "letta_db")["verdict"] == "ok"
        assert sandbox.lettaops.run("restart", "letta_server", "--yes").returncode == 0
        mended(sandbox)
        assert sandbox.psql(stuck) == ""


def test_log_flood(sandboxes: Sandboxes) -> None:
    with sandboxes.start("--scenario", "log-flood") as sandbox:
        wait_until(lambda: server_log(sandbox, 500).count("did not return within") > 450, "a flood")
        assert sandbox.lettaops.status()["overall"] == "healthy"
        assert sandbox.lettaops.run("restart", "letta_server", "--yes").returncode == 0
        wait_until(lambda: "WATCHDOG_CHECK" in server_log(sandbox, 20), "a quiet log")
