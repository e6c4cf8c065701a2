"""Runs of jobs: what is done, undone and told, wherever the worker is killed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lettaops.config.paths import StateDirectory
from lettaops.model.errors import Exit, LettaopsError, Refused
from lettaops.model.journal import Entry, Job, JobState, StepPlan, StepState
from lettaops.model.text import Safe
from lettaops.operations.jobs.journal import Journal, find_job, new_job_id
from lettaops.operations.jobs.run import JobRun, JobStep, StepContext
from tests.unit.test_journal import claimed, opened

NAMES = ("stop", "start")


class World:
    """Switches in a file: what the steps of a job change, and what outlives a killed worker."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, bool]:
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def set(self, name: str, on: bool) -> None:
        self.path.write_text(json.dumps({**self.read(), name: on}))


class Switch(JobStep):
    """A step that turns a switch on; undoing it turns it off."""

    def __init__(self, world: World, plan: StepPlan, trouble: Callable[[StepContext], None]) -> None:
        self.world = world
        self.plan = plan
        self.trouble = trouble

    async def run(self, context: StepContext) -> str:
        context.say(f"turning {self.plan.id} on")
        context.facts["was"] = str(self.world.read().get(self.plan.id, False))
        self.trouble(context)
        self.world.set(self.plan.id, True)
        return f"{self.plan.id} is on"

    async def undo(self, context: StepContext) -> str:
        self.world.set(self.plan.id, False)
        return f"{self.plan.id} is off"

    async def probe(self, context: StepContext) -> bool | None:
        return self.world.read().get(self.plan.id, False)


def nothing(context: StepContext) -> None:
    """No trouble."""


def steps(world: World, trouble: dict[str, Callable[[StepContext], None]] | None = None) -> list[JobStep]:
    plans = [StepPlan(id=each, title=Safe(f"turn {each} on"), undo=Safe("turn it off")) for each in NAMES]
    return [Switch(world, plan, (trouble or {}).get(plan.id, nothing)) for plan in plans]


class Setting:
    """A job in a state directory, and a world for it."""

    def __init__(self, state: StateDirectory, *, undo_on_failure: bool = False) -> None:
        self.state = state
        self.world = World(state.path / "world.json")
        self.undo_on_failure = undo_on_failure
        self.job_id = new_job_id()
        self.cancelled = Safe()
        Journal.create(state, opened(self.job_id)).close()

    def open(
        self, trouble: dict[str, Callable[[StepContext], None]] | None = None, direction: str = "forward"
    ) -> tuple[JobRun, Journal]:
        journal = Journal.take(self.state, self.job_id)
        journal.read()
        journal.append(claimed(direction))
        run = JobRun(
            journal.read(),
            steps(self.world, trouble),
            journal.append,
            cancelled=lambda: self.cancelled,
            undo_on_failure=self.undo_on_failure,
        )
        return run, journal

    async def go(
        self, trouble: dict[str, Callable[[StepContext], None]] | None = None, direction: str = "forward"
    ) -> Job:
        run, journal = self.open(trouble, direction)
        try:
            told = await (run.forward() if direction == "forward" else run.back())
            assert told == journal.read(), "what the run knows is what is written"
            return told
        finally:
            journal.close()


@pytest.fixture
def here(state: StateDirectory) -> Setting:
    state.ensure()
    return Setting(state)


def fail(context: StepContext) -> None:
    raise LettaopsError("the engine said password=geheim", next_step="look at it")


async def test_steps_are_done_in_order_and_told(here: Setting) -> None:
    job = await here.go()
    assert job.state is JobState.DONE
    assert job.exit is Exit.DONE
    assert [each.words for each in job.steps] == ["stop is on", "start is on"]
    assert job.steps[0].said == ("turning stop on",)
    assert job.steps[0].facts == {"was": "False"}
    assert here.world.read() == {"stop": True, "start": True}


async def test_a_failure_stops_the_job_and_leaves_what_is_done(here: Setting) -> None:
    job = await here.go({"start": fail})
    assert job.state is JobState.PARTIAL
    assert job.exit is Exit.PARTIAL
    assert [each.state for each in job.steps] == [StepState.DONE, StepState.FAILED]
    assert "look at it" in job.words
    assert "geheim" not in job.words + job.steps[1].words
    assert here.world.read() == {"stop": True}


