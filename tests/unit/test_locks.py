"""One act at a time on a target: others are refused with a name, and a dead holder holds nothing."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lettaops.config.paths import StateDirectory
from lettaops.model.errors import Exit, Locked, Refused
from lettaops.operations.audit import Operator
from lettaops.operations.locks import lock
from tests.unit.build import HOSTILE, is_clean, operator

HOLDER = """
import sys
from pathlib import Path
from lettaops.config.paths import StateDirectory
from lettaops.operations.audit import Operator
from lettaops.operations.locks import lock
who = Operator(user="grace", uid=1, pid=1234, sudo_user=sys.argv[3])
with lock(StateDirectory(path=Path(sys.argv[1]), shared=False), sys.argv[2], "restart", who, name="x"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def holder(state: StateDirectory, target: str, sudo_user: str = "") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of a target."""
    command = [sys.executable, "-c", HOLDER, str(state.path), target, sudo_user]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def take(state: StateDirectory, me: Operator, target: str = "id") -> None:
    with lock(state, target, "stop", me, name="letta_server"):
        pass


def test_another_process_is_refused_with_the_holders_name(state: StateDirectory, me: Operator) -> None:
    with holder(state, "id"):
        with pytest.raises(Locked) as caught:
            take(state, me)
        assert caught.value.exit is Exit.LOCKED
        for word in ("grace", "1234", "restart", "letta_server", "since 20"):
            assert word in caught.value.what
        assert "Nothing was done" in caught.value.not_done
        assert caught.value.next_step


def test_behind_sudo_it_is_the_person_who_is_named(state: StateDirectory, me: Operator) -> None:
    with holder(state, "id", "ada"), pytest.raises(Locked, match="ada"):
        take(state, me)


def test_another_target_is_free(state: StateDirectory, me: Operator) -> None:
    with holder(state, "id"):
        take(state, me, "another")


def test_a_killed_holder_holds_nothing(state: StateDirectory, me: Operator) -> None:
    with holder(state, "id") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        take(state, me)


def test_it_is_free_again_after_the_block_and_after_an_error_in_it(
    state: StateDirectory, me: Operator
) -> None:
    take(state, me)
    with pytest.raises(KeyError), lock(state, "id", "stop", me, name="x"):
        raise KeyError
    take(state, me)


def test_it_holds_within_a_process_too(state: StateDirectory, me: Operator) -> None:
    with lock(state, "id", "stop", me, name="x"), pytest.raises(Locked, match="ada"):
        take(state, operator("grace"))


@pytest.mark.parametrize("content", [b"", b"garbage", b"[1]", b"\xff", b'{"user": 7}'])
def test_a_lock_of_an_unknown_holder_is_still_a_lock(
    state: StateDirectory, me: Operator, content: bytes
) -> None:
    with lock(state, "id", "stop", me, name="x"):
        (path,) = (state.path / "locks").iterdir()
        path.write_bytes(content)
        with pytest.raises(Locked, match="somebody"):
            take(state, me)


def test_hostile_names_come_out_clean(state: StateDirectory) -> None:
    with lock(state, HOSTILE, HOSTILE, operator(HOSTILE), name=HOSTILE), pytest.raises(Locked) as caught:
        take(state, operator(), HOSTILE)
    assert is_clean(caught.value.what)


@pytest.mark.parametrize(("shared", "mode"), [(False, 0o600), (True, 0o660)])
def test_others_can_not_read_it(state: StateDirectory, me: Operator, shared: bool, mode: int) -> None:
    directory = StateDirectory(path=state.path, shared=shared)
    take(directory, me)
    (path,) = (state.path / "locks").iterdir()
    assert path.stat().st_mode & 0o777 == mode


def test_no_place_for_a_lock_is_a_refusal(state: StateDirectory, me: Operator) -> None:
    state.ensure()
    (state.path / "locks").write_text("a file in the way")
    with pytest.raises(Refused) as caught:
        take(state, me)
    assert "Nothing was done" in caught.value.not_done


FULL_DISK = """
import resource, sys
from pathlib import Path
from lettaops.config.paths import StateDirectory
from lettaops.operations.audit import current_operator
from lettaops.operations.locks import lock
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
with lock(StateDirectory(path=Path(sys.argv[1]), shared=False), "id", "stop", current_operator({}), name="x"):
    os_pipe = sys.stdout.write("held")
"""


def test_a_full_disk_does_not_keep_a_lock_from_being_held(state: StateDirectory) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(state.path)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "held", "")


def test_no_descriptor_is_left_behind(state: StateDirectory, me: Operator) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with lock(state, "id", "stop", me, name="x"), pytest.raises(Locked):
        take(state, me)
    assert len(os.listdir("/proc/self/fd")) == before
