"""Values of the Docker Engine API, and the arithmetic of its counters."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from lettaops.model.document import parse_count
from lettaops.model.recognise import ONEOFF_LABEL, PROJECT_LABEL, SERVICE_LABEL
from lettaops.model.secrets import Secret, is_secret_name
from lettaops.model.text import Safe, clean

NUMBER_LABEL: Final = "com.docker.compose.container-number"
DEPENDS_LABEL: Final = "com.docker.compose.depends_on"
STOP_GRACE_SECONDS: Final = 10  # between stop signal and SIGKILL, where a container names no time


class ContainerStatus(StrEnum):
    """`State.Status` of an inspect document; UNKNOWN for what a future engine may say."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"
    REMOVING = "removing"
    EXITED = "exited"
    DEAD = "dead"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "ContainerStatus":
        return cls.UNKNOWN


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """Result of the container's own healthcheck. `status`: starting, healthy or unhealthy."""

    status: Safe
    failing_streak: int = 0
    last_exit_code: int | None = None
    last_output: Safe = Safe()


class ContainerState(msgspec.Struct, frozen=True, kw_only=True):
    """`State` of an inspect document."""

    status: ContainerStatus = ContainerStatus.UNKNOWN
    oom_killed: bool = False
    pid: int = 0
    exit_code: int | None = None
    error: Safe = Safe()
    started_at: datetime | None = None
    finished_at: datetime | None = None
    health: Health | None = None

    @property
    def running(self) -> bool:
        """Whether processes of the container can answer: running and not paused."""
        return self.status is ContainerStatus.RUNNING


class PublishedPort(msgspec.Struct, frozen=True, kw_only=True):
    """A container port that the engine publishes on the host."""

    container_port: int
    protocol: Safe
    host_ip: Safe
    host_port: int


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """A container's place in one network."""

    network: Safe
    address: Safe = Safe()
    address6: Safe = Safe()
    gateway: Safe = Safe()
    aliases: tuple[Safe, ...] = ()


class Mount(msgspec.Struct, frozen=True, kw_only=True):
    """A bind mount or volume of a container. `source` is the host's path, `name` the volume's name."""

    kind: Safe
    destination: Safe
    source: Safe = Safe()
    name: Safe = Safe()
    writable: bool = True


class Environment:
    """Environment of a container: names are shown, values whose name tells of a secret are wrapped."""

    __slots__ = ("_values",)

    def __init__(self, assignments: tuple[str, ...] = ()) -> None:
        self._values: dict[str, Safe | Secret] = {}
        for assignment in assignments:
            name, _, value = assignment.partition("=")
            self._values[clean(name)] = Secret(value) if is_secret_name(name) and value else clean(value)

    def get(self, name: str) -> str:
        """The value of a variable that holds no secret; empty when unset, empty or secret."""
        value = self._values.get(name)
        return value if isinstance(value, Safe) else ""

    def secret(self, name: str) -> Secret | None:
        """The value of a variable that holds a secret; None when unset or empty."""
        value = self._values.get(name)
        return value if isinstance(value, Secret) else None

    def items(self) -> Mapping[str, Safe | Secret]:
        """All variables, secrets wrapped."""
        return self._values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Environment) and other._values == self._values

    def __hash__(self) -> int:
        return hash(frozenset(self._values.items()))

    def __repr__(self) -> str:
        return f"Environment({', '.join(self._values)})"


class _Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """What a container's name and labels say of it."""

    id: str
    name: Safe
    labels: dict[Safe, Safe] = {}

    @property
    def project(self) -> Safe:
        """Compose project, empty without one."""
        return self.labels.get(Safe(PROJECT_LABEL), Safe())

    @property
    def service(self) -> Safe:
        """Compose service; the container's name without one."""
        return self.labels.get(Safe(SERVICE_LABEL)) or self.name

    @property
    def one_off(self) -> bool:
        """Whether `compose run` made it: not part of the running stack."""
        return self.labels.get(Safe(ONEOFF_LABEL), Safe()).lower() == "true"


class Container(_Labelled, frozen=True, kw_only=True):
    """One container, from its inspect document."""

    image: Safe = Safe()
    image_id: str = ""
    environment: Environment = Environment()
    command: tuple[Safe, ...] = ()
    hostname: Safe = Safe()
    state: ContainerState = ContainerState()
    restart_count: int = 0
    restart_policy: Safe = Safe()
    auto_remove: bool = False
    stop_grace_s: int = STOP_GRACE_SECONDS
    memory_limit_bytes: int | None = None
    network_mode: Safe = Safe()
    attachments: tuple[Attachment, ...] = ()
    ports: tuple[PublishedPort, ...] = ()
    exposed: tuple[int, ...] = ()
    mounts: tuple[Mount, ...] = ()
    tty: bool = False
    log_driver: Safe = Safe()
    has_healthcheck: bool = False

    @property
    def short_id(self) -> str:
        """The 12 digits that `docker ps` shows."""
        return self.id[:12]


class ContainerSummary(_Labelled, frozen=True, kw_only=True):
    """One row of the container list: enough to know that something changed."""

    image: Safe
    state: ContainerStatus
    status: Safe
    command: Safe = Safe()
    ports: tuple[int, ...] = ()
    created_at: datetime | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One engine event. `action` is its first word: a health event's result is in `detail`."""

    type: Safe
    action: Safe
    detail: Safe = Safe()
    id: str = ""
    name: Safe = Safe()
    attributes: dict[Safe, Safe] = {}
    time_ns: int = 0

    @property
    def exit_code(self) -> int | None:
        """Exit status that a `die` event carries."""
        return parse_count(self.attributes.get(Safe("exitCode"), Safe()))


class StatsSample(msgspec.Struct, frozen=True, kw_only=True):
    """Counters of one container at one moment. CPU in nanoseconds, the rest in bytes.

    `memory_bytes` is without the page cache, as `docker stats` shows it: usage less
    `total_inactive_file` on cgroup v1, less `inactive_file` on v2. None: not told.
    """

    read_at: datetime | None = None
    cpu_ns: int | None = None
    system_cpu_ns: int | None = None
    online_cpus: int | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    received_bytes: int | None = None
    sent_bytes: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    pids: int | None = None


class EngineVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine says of itself. `api` is the version we speak with it."""

    engine: Safe
    api: str
    minimum_api: Safe = Safe()
    os: Safe = Safe()
    arch: Safe = Safe()
    kernel: Safe = Safe()


def rate(before: int | None, now: int | None, seconds: float) -> float | None:
    """Change of a counter a second; None when it can't be told, or the counter began anew."""
    if before is None or now is None or now < before or seconds <= 0:
        return None
    return (now - before) / seconds


def cpu_percent(before: StatsSample, now: StatsSample) -> float | None:
    """CPU between two samples, 100 = one core, as `docker stats`. None when it can't be told.

    delta(container) / delta(system) x cores: both counters are nanoseconds over all cores.
    """
    if None in (before.cpu_ns, now.cpu_ns, before.system_cpu_ns, now.system_cpu_ns, now.online_cpus):
        return None
    used = (now.cpu_ns or 0) - (before.cpu_ns or 0)
    elapsed = (now.system_cpu_ns or 0) - (before.system_cpu_ns or 0)
    if elapsed <= 0 or used < 0:  # restarted between the samples, or the same sample twice
        return None
    return used / elapsed * (now.online_cpus or 1) * 100.0
