"""Requests whose answers are a container's or a command's output."""

import asyncio
from typing import Final

from lettaops.sandbox.engine import clock
from lettaops.sandbox.engine.backend import Backend
from lettaops.sandbox.engine.child import STDOUT
from lettaops.sandbox.engine.container import Container
from lettaops.sandbox.engine.errors import BadRequest, CannotStart, WrongState
from lettaops.sandbox.engine.execs import Exec, check_runs, exec_config
from lettaops.sandbox.engine.http import RAW_STREAM, Answer, Request
from lettaops.sandbox.engine.logfile import Selection, parts

_ALL: Final = ("", "all")


async def logs(backend: Backend, request: Request, answer: Answer, name: str) -> None:
    """`GET /containers/{id}/logs`."""
    container = backend.find(name)
    selection = _selection(request)
    if not (selection.stdout or selection.stderr):
        raise BadRequest("Bad parameters: you must choose at least one stream")
    timestamps = request.flag("timestamps")
    async with answer.stream(RAW_STREAM) as stream:
        async for records in container.log.read(selection):
            await stream.write(_rendered(records, container, timestamps=timestamps))


async def attach(backend: Backend, request: Request, answer: Answer, name: str) -> None:
    """`POST /containers/{id}/attach`: its output from now on, with `logs` also what was before."""
    container = backend.find(name)
    selection = Selection(
        stdout=request.flag("stdout"),
        stderr=request.flag("stderr"),
        tail=None if request.flag("logs") else 0,
        follow=request.flag("stream"),
    )
    await answer.take_over()
    async for records in container.log.read(selection):
        await answer.write(_rendered(records, container, timestamps=False))


async def create_exec(backend: Backend, request: Request, answer: Answer, name: str) -> None:
    """`POST /containers/{id}/exec`."""
    container = backend.find(name)
    check_runs(container)
    command = Exec(container, exec_config(request.body))
    backend.add_exec(command)
    await answer.json({"Id": command.id}, 201)


async def start_exec(backend: Backend, request: Request, answer: Answer, name: str) -> None:
    """`POST /exec/{id}/start`: the command goes on when the client hangs up.

    That it can't be started is said in its output, as engines do, but to who doesn't want the output.
    """
    command = backend.find_exec(name)
    check_runs(command.container)
    if request.document().get("Detach"):
        backend.in_background(command.finish(await command.start(), _nowhere))
        await answer.empty(200)
        return
    config = command.config
    reader = await answer.take_over()

    async def pass_on(stream: int, data: bytes) -> None:
        if config.tty:
            await answer.write(data)
        elif config.attach_stdout if stream == STDOUT else config.attach_stderr:
            await answer.write(_frame(stream, data))

    try:
        child = await command.start()
    except WrongState as error:
        await pass_on(STDOUT, f"{error}\r\n".encode())
    except CannotStart as error:
        await pass_on(STDOUT, f"OCI runtime exec failed: exec failed: {error}: unknown\r\n".encode())
    else:
        stdin = reader if config.attach_stdin else None
        await asyncio.shield(backend.in_background(command.finish(child, pass_on, stdin)))


async def inspect_exec(backend: Backend, _request: Request, answer: Answer, name: str) -> None:
    """`GET /exec/{id}/json`."""
    command = backend.find_exec(name)
    config = command.config
    await answer.json(
        {
            "ID": command.id,
            "Running": command.running,
            "ExitCode": command.exit_code,
            "ProcessConfig": {
                "tty": config.tty,
                "entrypoint": config.cmd[0],
                "arguments": config.cmd[1:],
                "privileged": False,
                "user": config.user,
            },
            "OpenStdin": config.attach_stdin,
            "OpenStdout": config.attach_stdout,
            "OpenStderr": config.attach_stderr,
            "CanRemove": False,
            "ContainerID": command.container.id,
            "DetachKeys": "",
            "Pid": command.pid,
        }
    )


async def resize_exec(backend: Backend, request: Request, answer: Answer, name: str) -> None:
    """`POST /exec/{id}/resize`."""
    backend.find_exec(name).resize(request.number("h") or 0, request.number("w") or 0)
    await answer.empty(201)


async def _nowhere(_stream: int, _data: bytes) -> None:
    pass


def _selection(request: Request) -> Selection:
    tail = request.query.get("tail", "")
    try:
        since = clock.parse(request.query.get("since", ""))
        until = clock.parse(request.query.get("until", ""))
    except ValueError as error:
        raise BadRequest(f"no time: {error}") from error
    # A tail that is no number counts as all, and 0 as no time, as engines take them.
    return Selection(
        stdout=request.flag("stdout"),
        stderr=request.flag("stderr"),
        tail=None if tail in _ALL or not tail.isdecimal() else int(tail),
        since=since or None,
        until=until or None,
        follow=request.flag("follow"),
    )


def _rendered(records: list[bytes], container: Container, *, timestamps: bool) -> bytes:
    pieces = []
    for record in records:
        stream, stamp, printed = parts(record)
        if timestamps:
            printed = stamp + b" " + printed
        pieces.append(printed if container.spec.tty else _frame(stream, printed))
    return b"".join(pieces)


def _frame(stream: int, payload: bytes) -> bytes:
    return bytes((stream, 0, 0, 0)) + len(payload).to_bytes(4, "big") + payload
