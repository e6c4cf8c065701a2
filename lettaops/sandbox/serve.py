"""Runs one sandbox from its making to its removal, in this process and the engine's."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from lettaops.model.errors import DeadlineExceeded, LettaopsError
from lettaops.sandbox.breaking import apply
from lettaops.sandbox.client import EngineClient
from lettaops.sandbox.database.cluster import Making
from lettaops.sandbox.database.programs import find_programs, reachable
from lettaops.sandbox.deployment import DATABASE, HOST, PROJECT, PROXY, SERVER, Deployment, plan_deployment
from lettaops.sandbox.engine.claim import Claim
from lettaops.sandbox.place import (
    KEPT,
    cache_directory,
    new_directory,
    postgres_account,
)
from lettaops.sandbox.running import HEALTHY_SECONDS, SCHEMA, Options, Running
from lettaops.sandbox.scenarios import Scenario
from lettaops.sandbox.spec import encode_spec
from lettaops.sandbox.web import httpx, loopback_client

T = TypeVar("T")
_STOP_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.05
_TOLD_LINES: Final = 6
_CONFIGURATION: Final = """\
default_profile = "sandbox"

[profiles.sandbox]
colour = "cyan"
host = {host}
"""


def serve(options: Options, tell: Callable[[Running], None]) -> None:
    """Run a sandbox until a signal or its lifeline ends it; `tell` is called with `Running` when it is up.

    Raises `LettaopsError` when it doesn't come up; everything is removed again in any case.
    """
    asyncio.run(_serve(options, tell, os.environ))


async def _serve(options: Options, tell: Callable[[Running], None], environ: Mapping[str, str]) -> None:
    began = time.monotonic()
    os.umask(0o077)  # logs and settings hold passwords
    end = asyncio.Event()
    _end_by_signal(end, options.lifeline)
    with new_directory(environ) as claim:
        place = claim.directory
        if options.keep:
            (place / KEPT).touch()
        making, deployment = await asyncio.to_thread(_prepare, claim, cache_directory(environ) / "sandbox")
        with contextlib.closing(making):
            made = asyncio.create_task(asyncio.to_thread(making.finish))
            try:
                await _run(options, tell, end, deployment, made, place, began)
            finally:
                await asyncio.wait([made])


def _prepare(claim: Claim, cache: Path) -> tuple[Making, Deployment]:
    """Everything about a sandbox, and its specification in its directory."""
    place = claim.directory
    account = postgres_account()
    programs = find_programs()
    if account is not None:
        programs = reachable(programs, place / "postgres")
    making = Making(place / "database", programs, cache, account)
    deployment = plan_deployment(place, making.cluster, programs, account)
    (place / "spec.json").write_bytes(encode_spec(deployment.spec))
    return making, deployment


async def _run(
    options: Options,
    tell: Callable[[Running], None],
    end: asyncio.Event,
    deployment: Deployment,
    made: asyncio.Task[None],
    place: Path,
    began: float,
) -> None:
    async with _engine(place) as (socket, process), EngineClient(socket) as engine:
        ready = await _until_over(end, process, _bring_up(engine, deployment, made, options.scenario))
        if ready is None:
            return
        tell(_running(place, socket, deployment, options.scenario, ready - began))
        traffic = asyncio.create_task(_traffic(deployment))
        try:
            await _until_over(end, process, end.wait())
        finally:
            traffic.cancel()
            await asyncio.wait([traffic])


@contextlib.asynccontextmanager
async def _engine(place: Path) -> AsyncIterator[tuple[Path, asyncio.subprocess.Process]]:
    """The engine's process, which ends with us; at the end it has stopped all containers."""
    socket = place / "docker.sock"
    with (place / "engine.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "lettaops.sandbox.engine", str(place / "spec.json"),
            "--directory", str(place), "--socket", str(socket), "--no-start", "--with-parent",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log, start_new_session=True,
        )  # fmt: skip
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the engine's process has no pipes")
    try:
        async with asyncio.timeout(HEALTHY_SECONDS):
            line = await process.stdout.readline()
        told = msgspec.json.decode(line or b"{}")
        if "listening" not in told:
            lines = (place / "engine.log").read_text(encoding="utf-8", errors="replace").splitlines()
            why = told.get("error") or " / ".join(lines[-3:])
            raise LettaopsError(f"the sandbox's engine did not start: {why}")
        yield socket, process
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _until_over(
    end: asyncio.Event, process: asyncio.subprocess.Process, work: Awaitable[T]
) -> T | None:
    """The result of `work`; None when we are told to end. Raises `LettaopsError` when the engine ends."""
    working = asyncio.ensure_future(work)
    over = asyncio.create_task(end.wait())
    gone = asyncio.create_task(process.wait())
    tasks = {working, over, gone}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        if over.done():
            return None
        raise LettaopsError(f"the sandbox's engine ended by itself, with {process.returncode}")
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def _bring_up(
    engine: EngineClient, deployment: Deployment, made: asyncio.Task[None], scenario: Scenario | None
) -> float:
    """Start the containers, wait until a request gets through all of them, then break what is to break.

    The moment when it got through, on the monotonic clock.
    """
    await engine.start(PROXY)
    await made
    deadline = time.monotonic() + HEALTHY_SECONDS
    await engine.start(DATABASE)
    await _until_listening(engine, deployment.postgres, deadline)
    await engine.start(SERVER)
    await _until_served(engine, deployment, deadline)
    ready = time.monotonic()
    if scenario is not None:
        await apply(scenario, engine, deployment)
    return ready


