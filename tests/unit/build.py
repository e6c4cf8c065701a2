"""Builders that the unit tests share: Letta's stack as containers, probes, documents of the engine."""

import hashlib
import json
import random
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

from lettaops.model.discovery import Candidate, build
from lettaops.model.engine import (
    Attachment,
    Container,
    ContainerState,
    ContainerStatus,
    ContainerSummary,
    Environment,
    Health,
    PublishedPort,
)
from lettaops.model.probe import Outcome, Probe, ServerProbe
from lettaops.model.source import Link, SourceStatus
from lettaops.model.stack import Stack
from lettaops.model.text import Safe
from lettaops.operations.audit import Operator

NOW: Final = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DATA: Final = Path(__file__).parent / "data"
PG_URI: Final = "postgresql://letta:letta@letta-db:5432/letta"
LIVE: Final = SourceStatus(link=Link.LIVE, last_value_at=0.0)

# Categories of characters that command a terminal, or hide or turn text around.
COMMANDS: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# What a terminal obeys: title, clipboard, link, clearing, 8-bit CSI, DCS, bidi override, NUL.
HOSTILE: Final = (
    "\x1b]0;owned\x07a\x1b]52;c;ZXZpbA==\x1b\\b\x1b]8;;http://evil\x1b\\c\x1b[2J\x9b31md\x90q\x9ce\u202ef\x00"
)


def is_clean(text: str) -> bool:
    """Whether a terminal shows the text and obeys nothing in it."""
    return not any(unicodedata.category(char) in COMMANDS for char in text)


def identity(name: str) -> str:
    """A container id that belongs to a name."""
    return hashlib.sha256(name.encode()).hexdigest()


def operator(user: str = "ada", pid: int = 4711) -> Operator:
    """Somebody at a keyboard."""
    return Operator(user=Safe(user), uid=1000, host=Safe("prod-1"), pid=pid, terminal=Safe("/dev/pts/3"))


def recorded(name: str) -> Any:
    """A document that an engine answered."""
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))


def running(up: float = 3600, **more: Any) -> ContainerState:
    """The state of a container that has been up for some seconds."""
    return ContainerState(
        status=ContainerStatus.RUNNING, pid=100, started_at=NOW - timedelta(seconds=up), exit_code=0, **more
    )


def exited(code: int, ago: float = 40, **more: Any) -> ContainerState:
    """The state of a container that ended some seconds ago."""
    return ContainerState(
        status=ContainerStatus.EXITED, exit_code=code, finished_at=NOW - timedelta(seconds=ago), **more
    )


def health(status: str, streak: int = 0, output: str = "") -> Health:
    """The result of a container's own healthcheck."""
    return Health(status=Safe(status), failing_streak=streak, last_output=Safe(output))


def container(
    name: str,
    *,
    image: str,
    service: str = "",
    project: str = "letta",
    state: ContainerState | None = None,
    env: Iterable[str] = (),
    command: str = "",
    aliases: Iterable[str] = (),
    networks: Iterable[str] = ("letta_default",),
    ports: Iterable[tuple[int, int]] = (),
    exposed: Iterable[int] = (),
    **more: Any,
) -> Container:
    """A container; of a compose service when `service` is given. `ports`: (in the container, on the host)."""
    labels = {"com.docker.compose.project": project, "com.docker.compose.service": service} if service else {}
    places = tuple(
        Attachment(
            network=Safe(network),
            address=Safe("" if network == "host" else f"172.20.0.{sum(name.encode()) % 200 + 2}"),
            aliases=tuple(Safe(alias) for alias in aliases),
        )
        for network in networks
    )
    return Container(
        id=identity(name),
        name=Safe(name),
        image=Safe(image),
        labels={Safe(key): Safe(value) for key, value in labels.items()},
        environment=Environment(tuple(env)),
        command=tuple(Safe(word) for word in command.split()),
        state=state or running(),
        attachments=places,
        ports=tuple(
            PublishedPort(
                container_port=inner, protocol=Safe("tcp"), host_ip=Safe("0.0.0.0"), host_port=outer
            )
            for inner, outer in ports
        ),
        exposed=tuple(exposed),
        **more,
    )


