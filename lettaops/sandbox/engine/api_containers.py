"""Requests about containers: what they are, and acts on them."""

import asyncio
import io
import re
import shutil
import signal
import tarfile
from base64 import b64encode
from collections.abc import Callable
from typing import Final

import msgspec

from lettaops.sandbox.engine import clock, documents
from lettaops.sandbox.engine.backend import Backend, Filters, filters_of, has_labels
from lettaops.sandbox.engine.container import Container
from lettaops.sandbox.engine.errors import BadRequest, NoSuch, WrongState
from lettaops.sandbox.engine.http import Answer, Request
from lettaops.sandbox.engine.stats import Meter

_LIST_FILTERS: Final = frozenset({"label", "name", "status", "id", "health", "network", "ancestor", "exited"})
_SAMPLE_SECONDS: Final = 1.0
_TOP_SECONDS: Final = 5.0


async def list_containers(backend: Backend, request: Request, answer: Answer) -> None:
    """`GET /containers/json`, newest first."""
    wanted = filters_of(request.query, _LIST_FILTERS)
    everything = request.flag("all") or "status" in wanted or "exited" in wanted
    found = [
        each
        for each in reversed(backend.containers.values())
        if (everything or each.state.up or each.state.status == "restarting") and _fits(each, wanted, backend)
    ]
    limit = request.number("limit")
    if limit is not None and limit > 0:
        found = found[:limit]
    await answer.json([documents.listed(each, backend.network) for each in found])


async def inspect(backend: Backend, request: Request, answer: Answer, name: str) -> None:
    """`GET /containers/{id}/json`."""
    await answer.json(documents.inspected(backend.find(name), backend.network))


async def start(backend: Backend, _request: Request, answer: Answer, name: str) -> None:
    """`POST /containers/{id}/start`."""
    container = backend.find(name)
    if container.state.status == "paused":
        raise WrongState("cannot start a paused container, try unpause instead")
    await answer.empty(204 if await container.start() else 304)


async def stop(backend: Backend, request: Request, answer: Answer, name: str) -> None:
    """`POST /containers/{id}/stop`."""
    stopped = await backend.find(name).stop(request.number("t"))
    await answer.empty(204 if stopped else 304)


async def restart(backend: Backend, request: Request, answer: Answer, name: str) -> None:
    """`POST /containers/{id}/restart`."""
    await backend.find(name).restart(request.number("t"))
    await answer.empty()


async def kill(backend: Backend, request: Request, answer: Answer, name: str) -> None:
    """`POST /containers/{id}/kill`."""
    await backend.find(name).kill(_signal(request.query.get("signal") or "SIGKILL"))
    await answer.empty()


async def pause(backend: Backend, _request: Request, answer: Answer, name: str) -> None:
    """`POST /containers/{id}/pause`."""
    await backend.find(name).pause()
    await answer.empty()


async def unpause(backend: Backend, _request: Request, answer: Answer, name: str) -> None:
    """`POST /containers/{id}/unpause`."""
    container = backend.find(name)
    if not await container.unpause():
        await answer.error(500, f"Container {container.id} is not paused")
        return
    await answer.empty()


async def wait(backend: Backend, request: Request, answer: Answer, name: str) -> None:
    """`POST /containers/{id}/wait`."""
    container = backend.find(name)
    condition = request.query.get("condition") or "not-running"
    if condition not in ("not-running", "next-exit"):
        raise BadRequest(f"the sandbox can't wait for {condition}: its containers are never removed")
    async with answer.stream("application/json") as stream:  # a client may go on once the head has come
        code = container.state.exit_code
        if condition == "next-exit" or container.state.up:
            code = await container.next_exit()
        await stream.write(msgspec.json.encode({"StatusCode": code, "Error": None}) + b"\n")


async def resize(backend: Backend, request: Request, answer: Answer, name: str) -> None:
    """`POST /containers/{id}/resize`."""
    backend.find(name).resize(request.number("h") or 0, request.number("w") or 0)
    await answer.empty(200)


