"""Servers for the tests: made once for each version, copied for each test that breaks one."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lettaops.model import secrets
from lettaops.model.stack import Stack
from lettaops.model.text import Safe
from lettaops.monitor.database.state import Subject
from lettaops.monitor.database.watch import DatabaseWatch
from lettaops.sources.engine import Engine
from lettaops.sources.target import EngineTarget
from tests.postgres.people import People
from tests.postgres.postmaster import DATABASE, PASSWORD, PRISTINE, USER, Postmaster, installed, running
from tests.unit.build import server, stack_of

SCHEMA = (Path(__file__).parent / "schema.sql").read_text(encoding="utf-8")
INSTALLED = installed()
# The version that all tests run on; the statements run on each that is there.
MAIN = 16 if 16 in INSTALLED else max(INSTALLED, default=0)


@pytest.fixture(autouse=True)
def _own_redactor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that one test registers is not struck out in another."""
    monkeypatch.setattr(secrets, "_redactor", secrets.Redactor())


@pytest.fixture(scope="session")
def templates() -> Iterator[Callable[[int], Path]]:
    """Data directories with the schema, by version."""
    assert INSTALLED, "no PostgreSQL is installed: the tests bring one along as a package"
    root = Path(tempfile.mkdtemp(prefix="lettaops-pg-templates-"))
    root.chmod(0o755)

    def template(version: int) -> Path:
        place = root / str(version)
        if not place.exists():
            with running(INSTALLED[version]) as one:
                one.psql(SCHEMA)
                one.psql(f"create database {PRISTINE} template {DATABASE}", database="postgres")
                one.stop()
                shutil.copytree(one.data, place)
        return place

    yield template
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="session")
def standing(templates: Callable[[int], Path]) -> Iterator[list[Postmaster]]:
    """The server that is running, if the last test left one that can be used again."""
    kept: list[Postmaster] = []
    yield kept
    for one in kept:
        one.remove()


@pytest.fixture
def postmaster(templates: Callable[[int], Path], standing: list[Postmaster]) -> Postmaster:
    """A server as it is in the beginning, running, for this test alone."""
    if standing and standing[0].disturbed:
        standing.pop().remove()
    if standing:
        standing[0].renew()
    else:
        one = Postmaster(INSTALLED[MAIN], templates(MAIN))
        standing.append(one)
        one.start()
    return standing[0]


def stack_with(
    one: Postmaster, *, password: str = PASSWORD, user: str = USER, env: tuple[str, ...] = ()
) -> Stack:
    """A stack whose database is this one, outside of the engine."""
    uri = f"postgresql://{user}:{password}@127.0.0.1:{one.port}/letta"
    env = env or (f"LETTA_PG_URI={uri}", "LETTA_VERSION=0.16.8")
    return stack_of(server(env=env))


class Watched:
    """A watch over a server, and the stack it believes in."""

    def __init__(self, one: Postmaster) -> None:
        self.stack: Stack | None = stack_with(one)
        self.engine = Engine(
            EngineTarget(kind="unix", path="/nowhere/docker.sock", name=Safe("here"), origin=Safe(""))
        )
        self.watch = DatabaseWatch(self.engine, self.subject)

    def subject(self) -> Subject | None:
        """What the watch is told."""
        return Subject(stack=self.stack) if self.stack is not None else None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """The watch runs while the block does; what ends it before ends the test."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.watch.run())
            yield
            task.cancel()


@pytest.fixture
async def watched(postmaster: Postmaster) -> AsyncIterator[Watched]:
    """A watch over the server."""
    found = Watched(postmaster)
    yield found
    await found.engine.aclose()


@pytest.fixture
async def people(postmaster: Postmaster) -> AsyncIterator[People]:
    """Somebody else's sessions."""
    found = People(postmaster)
    yield found
    await found.leave()