def database(name: str = "letta-letta_db-1", **more: Any) -> Container:
    """`letta_db` of Letta's compose file."""
    given: dict[str, Any] = {
        "image": "ankane/pgvector:v0.5.1",
        "service": "letta_db",
        "env": ("POSTGRES_USER=letta", "POSTGRES_PASSWORD=letta", "POSTGRES_DB=letta"),
        "command": "docker-entrypoint.sh postgres",
        "aliases": ("letta_db", "pgvector_db", "letta-db"),
        "ports": ((5432, 5432),),
        "exposed": (5432,),
    }
    return container(name, **(given | more))


def server(name: str = "letta-letta_server-1", *, uri: str | None = PG_URI, **more: Any) -> Container:
    """`letta_server` of Letta's compose file; `uri` None: with its own Postgres."""
    given: dict[str, Any] = {
        "image": "letta/letta:latest",
        "service": "letta_server",
        "env": ("LETTA_DEBUG=True", "OPENAI_API_KEY=", *([f"LETTA_PG_URI={uri}"] if uri is not None else [])),
        "command": "docker-entrypoint.sh ./letta/server/startup.sh",
        "aliases": ("letta_server",),
        "ports": ((8083, 8083), (8283, 8283)),
        "exposed": (4317, 4318, 5432, 6379, 8283),
    }
    return container(name, **(given | more))


def proxy(name: str = "letta-letta_nginx-1", **more: Any) -> Container:
    """`letta_nginx` of Letta's compose file."""
    given: dict[str, Any] = {
        "image": "nginx:stable-alpine3.17-slim",
        "service": "letta_nginx",
        "command": "/docker-entrypoint.sh nginx -g daemon off;",
        "aliases": ("letta_nginx",),
        "ports": ((80, 80),),
        "exposed": (80,),
    }
    return container(name, **(given | more))


def cache(name: str = "letta-redis-1", **more: Any) -> Container:
    """A redis beside Letta's services."""
    given: dict[str, Any] = {"image": "redis:7-alpine", "service": "redis", "exposed": (6379,)}
    return container(name, **(given | more))


def sidecar(name: str = "letta-otel-1", **more: Any) -> Container:
    """A service that isn't Letta's."""
    return container(name, **({"image": "otel/collector:0.96", "service": "otel"} | more))


def row_of(one: Container) -> ContainerSummary:
    """The row that the container list has for a container."""
    return ContainerSummary(
        id=one.id,
        name=one.name,
        image=one.image,
        state=one.state.status,
        status=Safe("Up 1 hour"),
        command=Safe(" ".join(one.command)),
        labels=one.labels,
        ports=one.exposed,
    )


def stack_of(*containers: Container, project: str = "letta", compose: bool = True) -> Stack:
    """The deployment that these containers make up."""
    ids = tuple(each.id for each in containers)
    return build(Candidate(project=Safe(project), container_ids=ids, compose=compose), containers)


def good(latency: float = 4.0) -> Probe:
    """A right answer."""
    return Probe(outcome=Outcome.OK, latency_ms=latency, status=200)


def failed(outcome: Outcome, detail: str = "", **more: Any) -> Probe:
    """A wrong answer, or none."""
    return Probe(outcome=outcome, detail=Safe(detail), **more)


def answering(deep: Probe | None = None, agents: int | None = 3) -> ServerProbe:
    """A server whose health is right, and whose use of the database went as `deep` says."""
    return ServerProbe(
        health=good(), database=deep or good(55.0), version=Safe("0.16.8"), agents=None if deep else agents
    )


JSON_VALUES: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(("9" * 5000, "²", "0001-01-01T00:00:00Z", "2026-11-22T01:02:03.123456789Z", HOSTILE)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


_ODD: Final[tuple[Any, ...]] = (
    None,
    True,
    0,
    -1,
    1e300,
    float("nan"),
    "",
    "x",
    "9" * 5000,
    HOSTILE,
    [],
    [None],
    {},
    {"a": []},
)


def damaged(document: Any) -> st.SearchStrategy[Any]:
    """A real document with fields left out, made null or of another type, at every depth."""
    return st.tuples(st.integers(0, 2**32), st.sampled_from((0.02, 0.1, 0.4))).map(
        lambda fate: _damage(document, random.Random(fate[0]), fate[1])
    )


def _damage(value: Any, dice: random.Random, share: float) -> Any:
    if dice.random() < share:
        return dice.choice(_ODD)
    if isinstance(value, dict):
        return {key: _damage(each, dice, share) for key, each in value.items() if dice.random() > share}
    if isinstance(value, list):
        return [_damage(each, dice, share) for each in value]
    return value