def _running(
    place: Path, socket: Path, deployment: Deployment, scenario: Scenario | None, seconds: float
) -> Running:
    host = f"unix://{socket}"
    configuration = place / "config.toml"
    configuration.write_text(_CONFIGURATION.format(host=msgspec.json.encode(host).decode()), encoding="utf-8")
    return Running(
        schema=SCHEMA,
        pid=os.getpid(),
        engine=host,
        project=PROJECT,
        directory=str(place),
        configuration=str(configuration),
        state=str(place / "state"),
        server=f"http://127.0.0.1:{deployment.server}",
        websocket=f"ws://127.0.0.1:{deployment.websocket}",
        proxy=f"http://127.0.0.1:{deployment.proxy}",
        scenario=scenario.name if scenario else None,
        ready_after_s=round(seconds, 2),
    )


async def _traffic(deployment: Deployment) -> None:
    from lettaops.sandbox.traffic import Traffic  # what it needs is imported when all is up

    await Traffic(deployment).run()


async def _until_listening(engine: EngineClient, port: int, deadline: float) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await _pause_for(engine, DATABASE, deadline)
            continue
        writer.close()
        return


async def _until_served(engine: EngineClient, deployment: Deployment, deadline: float) -> None:
    """Until a request through the proxy comes back with something from the database."""
    headers = {"host": HOST, "authorization": f"Bearer {deployment.password.reveal()}"}
    base = f"http://127.0.0.1:{deployment.proxy}"
    async with loopback_client(base, headers, 5.0) as client:
        while True:
            try:
                if (await client.get("/v1/agents/count")).status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            await _pause_for(engine, SERVER, deadline)


async def _pause_for(engine: EngineClient, name: str, deadline: float) -> None:
    """A moment's wait for a container. Raises with its last words when it has ended, or time is up."""
    state = await engine.state(name)
    running = state.get("Running") and not state.get("Restarting")
    if running and time.monotonic() < deadline:
        await asyncio.sleep(_POLL_SECONDS)
        return
    lines = await engine.last_lines(name, _TOLD_LINES)
    said = f"; its last words: {' / '.join(lines)}" if lines else ""
    if not running:
        raise LettaopsError(f"{name} of the sandbox ended with {state.get('ExitCode')}{said}")
    raise DeadlineExceeded(f"{name} of the sandbox did not work after {HEALTHY_SECONDS:.0f} s{said}")


def _end_by_signal(end: asyncio.Event, lifeline: int | None) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, end.set)
    if lifeline is None:
        return

    def read() -> None:
        if not os.read(lifeline, 4096):
            loop.remove_reader(lifeline)
            end.set()

    loop.add_reader(lifeline, read)
