"""What is being done to containers, told by locks of real processes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lettaops.config.paths import StateDirectory
from lettaops.operations.audit import Operator
from lettaops.operations.locks import lock, lock_file
from lettaops.operations.underway import Underway, underway
from tests.unit.build import HOSTILE, NOW, is_clean
from tests.unit.test_locks import holder

SINCE = NOW - timedelta(seconds=3)


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("stop", "stopping, asked for by ada 3 s ago"),
        ("restart", "restarting, asked for by ada 3 s ago"),
        ("unpause", "unpausing, asked for by ada 3 s ago"),
        ("restore", "at work (restore), asked for by ada 3 s ago"),
    ],
)
def test_words_say_who_and_what(act: str, words: str) -> None:
    from lettaops.model.text import Safe

    assert Underway(act=Safe(act), user=Safe("ada"), since=SINCE).words(NOW) == words


def test_an_act_of_another_process_is_seen_while_it_lasts(state: StateDirectory) -> None:
    assert underway(state, ["id", "other"]) == {}
    with holder(state, "id", sudo_user="grace") as process:
        found = underway(state, ["id", "other"])
        assert set(found) == {"id"}
        assert found["id"].act == "restart"
        assert found["id"].user == "grace"
        assert found["id"].since is not None
        assert abs((datetime.now(UTC) - found["id"].since).total_seconds()) < 60
        process.kill()
        process.wait()
        assert underway(state, ["id"]) == {}, "who was killed does nothing any more"


def test_own_act_is_seen_and_looking_is_in_nobodys_way(state: StateDirectory, me: Operator) -> None:
    with lock(state, "id", "stop", me, name="letta_db"):
        assert underway(state, ["id"])["id"].user == me.user
    underway(state, ["id"])
    with lock(state, "id", "stop", me, name="letta_db"):
        pass


def test_without_the_kernels_list_nothing_is_claimed(
    state: StateDirectory, me: Operator, tmp_path: Path
) -> None:
    with lock(state, "id", "stop", me, name="letta_db"):
        assert underway(state, ["id"], locks=tmp_path / "absent") == {}


@pytest.mark.parametrize("signature", [b"", b"[1]", b"{", b'{"user": 7}', HOSTILE.encode()])
def test_a_lock_without_a_readable_signature(state: StateDirectory, me: Operator, signature: bytes) -> None:
    with lock(state, "id", "stop", me, name="letta_db"):
        (state.path / lock_file("id")).write_bytes(signature)
        for each in underway(state, ["id"]).values():
            assert is_clean(each.words(NOW))
            assert "somebody" in each.words(NOW)
