"""What a sandbox is made of: the containers that the engine stand-in supervises as plain processes."""

from typing import Final, Literal

import msgspec

RestartName = Literal["no", "always", "unless-stopped", "on-failure"]

DEFAULT_STOP_SECONDS: Final = 10


class Healthcheck(msgspec.Struct, frozen=True, kw_only=True):
    """A command that tells whether the container works: exit status 0 healthy, 1 not.

    It runs like an exec: in the container's working directory, with its whole environment.
    """

    argv: tuple[str, ...]
    interval_s: float = 30.0
    timeout_s: float = 30.0
    retries: int = 3
    start_period_s: float = 0.0


class RestartPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """When the engine starts a container again that ended by itself. `maximum_retries` 0: no limit."""

    name: RestartName = "no"
    maximum_retries: int = 0


class MountSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A mount as inspect shows it; nothing is mounted. `source` is the real directory on this machine."""

    kind: Literal["volume", "bind"] = "volume"
    name: str = ""
    source: str
    destination: str
    writable: bool = True


class ContainerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One container: what runs, and what the engine says of it.

    The process gets `environment`, `process_environment` over it, and a marker by which a later start
    finds what a killed supervisor left; nothing is inherited, so `process_environment` must hold PATH.
    A command given to exec gets the same, with its own variables last.

    command: the real argv; shown_command: what inspect says ((): the same)
    ports: "5432/tcp" -> port on 127.0.0.1 that the process itself really listens on
    address: address in the network that inspect shows; the real listener may be anywhere
    hostname: "" for the first digits of the id, as an engine does
    labels: those of compose (project, service, container-number, config-hash, depends_on)
    files: contents by absolute path, for the archive call
    run_as: (uid, gid) of the process; needs root
    death_signal: what the kernel sends the process when the supervisor dies
    """

    name: str
    service: str
    image: str
    command: tuple[str, ...]
    shown_command: tuple[str, ...] = ()
    shown_entrypoint: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    process_environment: dict[str, str] = {}
    working_directory: str = ""
    ports: dict[str, int] = {}
    exposed: tuple[str, ...] = ()
    address: str = ""
    hostname: str = ""
    labels: dict[str, str] = {}
    aliases: tuple[str, ...] = ()
    mounts: tuple[MountSpec, ...] = ()
    restart_policy: RestartPolicy = RestartPolicy()
    health: Healthcheck | None = None
    stop_signal: str = "SIGTERM"
    stop_timeout_s: int = DEFAULT_STOP_SECONDS
    memory_limit_bytes: int = 0
    files: dict[str, bytes] = {}
    run_as: tuple[int, int] | None = None
    tty: bool = False
    death_signal: str = "SIGKILL"


class SandboxSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A whole sandbox, as the engine's own process reads it from a file (JSON, `files` in base64)."""

    network: str
    containers: tuple[ContainerSpec, ...]


def encode_spec(spec: SandboxSpec) -> bytes:
    """The spec as the engine's process reads it. It may hold passwords: keep the file 0600."""
    return msgspec.json.encode(spec)


def decode_spec(data: bytes) -> SandboxSpec:
    """Raises `msgspec.DecodeError` with the place that is wrong."""
    return msgspec.json.decode(data, type=SandboxSpec)