async def stats(backend: Backend, request: Request, answer: Answer, name: str) -> None:
    """`GET /containers/{id}/stats`."""
    container = backend.find(name)
    meter = Meter(container)
    if not request.flag("stream", default=True):
        if not request.flag("one-shot") and container.state.up:
            meter.read()
            await asyncio.sleep(_SAMPLE_SECONDS)
        await answer.json(meter.read())
        return
    async with answer.stream("application/json") as stream:
        while True:
            await stream.write(msgspec.json.encode(meter.read()) + b"\n")
            await asyncio.sleep(_SAMPLE_SECONDS)


async def top(backend: Backend, request: Request, answer: Answer, name: str) -> None:
    """`GET /containers/{id}/top`: this machine's `ps`, less the lines of others."""
    container = backend.find(name)
    if not container.state.up:
        raise WrongState(f"Container {container.id} is not running")
    program = shutil.which("ps")
    if program is None:
        await answer.error(500, "this machine has no ps, which lists a container's processes")
        return
    words = (request.query.get("ps_args") or "-ef").split()
    process = await asyncio.create_subprocess_exec(
        program, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(_TOP_SECONDS):
        output, errors = await process.communicate()
    titles, *lines = output.decode(errors="replace").splitlines() or [""]
    columns = titles.split()
    if process.returncode or "PID" not in columns:
        raise BadRequest(f"ps: {errors.decode(errors='replace').strip() or 'no column PID'}")
    members = container.members.all()
    rows = [line.split(None, len(columns) - 1) for line in lines]
    place = columns.index("PID")
    mine = [row for row in rows if len(row) > place and row[place].isdecimal() and int(row[place]) in members]
    await answer.json({"Titles": columns, "Processes": mine})


async def archive(backend: Backend, request: Request, answer: Answer, name: str) -> None:
    """`GET` and `HEAD /containers/{id}/archive`: a tar of the spec's files at and below a path."""
    container = backend.find(name)
    path = "/" + request.query.get("path", "").strip("/")
    files = {
        each: content
        for each, content in container.spec.files.items()
        if each == path or each.startswith(path.rstrip("/") + "/")
    }
    if not files:
        raise NoSuch(f"Could not find the file {path} in container {container.spec.name}")
    single = path in files
    stat = {
        "name": path.rpartition("/")[2],
        "size": len(files[path]) if single else 4096,
        "mode": 0o644 if single else 0o755 | 1 << 31,
        "mtime": clock.rfc3339(container.created_at),
        "linkTarget": "",
    }
    headers = {"X-Docker-Container-Path-Stat": b64encode(msgspec.json.encode(stat)).decode()}
    await answer.whole(_tar(files, path, container.created_at), "application/x-tar", headers=headers)


def _tar(files: dict[str, bytes], path: str, moment: int) -> bytes:
    parent = path.rpartition("/")[0] + "/"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in sorted(files.items()):
            member = tarfile.TarInfo(name.removeprefix(parent))
            member.size, member.mtime = len(content), moment // clock.SECOND
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _fits(container: Container, wanted: Filters, backend: Backend) -> bool:
    spec, state = container.spec, container.state
    health = container.health.status if container.health else "none"
    checks: dict[str, Callable[[str], bool]] = {
        "name": lambda value: _found(value, spec.name),
        "id": container.id.startswith,
        "status": lambda value: value == state.status,
        "health": lambda value: value == health,
        "network": lambda value: value in (backend.network, documents.network_id(backend.network)),
        "ancestor": lambda value: value in (spec.image, documents.image_id(spec.image)),
        "exited": lambda value: state.status == "exited" and value == str(state.exit_code),
    }
    return has_labels(spec.labels, wanted.get("label", [])) and all(
        any(checks[name](value) for value in values) for name, values in wanted.items() if name in checks
    )


def _found(pattern: str, name: str) -> bool:
    try:
        return bool(re.search(pattern, name) or re.search(pattern, f"/{name}"))
    except re.error as error:
        raise BadRequest(f"Invalid filter 'name': {error}") from error


def _signal(text: str) -> signal.Signals:
    try:
        if text.isdecimal():
            return signal.Signals(int(text))
        return signal.Signals[text.upper() if text.upper().startswith("SIG") else f"SIG{text.upper()}"]
    except (ValueError, KeyError):
        raise BadRequest(f"Invalid signal: {text}") from None
