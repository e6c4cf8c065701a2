"""Requests about the engine itself, events, networks, volumes and images."""

import os
import platform
from collections.abc import Callable
from typing import Final

import msgspec

from lettaops import __version__
from lettaops.sandbox.engine import clock, documents, procfs
from lettaops.sandbox.engine.backend import Backend, Filters, filters_of, has_labels
from lettaops.sandbox.engine.container import Status
from lettaops.sandbox.engine.errors import BadRequest, NoSuch
from lettaops.sandbox.engine.events import Event
from lettaops.sandbox.engine.http import Answer, Request

API_VERSION: Final = (1, 41)
OLDEST_API_VERSION: Final = (1, 24)
ENGINE_VERSION: Final = f"20.10.0+sandbox.{__version__}"
_EVENT_FILTERS: Final = frozenset(
    {"container", "event", "type", "label", "image", "network", "volume", "daemon", "scope"}
)
_NETWORK_FILTERS: Final = frozenset({"name", "id", "label", "driver", "type", "scope", "dangling"})


def shown(version: tuple[int, int]) -> str:
    """As it stands in paths."""
    return f"{version[0]}.{version[1]}"


async def ping(_backend: Backend, _request: Request, answer: Answer) -> None:
    """`GET` and `HEAD /_ping`."""
    headers = {"Ostype": "linux", "Docker-Experimental": "false", "Cache-Control": "no-cache"}
    await answer.whole(b"OK", "text/plain; charset=utf-8", headers=headers)


async def version(_backend: Backend, _request: Request, answer: Answer) -> None:
    """`GET /version`."""
    details = {
        "ApiVersion": shown(API_VERSION),
        "MinAPIVersion": shown(OLDEST_API_VERSION),
        "Os": "linux",
        "Arch": _architecture(),
        "KernelVersion": platform.release(),
    }
    await answer.json(
        {
            "Platform": {"Name": "lettaops sandbox"},
            "Components": [{"Name": "Engine", "Version": ENGINE_VERSION, "Details": details}],
            "Version": ENGINE_VERSION,
            **details,
            "GitCommit": "",
            "GoVersion": "",
            "BuildTime": "",
        }
    )


async def info(backend: Backend, _request: Request, answer: Answer) -> None:
    """`GET /info`."""
    states = [each.state.status for each in backend.containers.values()]
    running = sum(each in (Status.RUNNING, Status.RESTARTING) for each in states)
    paused = states.count(Status.PAUSED)
    await answer.json(
        {
            "ID": documents.network_id(backend.network)[:12],
            "Name": "sandbox",
            "ServerVersion": ENGINE_VERSION,
            "Containers": len(states),
            "ContainersRunning": running,
            "ContainersPaused": paused,
            "ContainersStopped": len(states) - running - paused,
            "Images": len({each.spec.image for each in backend.containers.values()}),
            "Driver": "sandbox",
            "LoggingDriver": "json-file",
            "CgroupDriver": "none",
            "OperatingSystem": "lettaops sandbox: processes of this machine, no containers",
            "OSType": "linux",
            "Architecture": platform.machine(),
            "KernelVersion": platform.release(),
            "NCPU": os.cpu_count() or 1,
            "MemTotal": procfs.memory_total_bytes(),
            "SystemTime": clock.rfc3339(clock.now()),
            "Labels": ["lettaops.sandbox=true"],
            "LiveRestoreEnabled": False,
            "Swarm": {"LocalNodeState": "inactive"},
            "Warnings": None,
        }
    )


async def events(backend: Backend, request: Request, answer: Answer) -> None:
    """`GET /events`: one JSON document a line."""
    wanted = filters_of(request.query, _EVENT_FILTERS)
    try:
        since = clock.parse(request.query.get("since", ""))
        until = clock.parse(request.query.get("until", ""))
    except ValueError as error:
        raise BadRequest(f"no time: {error}") from error
    listening = backend.events.listen(since, until, lambda event: _matches(event, wanted))
    async with answer.stream("application/json") as stream:
        async for event in listening:
            await stream.write(msgspec.json.encode(event.document()) + b"\n")


async def networks(backend: Backend, request: Request, answer: Answer) -> None:
    """`GET /networks`."""
    wanted = filters_of(request.query, _NETWORK_FILTERS)
    names = wanted.get("name", [])
    network = _network(backend)
    labels = network["Labels"]
    fits = not names or any(each in backend.network for each in names)
    fits = fits and isinstance(labels, dict) and has_labels(labels, wanted.get("label", []))
    await answer.json([network] if fits else [])


async def network(backend: Backend, _request: Request, answer: Answer, name: str) -> None:
    """`GET /networks/{id}`."""
    if name != backend.network and not documents.network_id(backend.network).startswith(name):
        raise NoSuch(f"network {name} not found")
    await answer.json(_network(backend))


async def volumes(backend: Backend, _request: Request, answer: Answer) -> None:
    """`GET /volumes`."""
    found = documents.volume_documents(backend.containers.values(), backend.created_at)
    await answer.json({"Volumes": found, "Warnings": None})


async def volume(backend: Backend, _request: Request, answer: Answer, name: str) -> None:
    """`GET /volumes/{name}`."""
    found = documents.volume_documents(backend.containers.values(), backend.created_at)
    document = next((each for each in found if each["Name"] == name), None)
    if document is None:
        raise NoSuch(f"get {name}: no such volume")
    await answer.json(document)


async def images(backend: Backend, _request: Request, answer: Answer) -> None:
    """`GET /images/json`: those that the containers name."""
    names = sorted({each.spec.image for each in backend.containers.values()})
    await answer.json([documents.image_document(each, backend.created_at) for each in names])


async def image(backend: Backend, _request: Request, answer: Answer, name: str) -> None:
    """`GET /images/{name}/json`."""
    for each in backend.containers.values():
        if name in (each.spec.image, documents.image_id(each.spec.image)):
            document = documents.image_document(each.spec.image, backend.created_at)
            await answer.json({**document, "Created": clock.rfc3339(backend.created_at), "Config": {}})
            return
    raise NoSuch(f"No such image: {name}")


def _network(backend: Backend) -> dict[str, object]:
    return documents.network_document(backend.network, backend.containers.values(), backend.created_at)


def _matches(event: Event, wanted: Filters) -> bool:
    attributes, word = event.attributes, event.action.partition(":")[0]
    checks: dict[str, Callable[[str], bool]] = {
        "type": lambda value: value == event.kind,
        "event": lambda value: value in (event.action, word),
        "container": lambda value: (
            event.kind == "container"
            and (event.identity.startswith(value) or attributes.get("name") == value)
        ),
        "image": lambda value: attributes.get("image") == value,
    }
    return has_labels(attributes, wanted.get("label", [])) and all(
        any(checks[name](value) for value in values) for name, values in wanted.items() if name in checks
    )


def _architecture() -> str:
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
