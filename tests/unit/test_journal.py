"""Journals: what they say is what was on disk, wherever they are cut."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lettaops.config.paths import StateDirectory
from lettaops.model.errors import Exit, Locked, Refused, UsageError
from lettaops.model.journal import (
    Began,
    BrokenJournal,
    Claimed,
    Closed,
    Ended,
    Entry,
    Job,
    JobState,
    Opened,
    Said,
    StepPlan,
    StepState,
    Undoing,
    Undone,
    entry_line,
    fold,
    job_of,
)
from lettaops.model.text import Safe
from lettaops.operations.jobs.journal import (
    Journal,
    cancel_request,
    find_job,
    forget_cancel,
    jobs,
    journal_path,
    new_job_id,
    request_cancel,
)

AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def opened(job_id: str = "20261122T120000Z-0a0b0c0d") -> Opened:
    return Opened(
        at=AT,
        format=1,
        job_id=job_id,
        kind="restart",
        title=Safe("Restart letta"),
        target={"engine": "here", "project": "letta"},
        arguments={},
        user=Safe("root"),
        host=Safe("vm"),
        steps=(
            StepPlan(id="stop", title=Safe("stop letta_server"), undo=Safe("start it")),
            StepPlan(id="start", title=Safe("start letta_server"), undo=Safe("stop it")),
        ),
    )


def claimed(direction: str = "forward") -> Claimed:
    return Claimed(at=AT, pid=7, pid_started=99, boot_id="b", user=Safe("root"), direction=direction)


def ended(step: int, *, ok: bool = True) -> Ended:
    return Ended(at=AT, step=step, ok=ok, words=Safe("it is"), duration_s=1.5, facts={"id": "abc"})


WHOLE: list[Entry] = [
    opened(),
    claimed(),
    Began(at=AT, step=0),
    Said(at=AT, step=0, words=Safe("waiting for 2 runs")),
    ended(0),
    Began(at=AT, step=1),
    ended(1),
    Closed(at=AT, state=JobState.DONE, exit=Exit.DONE, words=Safe("all is well")),
]
DATA = b"".join(map(entry_line, WHOLE))


def states(job: Job) -> list[StepState]:
    return [each.state for each in job.steps]


def test_a_whole_journal_tells_each_step_and_the_end() -> None:
    job = job_of(DATA)
    assert job is not None
    assert job.state is JobState.DONE
    assert job.exit is Exit.DONE
    assert states(job) == [StepState.DONE, StepState.DONE]
    assert job.steps[0].said == ("waiting for 2 runs",)
    assert job.steps[0].facts == {"id": "abc"}
    assert job.steps[0].duration_s == 1.5
    assert not job.is_open


@given(st.integers(0, len(DATA) - 1))
def test_a_journal_cut_anywhere_never_tells_more_than_was_written(length: int) -> None:
    job = job_of(DATA[:length])
    whole = DATA[:length].count(b"\n")
    if not whole:
        assert job is None
        return
    assert job is not None
    assert job == fold(WHOLE[:whole], cut=length - len(b"".join(map(entry_line, WHOLE[:whole]))))
    assert job.is_open, "an end that isn't whole is no end"
    done = sum(isinstance(each, Ended) for each in WHOLE[:whole])
    assert states(job).count(StepState.DONE) == done


@given(st.integers(0, len(DATA) - 1), st.binary(min_size=1, max_size=4))
def test_bytes_that_were_changed_are_told_or_harmless(place: int, other: bytes) -> None:
    changed = DATA[:place] + other + DATA[place + len(other) :]
    try:
        job = job_of(changed)
    except BrokenJournal:
        return
    assert job is None or len(job.steps) <= 2


def test_a_new_worker_finds_a_begun_step_unknown() -> None:
    job = fold([*WHOLE[:4], claimed("undo")])
    assert states(job) == [StepState.UNKNOWN, StepState.PENDING]
    assert job.worker is not None
    assert job.worker.direction == "undo"


def test_undoing_is_told() -> None:
    told = [*WHOLE[:5], Undoing(at=AT, step=0), Undone(at=AT, step=0, ok=True, words=Safe(), duration_s=1)]
    assert states(fold(told)) == [StepState.UNDONE, StepState.PENDING]
    assert states(fold(told[:-1])) == [StepState.RUNNING, StepState.PENDING]


@pytest.mark.parametrize(
    "entries",
    [
        [claimed()],
        [opened(), opened()],
        [opened(), Began(at=AT, step=0)],
        [opened(), claimed(), Began(at=AT, step=2)],
        [opened(), claimed(), Began(at=AT, step=-1)],
    ],
)
def test_what_does_not_follow_is_no_journal(entries: list[Entry]) -> None:
    with pytest.raises(BrokenJournal):
        fold(entries)


def test_garbage_between_records_is_no_journal() -> None:
    lines = DATA.splitlines(keepends=True)
    with pytest.raises(BrokenJournal, match="line 3"):
        job_of(b"".join([*lines[:2], b"garbage\n", *lines[3:]]))


def test_what_is_written_is_found_and_a_cut_end_is_mended(state: StateDirectory) -> None:
    first = opened(new_job_id())
    journal = Journal.create(state, first)
    journal.append(claimed())
    journal.append(Began(at=AT, step=0))
    assert find_job(state, first.job_id).working
    journal.close()
    with journal_path(state, first.job_id).open("ab") as file:
        file.write(b'{"type":"ended","at":"20')
    found = find_job(state, first.job_id[:-3])
    assert found.interrupted
    assert found.job is not None
    assert found.job.cut == 24
    again = Journal.take(state, first.job_id)
    assert again.read().cut == 24
    again.append(ended(0))
    assert states(again.read()) == [StepState.DONE, StepState.PENDING]
    again.close()


def test_only_one_worker_has_a_journal_and_a_dead_one_has_none(state: StateDirectory) -> None:
    first = opened(new_job_id())
    Journal.create(state, first).close()
    holder = subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import sys, time\nfrom pathlib import Path\n"
            "from lettaops.config.paths import StateDirectory\n"
            "from lettaops.operations.jobs.journal import Journal\n"
            "Journal.take(StateDirectory(path=Path(sys.argv[1]), shared=False), sys.argv[2])\n"
            "print('held', flush=True)\ntime.sleep(60)\n",
            str(state.path),
            first.job_id,
        ],
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert find_job(state, first.job_id).working
        with pytest.raises(Locked, match="already"):
            Journal.take(state, first.job_id)
    finally:
        holder.kill()
        holder.communicate()
    assert find_job(state, first.job_id).interrupted
    Journal.take(state, first.job_id).close()


def test_a_full_disk_leaves_whole_records(state: StateDirectory) -> None:
    first = opened(new_job_id())
    journal = Journal.create(state, first)
    path = journal_path(state, first.job_id)
    script = (
        "import resource, signal, sys\nfrom pathlib import Path\n"
        "from lettaops.config.paths import StateDirectory\n"
        "from lettaops.model.errors import Refused\n"
        "from lettaops.operations.jobs.journal import Journal\n"
        "from tests.unit.test_journal import claimed\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "journal = Journal.take(StateDirectory(path=Path(sys.argv[1]), shared=False), sys.argv[2])\n"
        "limit = int(sys.argv[3])\nresource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))\n"
        "try:\n    journal.append(claimed())\nexcept Refused as error:\n    print(error.what)\n"
    )
    journal.close()
    before = path.read_bytes()
    said = subprocess.run(
        [sys.executable, "-c", script, str(state.path), first.job_id, str(len(before) + 20)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert "can't be written" in said.stdout
    assert path.read_bytes() == before


def test_a_request_to_stop_names_who_asked(state: StateDirectory) -> None:
    first = opened(new_job_id())
    Journal.create(state, first).close()
    assert cancel_request(state, first.job_id) == ""
    request_cancel(state, first.job_id, "ann\x1b[2J")
    assert cancel_request(state, first.job_id).startswith("ann")
    assert "\x1b" not in cancel_request(state, first.job_id)
    forget_cancel(state, first.job_id)
    assert cancel_request(state, first.job_id) == ""


@pytest.mark.parametrize("name", ["", "nothing", "../audit", "2026"])
def test_a_name_of_no_or_several_jobs_is_told(state: StateDirectory, name: str) -> None:
    for _ in range(2):
        Journal.create(state, opened(new_job_id())).close()
    with pytest.raises(UsageError):
        find_job(state, name)


def test_jobs_come_newest_first_and_a_broken_one_is_among_them(state: StateDirectory) -> None:
    for job_id in ("20261122T120000Z-00000000", "20261123T120000Z-00000000"):
        Journal.create(state, opened(job_id)).close()
    path = journal_path(state, "20261121T120000Z-00000000")
    path.write_bytes(b"garbage\n")
    found = list(jobs(state))
    assert [each.job_id[:8] for each in found] == ["20261123", "20261122", "20261121"]
    assert found[2].job is None
    assert "line 1" in found[2].broken
    with pytest.raises(Refused, match="can't be trusted"):
        Journal.take(state, "20261121T120000Z-00000000").read()
    assert os.listdir(state.path / "jobs")
