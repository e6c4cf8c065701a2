"""The container list, asked for before anything slow is imported: one request, a short deadline, no retries.

Whatever goes wrong, the answer is None: the dashboard asks properly a moment later, and says why.
Imports the standard library, `model.text`, `model.recognise` and `sources.choice` only (msgspec takes 35 ms
or more).
"""

import json
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from lettaops.model.recognise import (
    CHAIN_NAMES,
    ONEOFF_LABEL,
    PROJECT_LABEL,
    SERVICE_LABEL,
    RoleName,
    groups,
    role_by_names,
)
from lettaops.model.text import Safe, clean
from lettaops.sources.choice import UNREADABLE, choose

DEADLINE: Final = 0.15  # seconds for connecting, asking and reading
_MOST_BYTES: Final = 16 << 20
_REQUEST: Final = b"GET /containers/json?all=1 HTTP/1.0\r\nHost: docker\r\n\r\n"


class Seen(NamedTuple):
    """A container as the list tells of it; all texts are cleaned."""

    id: str
    name: Safe
    image: Safe
    command: Safe
    project: Safe
    service: Safe
    ports: tuple[int, ...]
    state: Safe
    status: Safe
    one_off: bool

    @property
    def role(self) -> RoleName:
        """What it does for the stack, as far as names tell."""
        return role_by_names(self.service, self.image, self.command) or "other"


class Look(NamedTuple):
    """What the engine's list shows. `project` empty: no deployment, or `choices` of several."""

    project: Safe = Safe()
    members: tuple[Seen, ...] = ()
    others: int = 0
    choices: int = 0


def look(path: str, project: str | None = None, *, deadline: float = DEADLINE) -> Look | None:
    """The deployment behind the engine's socket at `path`; None when it didn't tell in time."""
    rows = _listed(path, time.monotonic() + deadline)
    if rows is None:
        return None
    found = groups(rows, project)
    if len(found) != 1:
        return Look(others=len(rows), choices=len(found))
    chosen = set(found[0].container_ids)
    members = [row for row in rows if row.id in chosen and not row.one_off]
    members.sort(key=lambda each: (CHAIN_NAMES.index(each.role), each.service, each.name))
    return Look(clean(found[0].name), tuple(members), others=len(rows) - len(members))


def engine_socket(
    host: str | None, context: str | None, environ: Mapping[str, str], home: Path
) -> str | None:
    """The local socket that the options and the environment mean; None when that takes more to find out."""
    if host and context:
        return None
    try:
        path = choose(host, context, environ, home).address.removeprefix("unix://")
    except UNREADABLE:
        return None
    return path if path.startswith("/") else None


def _listed(path: str, until: float) -> list[Seen] | None:
    try:
        head, _, body = _answer(path, until).partition(b"\r\n\r\n")
        if head.split(b" ", 2)[1:2] != [b"200"] or b"chunked" in head.lower():
            return None
        rows = json.loads(body)
    except (OSError, ValueError, RecursionError):
        return None
    return [_seen(row) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else None


def _answer(path: str, until: float) -> bytes:
    """The raw answer. Raises OSError, also when time is up or the answer is enormous."""
    data = bytearray()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(max(0.001, until - time.monotonic()))
        connection.connect(path)
        connection.sendall(_REQUEST)
        while True:
            connection.settimeout(max(0.001, until - time.monotonic()))
            part = connection.recv(1 << 16)
            if not part:
                return bytes(data)
            data += part
            if len(data) > _MOST_BYTES or time.monotonic() > until:
                raise TimeoutError


def _seen(row: dict[str, object]) -> Seen:
    labels = row.get("Labels")
    labels = labels if isinstance(labels, dict) else {}
    names = [each for each in _list(row.get("Names")) if isinstance(each, str)]
    own = [each for each in names if each.count("/") == 1] or names
    name = _text(own[0].removeprefix("/")) if own else Safe()
    ports = [each.get("PrivatePort") for each in _list(row.get("Ports")) if isinstance(each, dict)]
    return Seen(
        id=_text(row.get("Id")),
        name=name,
        image=_text(row.get("Image")),
        command=_text(row.get("Command")),
        project=_text(labels.get(PROJECT_LABEL)),
        service=_text(labels.get(SERVICE_LABEL)) or name,
        ports=tuple(each for each in ports if isinstance(each, int)),
        state=_text(row.get("State")),
        status=_text(row.get("Status")),
        one_off=_text(labels.get(ONEOFF_LABEL)).lower() == "true",
    )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _text(value: object) -> Safe:
    return clean(value, 500) if isinstance(value, str) else Safe()
