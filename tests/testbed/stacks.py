"""The two stacks: Letta's own (LettaStack) and one of 2 MB stubs with the same shape (StubStack)."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .cache import Cache
from .common import BedError, wait_until
from .composed import DB, PROXY, PROXY_HOST, SERVER, SERVICES, ComposeStack, Ports, http_status
from .dockerd import PrivateDockerd
from .stub_images import STUB_IMAGE

__all__ = ["DB", "PROXY", "PROXY_HOST", "SERVER", "SERVICES", "LettaStack", "Ports", "StubStack"]

FAKE_MODEL = Path(__file__).parent / "recipes" / "fake_model" / "fake_model.py"
FAKE_MODEL_ALIAS = "fakellm"
FAKE_MODEL_PORT = 9000
PROBE_PATH = "/v1/agents/count"


class LettaStack(ComposeStack):
    """Letta's own compose.yaml on free ports of 127.0.0.1, with the real server 0.16.8.

    With `fake_model` a container `<project>-fakellm` answers as an OpenAI-compatible provider;
    its chat model has the handle openai-proxy/gpt-4o-mini.
    """

    def __init__(
        self, daemon: PrivateDockerd, cache: Cache, project: str = "letta", *, fake_model: bool = False
    ) -> None:
        super().__init__(daemon, cache, project)
        self.fake_model = fake_model

    @property
    def url(self) -> str:
        """The server's address on this machine."""
        return f"http://127.0.0.1:{self.ports.server}"

    @property
    def pg_uri(self) -> str:
        """The database's address on this machine."""
        return f"postgresql://letta:letta@127.0.0.1:{self.ports.db}/letta"

    @property
    def model_url(self) -> str:
        """The fake model server's address on this machine (its /control changes how it answers)."""
        return f"http://127.0.0.1:{self.ports.model}"

    def write_files(self) -> None:
        sources = self._cache.letta_sources()
        for name in ("compose.yaml", "nginx.conf", "init.sql"):
            shutil.copyfile(sources / name, self.folder / name)
        model = f"http://{FAKE_MODEL_ALIAS}:{FAKE_MODEL_PORT}/v1"
        settings = f"OPENAI_API_KEY=sk-fake\nOPENAI_BASE_URL={model}\n" if self.fake_model else ""
        (self.folder / ".env").write_text(settings)
        published = {
            DB: [f"127.0.0.1:{self.ports.db}:5432"],
            SERVER: [f"127.0.0.1:{self.ports.legacy}:8083", f"127.0.0.1:{self.ports.server}:8283"],
            PROXY: [f"127.0.0.1:{self.ports.proxy}:80"],
        }
        lines = ["services:"]
        for service, ports in published.items():
            lines += [f"  {service}:", f"    ports: !override {json.dumps(ports)}"]
        (self.folder / "compose.override.yaml").write_text("\n".join(lines) + "\n")

    def before_up(self) -> None:
        """The fake model has to answer when the server starts, which then asks it for its models."""
        if not self.fake_model:
            return
        self.compose("up", "--no-start")
        name = f"{self.project}-{FAKE_MODEL_ALIAS}"
        self.daemon.docker("rm", "-f", "-v", name, check=False)
        self.docker(
            *("run", "-d", "--name", name, "--network", f"{self.project}_default"),
            *("--network-alias", FAKE_MODEL_ALIAS, "--label", f"lettaops.testbed.stack={self.project}"),
            *("-p", f"127.0.0.1:{self.ports.model}:{FAKE_MODEL_PORT}"),
            *("-v", f"{FAKE_MODEL}:/srv/fake_model.py:ro", "--entrypoint", "python3"),
            *("letta/letta:latest", "/srv/fake_model.py"),
        )
        wait_until(
            lambda: http_status(self.ports.model, "/v1/models")[0] == 200,
            "the fake model server to answer",
            30,
            log=lambda: self.docker("logs", name),
        )

    def problems(self) -> list[str]:
        found = []
        for service, port, host in (
            (SERVER, self.ports.server, "localhost"),
            (PROXY, self.ports.proxy, PROXY_HOST),
        ):
            try:
                status, _ = http_status(port, PROBE_PATH, host)
                if status != 200:
                    found.append(f"{service}: GET {PROBE_PATH} answered {status}")
            except OSError as exc:
                found.append(f"{service}: GET {PROBE_PATH}: {exc}")
        if not found:
            found += self._database_problems()
        return found

    def _database_problems(self) -> list[str]:
        question = "pg_isready -q -U letta && psql -qAt -U letta -d letta -c 'SELECT 1'"
        try:
            self.docker("exec", self.container(DB), "sh", "-c", question, timeout=10)
        except BedError as exc:
            return [f"{DB}: {exc}"]
        return []


class StubStack(ComposeStack):
    """The same services, names, labels, networks and environment, played by 2 MB stubs.

    letta_server answers /v1/health/ and /v1/agents/count on 8283, letta_nginx on 80 for every Host;
    letta_db's health check is a script that `touch /tmp/unready` in the container makes fail.
    """

    @property
    def url(self) -> str:
        """The stub server's address on this machine."""
        return f"http://127.0.0.1:{self.ports.server}"

    def write_files(self) -> None:
        uri = "postgresql://letta:letta@letta-db:5432/letta"
        account = {"POSTGRES_USER": "letta", "POSTGRES_PASSWORD": "letta", "POSTGRES_DB": "letta"}
        database = {
            "image": "ankane/pgvector:v0.5.1",
            "networks": {"default": {"aliases": ["pgvector_db", "letta-db"]}},
            "environment": account,
            "volumes": ["./.persist/pgdata:/var/lib/postgresql/data"],
            "ports": [f"127.0.0.1:{self.ports.db}:5432"],
            # Letta's file has 5 s, for which up() would have to wait.
            "healthcheck": {"test": ["CMD-SHELL", "pg_isready -U letta"], "interval": "1s", "timeout": "5s"},
        }
        server = {
            "image": "letta/letta:latest",
            "hostname": "letta-server",
            "depends_on": [DB],
            "environment": {"LETTA_PG_URI": uri, "LETTA_DEBUG": "True", "OPENAI_API_KEY": ""},
            "ports": [f"127.0.0.1:{self.ports.legacy}:8083", f"127.0.0.1:{self.ports.server}:8283"],
        }
        proxy = {
            "image": "nginx:stable-alpine3.17-slim",
            "hostname": "letta-nginx",
            "ports": [f"127.0.0.1:{self.ports.proxy}:80"],
        }
        services = {"services": {DB: database, SERVER: server, PROXY: proxy}}
        # JSON is YAML, and needs no library.
        (self.folder / "compose.yaml").write_text(json.dumps(services, indent=2) + "\n")

    def problems(self) -> list[str]:
        found = []
        for service, port in ((SERVER, self.ports.server), (PROXY, self.ports.proxy)):
            try:
                if http_status(port, "/v1/health/")[0] != 200:
                    found.append(f"{service} does not answer 200")
            except OSError as exc:
                found.append(f"{service}: {exc}")
        return found

    def add_sleepers(self, count: int, *, network: bool = False) -> list[str]:
        """Start `count` more containers outside the project that only sleep; their names.

        They are removed by down(). Without `network` they have none, which is quicker.
        """
        names = [f"{self.project}-sleeper-{number:03}" for number in range(count)]

        def start(name: str) -> None:
            self.docker(
                *("run", "-d", "--name", name, "--label", f"lettaops.testbed.stack={self.project}"),
                *(() if network else ("--network", "none")),
                STUB_IMAGE,
            )

        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(start, names))
        return names