async def test_a_failure_of_the_first_step_changed_nothing(here: Setting) -> None:
    job = await here.go({"stop": fail})
    assert job.state is JobState.FAILED
    assert job.exit is Exit.FAILED


async def test_a_job_that_undoes_itself_leaves_all_as_it_was(state: StateDirectory) -> None:
    state.ensure()
    here = Setting(state, undo_on_failure=True)
    job = await here.go({"start": fail})
    assert job.state is JobState.UNDONE
    assert job.exit is Exit.ROLLED_BACK
    assert here.world.read() == {"stop": False, "start": False}


async def test_an_undoing_that_fails_needs_a_person(here: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    await here.go()

    async def broken(self: Switch, context: StepContext) -> str:
        raise LettaopsError("it can't be turned off")

    monkeypatch.setattr(Switch, "undo", broken)
    job = await here.go(direction="undo")
    assert job.state is JobState.NEEDS_PERSON
    assert job.exit is Exit.NEEDS_PERSON
    assert "it can't be turned off" in job.words


async def test_a_request_to_stop_is_heard_between_steps(here: Setting) -> None:
    def ask(context: StepContext) -> None:
        here.cancelled = Safe("ann")

    job = await here.go({"stop": ask})
    assert job.state is JobState.CANCELLED
    assert job.exit is Exit.CANCELLED
    assert "ann asked to stop" in job.words
    assert here.world.read() == {"stop": True}


async def test_a_request_to_stop_is_heard_where_a_step_allows(here: Setting) -> None:
    def ask(context: StepContext) -> None:
        here.cancelled = Safe("ann")
        context.stop_if_asked()

    job = await here.go({"stop": ask})
    assert job.state is JobState.CANCELLED
    assert here.world.read() == {}


async def test_without_a_record_nothing_more_is_done(here: Setting) -> None:
    run, journal = here.open()
    written = 0

    def full(entry: Entry) -> None:
        nonlocal written
        written += 1
        if written > 3:  # the second step's beginning
            raise Refused("the journal can't be written: No space left on device")
        journal.append(entry)

    run._append = full
    with pytest.raises(Refused, match="No space left"):
        await run.forward()
    assert here.world.read() == {"stop": True}
    journal.close()
    assert find_job(here.state, here.job_id).interrupted


def test_a_job_of_another_version_is_left_alone(here: Setting) -> None:
    run, journal = here.open()
    with pytest.raises(Refused, match="another version"):
        JobRun(run.job, steps(here.world)[:1], journal.append, cancelled=Safe, undo_on_failure=False)
    journal.close()


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from lettaops.config.paths import StateDirectory
from tests.unit.test_job_run import Setting
here = Setting.__new__(Setting)
here.state = StateDirectory(path=Path(sys.argv[1]), shared=False)
from tests.unit.test_job_run import World
from lettaops.model.text import Safe
here.world, here.job_id, here.cancelled, here.undo_on_failure = (
    World(here.state.path / "world.json"), sys.argv[2], Safe(), False
)
run, journal = here.open()
left = int(sys.argv[3])
def append(entry):
    global left
    if left == 0 and sys.argv[4] == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    journal.append(entry)
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
run._append = append
asyncio.run(run.forward())
"""


@pytest.mark.parametrize("when", ["before", "behind"])
@pytest.mark.parametrize("direction", ["forward", "undo"])
def test_a_worker_killed_at_any_record_can_be_finished_or_undone(
    state: StateDirectory, direction: str, when: str
) -> None:
    state.ensure()
    deaths = 0
    for record in range(20):
        here = Setting(state)
        here.world.path.unlink(missing_ok=True)
        died = subprocess.run(
            [sys.executable, "-c", KILLED, str(state.path), here.job_id, str(record), when],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        found = find_job(state, here.job_id)
        assert not found.working, "a dead worker holds nothing"
        if died.returncode == 0:
            break
        assert died.returncode == -signal.SIGKILL, died.stderr
        deaths += 1
        assert found.job is not None
        if found.job.is_open:
            assert found.interrupted
        job = asyncio.run(here.go(direction=direction))
        if direction == "forward":
            assert job.state is JobState.DONE
            assert here.world.read() == {"stop": True, "start": True}
        else:
            assert job.state is JobState.UNDONE
            assert not any(here.world.read().values())
    assert deaths >= 7, "a begin, a word, an end for each of two steps, and the close"
    assert os.listdir(state.path / "jobs")
