"""A database that only the psql in its container reaches gives the same values and obeys the same acts."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from lettaops.model.database.picture import Part
from lettaops.model.database.sessions import Owner
from lettaops.model.errors import Exit
from lettaops.model.secrets import Secret
from lettaops.model.source import Link
from lettaops.model.text import Safe
from lettaops.monitor.database.state import Subject
from lettaops.monitor.database.watch import DatabaseWatch
from lettaops.operations.deed_plan import Deed
from lettaops.operations.deeds import DeedExecutor
from lettaops.operations.execute import Permission
from lettaops.operations.session_acts import SessionActs, plan_on_sessions
from lettaops.sources.engine.exec import ExecResult
from lettaops.sources.target import EngineTarget
from tests.postgres.conftest import INSTALLED, MAIN, Watched
from tests.postgres.people import People
from tests.postgres.postmaster import PASSWORD, Postmaster
from tests.unit.build import HOSTILE, operator, server, stack_of


class Container:
    """What stands for the engine: commands run here, where the database's own programs are, on its port."""

    def __init__(self, one: Postmaster) -> None:
        self.target = EngineTarget(kind="tcp", host="192.0.2.1", port=1, name=Safe("far away"), origin=Safe())
        self._port = one.port
        self.commands: list[list[str]] = []

    async def exec(
        self,
        container_id: str,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str | Secret],
        timeout: float,
        **_: Any,
    ) -> ExecResult:
        env = {
            name: each.reveal() if isinstance(each, Secret) else each for name, each in environment.items()
        }
        self.commands.append(list(argv))
        done = subprocess.run(  # noqa: ASYNC221 - bounded, and nothing else happens in this test
            [INSTALLED[MAIN] / argv[0], *argv[1:]],
            env=env | {"PGPORT": str(self._port)},
            capture_output=True,
            timeout=timeout,
            cwd="/",
            check=False,
        )
        return ExecResult(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)


@pytest.fixture
def container(postmaster: Postmaster) -> Container:
    """The container of a server with its own database."""
    return Container(postmaster)


def watch_by(container: Container, password: str = PASSWORD) -> DatabaseWatch:
    env = (f"POSTGRES_PASSWORD={password}", "LETTA_VERSION=0.16.8")
    subject = Subject(stack=stack_of(server(uri=None, env=env, ports=())))
    return DatabaseWatch(container, lambda: subject)  # type: ignore[arg-type] # has what is asked of an engine


async def test_it_gives_the_same_values(container: Container, watched: Watched, people: People) -> None:
    await people.three_levels()
    await people.come("evil", server_settings={"application_name": HOSTILE.replace("\x00", "")})
    by_psql = await watch_by(container).once()
    by_network = await watched.watch.once()
    assert by_psql.status.link is Link.LIVE, by_psql.status
    assert by_psql.way == "psql in its container"
    assert by_psql.faults == by_network.faults == {}
    assert by_psql.server == by_network.server
    assert by_psql.limits == by_network.limits
    assert [(each.pid, each.depth) for each in by_psql.tree] == [
        (each.pid, each.depth) for each in by_network.tree
    ]

    def others(picture: Any) -> list[tuple[Any, ...]]:
        return [
            (each.pid, each.started_us, each.state, each.query, each.application)
            for each in picture.clients
            if each.owner is not Owner.LETTAOPS
        ]

    assert others(by_psql) == others(by_network)
    assert by_psql.letta == by_network.letta
    assert by_psql.sizes is not None
    assert by_network.sizes is not None
    assert by_psql.sizes.by_name == by_network.sizes.by_name
    assert by_psql.rates.connects == 0, "each question was a session of ours"
    assert not any(PASSWORD in word for command in container.commands for word in command)


async def test_acts_go_the_same_way(container: Container, people: People, tmp_path: Path) -> None:
    from lettaops.config.paths import StateDirectory

    await people.lock("victim")
    await people.lock("other")
    watch = watch_by(container)
    picture = await watch.once((Part.SESSIONS,), rates=False)
    victim = people.pids["victim"]
    plan = plan_on_sessions(
        Deed.TERMINATE_SESSION, picture, [victim], project=Safe("letta"), engine=Safe("x")
    )
    executor = DeedExecutor(
        permission=Permission(),
        directory=StateDirectory(path=tmp_path / "state", shared=False),
        operator=operator(),
    )
    subject = watch._subject()
    assert subject is not None
    acts = SessionActs(container, subject.stack, executor, major=MAIN)  # type: ignore[arg-type] # as above
    (result,) = [each async for each in acts.run(plan)]
    assert (result.exit, result.words) == (Exit.DONE, "has ended")
    left = {each.pid for each in (await watch.once((Part.SESSIONS,), rates=False)).sessions}
    assert people.pids["other"] in left
    assert victim not in left


async def test_a_statement_that_fails_and_a_password_that_is_wrong(
    container: Container, people: People
) -> None:
    await people.lock("locker")
    await people.sessions["locker"].execute("lock table letta.agents in access exclusive mode")
    picture = await watch_by(container).once()
    assert picture.status.link is Link.LIVE
    assert set(picture.faults) == {Part.LETTA, Part.SIZES}
    assert "somebody holds a lock" in picture.faults[Part.LETTA]
    denied = await watch_by(container, "not-the-password").once()
    assert denied.status.link is Link.DENIED
    assert "refuses the password" in denied.status.reason
