"""Acts are done on the container that was confirmed, permitted, locked and on record, or not at all."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from lettaops.config.paths import StateDirectory
from lettaops.model.engine import Container, ContainerState, ContainerStatus
from lettaops.model.errors import Conflict, Exit, LettaopsError, Locked, NotFound, Refused, Unreachable
from lettaops.model.stack import Stack
from lettaops.model.text import Safe
from lettaops.operations import execute
from lettaops.operations.audit import AuditLog, Operator, Record
from lettaops.operations.execute import Executor, Permission, StepResult
from lettaops.operations.locks import lock
from lettaops.operations.plan import Act, Plan, make_plan
from lettaops.sources.engine.client import DEFAULT_TIMEOUT
from tests.unit.build import database, exited, operator, running, server, stack_of

PAUSED = ContainerState(status=ContainerStatus.PAUSED)
AFTER = {
    "start": running(0),
    "stop": exited(143, ago=0),
    "restart": running(0),
    "kill": exited(137, ago=0),
    "pause": PAUSED,
    "unpause": running(),
}


class World:
    """Containers of an engine that does what it is asked, unless told otherwise."""

    def __init__(self, *containers: Container) -> None:
        self.containers = {each.id: each for each in containers}
        self.done: list[tuple[Any, ...]] = []
        self.looked = 0
        self.on_act: Callable[[str, str], None] = self.obey

    async def inspect(self, container_id: str, timeout: float | None = None) -> Container:
        self.looked += 1
        found = self.containers.get(container_id)
        if found is None:
            raise NotFound(404, "no such container")
        return found

    def obey(self, act: str, container_id: str) -> None:
        self.change(container_id, state=AFTER[act])

    def change(self, container_id: str, **fields: Any) -> None:
        found = self.containers[container_id]
        self.containers[container_id] = msgspec.structs.replace(found, **fields)

    def _do(self, act: str, container_id: str, *more: Any) -> None:
        self.done.append((act, container_id, *more))
        self.on_act(act, container_id)

    async def start(self, container_id: str) -> None:
        self._do("start", container_id)

    async def stop(self, container_id: str, timeout_s: int) -> None:
        self._do("stop", container_id, timeout_s)

    async def restart(self, container_id: str, timeout_s: int) -> None:
        self._do("restart", container_id, timeout_s)

    async def kill(self, container_id: str, signal: str = "SIGKILL") -> None:
        self._do("kill", container_id, signal)

    async def pause(self, container_id: str) -> None:
        self._do("pause", container_id)

    async def unpause(self, container_id: str) -> None:
        self._do("unpause", container_id)


class Setting(msgspec.Struct, kw_only=True):
    """A world, an executor in it and its record."""

    world: World
    executor: Executor
    log: AuditLog
    stack: Stack

    def plan(self, act: Act, *names: str, **more: Any) -> Plan:
        return make_plan(act, self.stack, names, engine=Safe("tcp://prod:2376"), **more)

    async def run(self, plan: Plan) -> list[StepResult]:
        return [each async for each in self.executor.run(plan)]

    def records(self) -> list[Record]:
        return [each for each in self.log.records() if isinstance(each, Record)]


def setting(
    state: StateDirectory,
    me: Operator,
    *,
    db: ContainerState | None = None,
    letta: ContainerState | None = None,
    permission: Permission | None = None,
) -> Setting:
    world = World(database(state=db), server(state=letta))
    executor = Executor(world, world, permission=permission or Permission(), directory=state, operator=me)
    return Setting(
        world=world, executor=executor, log=AuditLog(state, me), stack=stack_of(*world.containers.values())
    )


@pytest.fixture
def here(state: StateDirectory, me: Operator) -> Setting:
    return setting(state, me)


S = server().id
D = database().id


@pytest.mark.parametrize(
    ("act", "before", "sent", "words"),
    [
        (Act.START, exited(0), ("start", S), "runs"),
        (Act.STOP, None, ("stop", S, 10), "is stopped: exit 143, SIGTERM"),
        (Act.RESTART, None, ("restart", S, 10), "runs"),
        (Act.KILL, None, ("kill", S, "SIGKILL"), "is stopped: exit 137, killed by SIGKILL"),
        (Act.PAUSE, None, ("pause", S), "is paused"),
        (Act.UNPAUSE, PAUSED, ("unpause", S), "runs"),
    ],
)
async def test_an_act_is_done_proven_and_recorded(
    state: StateDirectory,
    me: Operator,
    act: Act,
    before: ContainerState | None,
    sent: tuple[Any, ...],
    words: str,
) -> None:
    here = setting(state, me, letta=before)
    (result,) = await here.run(here.plan(act, "letta_server"))
    assert result.exit is Exit.DONE
    assert result.words == words
    assert here.world.done == [sent]
    intent, outcome = here.records()
    assert (intent.kind, intent.act, outcome.kind) == ("intent", act, "result")
    assert intent.target["container_id"] == S
    assert intent.target["engine"] == "tcp://prod:2376"
    assert (outcome.detail["result"], outcome.detail["words"]) == ("done", words)
    assert here.log.verify() == (2, ())


async def test_grace_and_signal_reach_the_engine_and_the_record(here: Setting) -> None:
    await here.run(here.plan(Act.STOP, "letta_server", grace_s=45))
    await here.run(here.plan(Act.KILL, "letta_db", signal="SIGHUP"))
    assert here.world.done == [("stop", S, 45), ("kill", D, "SIGHUP")]
    records = here.records()
    assert records[0].detail == {"grace_s": "45"}
    assert records[2].detail == {"signal": "SIGHUP"}


async def test_a_signal_that_may_not_end_it_needs_no_end_as_proof(here: Setting) -> None:
    here.world.on_act = lambda act, identity: None
    (result,) = await here.run(here.plan(Act.KILL, "letta_server", signal="SIGHUP"))
    assert (result.exit, result.words) == (Exit.DONE, "signal SIGHUP was sent")


@pytest.mark.parametrize(
    ("permission", "words"),
    [
        (Permission(read_only=True, read_only_origin="command line"), "read-only session (command line)"),
        (Permission(read_only=True, allow=("restart",)), "read-only"),
        (Permission(allow=("start", "stop")), "allows only start, stop"),
        (Permission(allow=()), "allows only no act"),
    ],
)
async def test_what_is_not_permitted_is_refused_before_anything(
    state: StateDirectory, me: Operator, permission: Permission, words: str
) -> None:
    here = setting(state, me, permission=permission)
    with pytest.raises(Refused) as caught:
        await here.run(here.plan(Act.RESTART, "letta_server"))
    assert words in caught.value.what
    assert caught.value.not_done == "Nothing was done."
    assert here.world.done == []
    assert here.world.looked == 0
    assert not state.path.exists()


async def test_what_is_permitted_is_done(state: StateDirectory, me: Operator) -> None:
    here = setting(state, me, permission=Permission(allow=("restart",)))
    (result,) = await here.run(here.plan(Act.RESTART, "letta_server"))
    assert result.exit is Exit.DONE


@pytest.mark.parametrize("act", list(Act))
def test_read_only_holds_for_every_act(act: Act) -> None:
    with pytest.raises(Refused):
        Permission(read_only=True).check(act)


async def test_a_container_that_was_replaced_is_not_touched(here: Setting) -> None:
    plan = here.plan(Act.STOP, "letta_server")
    here.world.containers = {each.id: each for each in (database(), server("letta-letta_server-9"))}
    (result,) = await here.run(plan)
    assert result.exit is Exit.REFUSED
    assert "replaced or removed" in result.words
    assert S[:12] in result.words
    assert "Nothing was done" in result.words
    assert here.world.done == []


async def test_a_container_that_was_renamed_is_not_touched(here: Setting) -> None:
    plan = here.plan(Act.STOP, "letta_server")
    here.world.change(S, name=Safe("old_letta"))
    (result,) = await here.run(plan)
    assert result.exit is Exit.REFUSED
    assert "old_letta" in result.words
    assert here.world.done == []


async def test_without_a_record_nothing_is_done(here: Setting, state: StateDirectory) -> None:
    state.ensure()
    (state.path / "audit.jsonl").mkdir()
    (result,) = await here.run(here.plan(Act.RESTART, "letta_server"))
    assert result.exit is Exit.REFUSED
    assert "can't be written" in result.words
    assert "Nothing was done" in result.words
    assert here.world.done == []


async def test_a_record_that_fails_after_the_act_is_told(here: Setting, state: StateDirectory) -> None:
    def spoil(act: str, identity: str) -> None:
        here.world.obey(act, identity)
        (state.path / "audit.jsonl").unlink()
        (state.path / "audit.jsonl").mkdir()

    here.world.on_act = spoil
    (result,) = await here.run(here.plan(Act.RESTART, "letta_server"))
    assert result.exit is Exit.PARTIAL
    assert result.words.startswith("runs, but the audit record")


async def test_an_act_of_another_operator_is_waited_for_by_nobody(
    here: Setting, state: StateDirectory
) -> None:
    with lock(state, S, "stop", operator("grace"), name="letta_server"), pytest.raises(Locked, match="grace"):
        await here.run(here.plan(Act.RESTART, "letta_db", "letta_server"))
    assert here.world.done == [], "the first step must wait for the lock of the last"
    (result,) = await here.run(here.plan(Act.RESTART, "letta_server"))
    assert result.exit is Exit.DONE


async def test_the_locks_are_free_after_the_act(here: Setting) -> None:
    for _ in range(2):
        await here.run(here.plan(Act.RESTART, "letta_server", "letta_db"))
    assert len(here.world.done) == 4


def failing(world: World, error: LettaopsError) -> None:
    def fail(act: str, identity: str) -> None:
        raise error

    world.on_act = fail


@pytest.mark.parametrize(
    "error",
    [
        Conflict(409, "container is marked for removal", next_step="wait"),
        Unreachable("cut", next_step="wait"),
    ],
)
async def test_an_act_that_fails_is_recorded_as_failed(here: Setting, error: LettaopsError) -> None:
    failing(here.world, error)
    (result,) = await here.run(here.plan(Act.STOP, "letta_server"))
    assert result.exit is Exit.FAILED
    assert error.what in result.words
    assert result.next_step == "wait"
    intent, outcome = here.records()
    assert intent.kind == "intent"
    assert outcome.detail["result"] == "failed"
    assert error.what in outcome.detail["words"]


async def test_what_was_not_seen_to_happen_is_not_called_done(
    here: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execute, "PROOF_SECONDS", 0.05)
    here.world.on_act = lambda act, identity: None
    (result,) = await here.run(here.plan(Act.STOP, "letta_server"))
    assert result.exit is Exit.PARTIAL
    assert "still running" in result.words
    assert here.records()[1].detail["result"] == "partial"


async def test_a_start_that_ends_at_once_failed(state: StateDirectory, me: Operator) -> None:
    here = setting(state, me, letta=exited(0))
    here.world.on_act = lambda act, identity: here.world.change(identity, state=exited(3, ago=0))
    (result,) = await here.run(here.plan(Act.START, "letta_server"))
    assert result.exit is Exit.FAILED
    assert "exit 3" in result.words
    assert "docker logs --tail 20 letta-letta_server-1" in result.next_step


async def test_a_container_that_removes_itself_has_ended(here: Setting) -> None:
    here.world.on_act = lambda act, identity: here.world.containers.__delitem__(identity)
    (result,) = await here.run(here.plan(Act.STOP, "letta_server"))
    assert result.exit is Exit.DONE
    assert "removed" in result.words


async def test_a_started_container_that_is_gone_did_not_start(state: StateDirectory, me: Operator) -> None:
    here = setting(state, me, letta=exited(0))
    here.world.on_act = lambda act, identity: here.world.containers.__delitem__(identity)
    (result,) = await here.run(here.plan(Act.START, "letta_server"))
    assert result.exit is not Exit.DONE
    assert "runs" not in result.words


async def test_steps_are_done_in_order(here: Setting) -> None:
    results = await here.run(here.plan(Act.RESTART, "letta_db", "letta_server"))
    assert [each.step.name for each in results] == ["letta_db", "letta_server"]
    assert [each[1] for each in here.world.done] == [D, S]


async def test_the_first_failure_ends_it(here: Setting) -> None:
    failing(here.world, Conflict(409, "no"))
    results = await here.run(here.plan(Act.RESTART, "letta_db", "letta_server"))
    assert [each.step.name for each in results] == ["letta_db"]
    assert here.world.done == [("restart", D, 10)]
    assert len(here.records()) == 2


async def test_secrets_in_an_engines_answer_are_struck(here: Setting) -> None:
    failing(here.world, Unreachable("no connection to tcp://me:sesame@h:2376"))
    (result,) = await here.run(here.plan(Act.STOP, "letta_server"))
    assert "sesame" not in result.words
    assert "sesame" not in here.log.path.read_text(encoding="utf-8")


async def test_what_is_so_already_is_not_done_again(state: StateDirectory, me: Operator) -> None:
    here = setting(state, me, letta=exited(0))
    (result,) = await here.run(here.plan(Act.STOP, "letta_server"))
    assert (result.exit, result.words) == (Exit.DONE, "is stopped already: nothing was done")
    assert not here.world.done
    assert not here.records()


async def test_what_was_so_when_it_was_planned_is_done_when_it_is_so_no_more(
    state: StateDirectory, me: Operator
) -> None:
    here = setting(state, me, letta=exited(0))
    planned = here.plan(Act.STOP, "letta_server")
    here.world.change(server().id, state=running())
    (result,) = await here.run(planned)
    assert result.exit is Exit.DONE
    assert [each[0] for each in here.world.done] == ["stop"]


async def test_an_engine_that_froze_before_the_act_leaves_nothing_done(
    state: StateDirectory, me: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = setting(state, me)

    async def frozen(*_: Any) -> Container:
        raise Unreachable("here did not answer within 2 s")

    monkeypatch.setattr(here.world, "inspect", frozen)
    (result,) = await here.run(here.plan(Act.STOP, "letta_server"))
    assert result.words == "here did not answer within 2 s. Nothing was done."
    assert not here.world.done


async def test_an_engine_that_froze_after_the_act_leaves_it_unproven(
    here: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def frozen(*_: Any) -> Container:
        raise Unreachable("here did not answer within 10 s", next_step="look at its load")

    here.world.on_act = lambda act, identity: monkeypatch.setattr(here.world, "inspect", frozen)
    (result,) = await here.run(here.plan(Act.PAUSE, "letta_server"))
    assert result.exit is Exit.PARTIAL
    assert "pause was sent, but whether it took effect isn't known" in result.words
    assert result.next_step == "look at its load"
    assert here.records()[1].detail["result"] == "partial"


async def test_an_engine_busy_with_the_container_gets_longer_than_a_glance(
    here: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[float | None] = []
    inspect = here.world.inspect

    async def noting(container_id: str, timeout: float | None = None) -> Container:
        looked.append(timeout)
        return await inspect(container_id)

    monkeypatch.setattr(here.world, "inspect", noting)
    await here.run(here.plan(Act.PAUSE, "letta_server"))
    assert len(looked) == 2, "before the act and after it"
    assert all(each is not None and each > DEFAULT_TIMEOUT for each in looked)
