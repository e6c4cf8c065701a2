"""The latencies of one `lettaops status`: times of the services, not of our own start."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.fakes.engine import FakeEngine, answer
from tests.fakes.postgres import FakePostgres
from tests.fakes.web import FakeWeb
from tests.unit import build

SLOW = 0.8  # seconds that an import takes
# Finds nothing itself. From the moment on that there is something to ask with, a library that wasn't needed
# before takes its time to be imported.
SLOW_IMPORTS = f"""
import sys, time

class Slow:
    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        if "lettaops.monitor.ask" in sys.modules and root not in {{*sys.modules, *sys.stdlib_module_names}}:
            time.sleep({SLOW})

sys.meta_path.insert(0, Slow())
"""
PG_URI = "postgresql://letta:letta@letta-db:5432/letta"


def container(service: str, image: str, ports: dict[str, int], *environment: str) -> dict[str, Any]:
    """The inspect document of a compose service with published ports."""
    labels = {"com.docker.compose.project": "letta", "com.docker.compose.service": service}
    published = {name: [{"HostIp": "127.0.0.1", "HostPort": str(port)}] for name, port in ports.items()}
    networks = {"letta_default": {"Aliases": [service.replace("_", "-")], "IPAddress": "127.0.0.1"}}
    return {
        "Id": build.identity(service),
        "Name": f"/{service}",
        "Config": {"Image": image, "Labels": labels, "Env": list(environment)},
        "State": {"Status": "running", "Running": True, "Pid": 0},
        "NetworkSettings": {"Ports": published, "Networks": networks},
    }


async def status(engine: FakeEngine, place: Path) -> dict[str, Any]:
    """What `lettaops status --json` says, by service."""
    (place / "sitecustomize.py").write_text(SLOW_IMPORTS)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "lettaops", "--host", f"unix://{engine.path}", "status", "--json"),
        stdout=asyncio.subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(place), "PYTHONPATH": str(place)},
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    return {each["name"]: each for each in json.loads(output)["services"]}


async def test_importing_is_no_latency_of_a_service(tmp_path: Path) -> None:
    async with FakeWeb() as web, FakePostgres() as database, FakeEngine(tmp_path / "engine.sock") as engine:
        web.on("/v1/health/", answer({"status": "ok", "version": "0.16.8"}))
        web.on("/v1/agents/count", answer(1))
        server = container("letta_server", "letta/letta", {"8283/tcp": web.port}, f"LETTA_PG_URI={PG_URI}")
        postgres = container("letta_db", "ankane/pgvector", {"5432/tcp": database.port})
        rows = []
        for each in (server, postgres):
            engine.on(f"/containers/{each['Id']}/json", answer(each))
            row = {"Id": each["Id"], "Names": [each["Name"]], "Image": each["Config"]["Image"]}
            rows.append(row | {"State": "running", "Labels": each["Config"]["Labels"]})
        engine.on("/containers/json", answer(rows))
        services = await status(engine, tmp_path)
    assert {name: each["verdict"] for name, each in services.items()} == {
        "letta_server": "ok",
        "letta_db": "ok",
    }
    for each in services.values():
        assert 0 < each["probe"]["latency_ms"] < SLOW * 1000
