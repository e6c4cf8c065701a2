"""The record of acts: whole under crashes, full disks and several writers; every tampering shows."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lettaops.config.paths import StateDirectory
from lettaops.model.errors import Denied, Refused
from lettaops.model.secrets import Secret
from lettaops.operations.audit import FIRST_HASH, AuditLog, Break, Operator, Record, current_operator
from tests.unit.build import HOSTILE

TARGET = {"service": "letta_server", "container_id": "ab" * 32}


@pytest.fixture
def log(state: StateDirectory, me: Operator) -> AuditLog:
    return AuditLog(state, me)


def act(log: AuditLog, name: str = "restart") -> str:
    act_id = log.intend(name, TARGET, {"grace_s": "10"})
    log.conclude(act_id, name, TARGET, {"result": "done", "words": "runs"})
    return act_id


def lines(log: AuditLog) -> list[str]:
    return log.path.read_text(encoding="utf-8").splitlines(keepends=True)


def words(log: AuditLog) -> list[str]:
    return [f"{each.line}: {each.words}" for each in log.verify()[1]]


def test_an_empty_record_is_whole(log: AuditLog) -> None:
    assert list(log.records()) == []
    assert log.verify() == (0, ())
    assert not log.path.exists(), "looking writes nothing"


def test_intent_and_result_are_recorded_with_who_and_what(log: AuditLog) -> None:
    act_id = act(log)
    intent, result = log.records()
    assert isinstance(intent, Record)
    assert isinstance(result, Record)
    assert (intent.kind, result.kind) == ("intent", "result")
    assert intent.act_id == result.act_id == act_id
    assert intent.act == "restart"
    assert intent.operator.user == "ada"
    assert intent.target == TARGET
    assert result.detail["words"] == "runs"
    assert intent.previous == FIRST_HASH
    assert result.previous == intent.hash
    assert log.verify() == (2, ())


def test_each_record_is_one_line_of_json(log: AuditLog) -> None:
    act(log)
    for line in lines(log):
        assert line.endswith("\n")
        assert json.loads(line)["at"].endswith("+00:00")


def drop(at: int) -> Callable[[list[str]], list[str]]:
    return lambda found: found[:at] + found[at + 1 :]


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (lambda found: [found[0].replace("ada", "bob"), *found[1:]], "1: the record was changed"),
        (lambda found: [*found[:3], found[3].replace("runs", "fell")], "4: the record was changed"),
        (lambda found: [found[0].replace('"kind"', '"x":1,"kind"'), *found[1:]], "1: the record was changed"),
        (lambda found: [found[0].replace('"hash":', '"hash": '), *found[1:]], "1: the record was changed"),
        (drop(1), "2: records before it are missing or were moved"),
        (drop(0), "1: records before it are missing or were moved"),
        (lambda found: [found[0], found[2], found[1], found[3]], "2: records before it are missing"),
        (lambda found: found[:3], "4: the newest records were cut off"),
        (lambda found: [], "1: the newest records were cut off"),
        (lambda found: [*found[:3], found[3][:50]], "4: the line is no audit record, it is cut"),
        (lambda found: [*found[:2], "garbage\n", *found[2:]], "3: the line is no audit record"),
        (lambda found: [*found[:2], "\udcff\x00\n", *found[2:]], "3: the line is no audit record"),
        (lambda found: [found[0], *found], "2: records before it are missing or were moved"),
    ],
)
def test_every_tampering_shows(log: AuditLog, tamper: Callable[[list[str]], list[str]], said: str) -> None:
    act(log)
    act(log, "stop")
    log.path.write_text("".join(tamper(lines(log))), encoding="utf-8", errors="surrogateescape")
    assert any(each.startswith(said) for each in words(log)), words(log)


def test_a_missing_head_is_told(log: AuditLog) -> None:
    act(log)
    (log.path.parent / "audit.head").unlink()
    assert any("can't be seen" in each for each in words(log))


def test_a_record_that_a_crash_cut_is_left_out_and_the_chain_goes_on(log: AuditLog) -> None:
    act(log)
    act(log)
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + whole.splitlines(keepends=True)[1][:70])
    act(log, "stop")
    records = list(log.records())
    assert [isinstance(each, Break) for each in records] == [False] * 4 + [True] + [False] * 2
    assert words(log) == ["5: the line is no audit record"], "only the half line itself is amiss"


def test_a_crash_between_record_and_head_is_no_break(log: AuditLog) -> None:
    act(log)
    head = log.path.parent / "audit.head"
    old = head.read_bytes()
    act(log, "stop")
    head.write_bytes(old)
    assert words(log) == []


def test_a_last_line_without_its_end_is_still_a_record(log: AuditLog) -> None:
    act(log)
    log.path.write_bytes(log.path.read_bytes().rstrip(b"\n"))
    act(log, "stop")
    assert log.verify() == (4, ())


FULL_DISK = """
import resource, sys
from pathlib import Path
from lettaops.config.paths import StateDirectory
from lettaops.model.errors import Refused
from lettaops.operations.audit import AuditLog, current_operator
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
log = AuditLog(StateDirectory(path=Path(sys.argv[1]), shared=False), current_operator({}))
try:
    log.intend("restart", {"service": "x"}, {})
except Refused as error:
    print(error.what, error.not_done, error.next_step, sep="|")
"""


def run(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout


def test_a_full_disk_refuses_and_leaves_the_chain_whole(log: AuditLog) -> None:
    act(log)
    before = log.path.read_bytes()
    said = run(FULL_DISK, str(log.path.parent), str(len(before) + 100))
    assert "can't be written" in said
    assert "Nothing was done" in said
    assert "free space" in said
    assert log.path.read_bytes() == before, "half a record must not stay"
    assert log.verify() == (2, ())
    act(log)
    assert log.verify() == (4, ())


WRITER = """
import sys
from pathlib import Path
from lettaops.config.paths import StateDirectory
from lettaops.operations.audit import AuditLog, current_operator
log = AuditLog(StateDirectory(path=Path(sys.argv[1]), shared=False), current_operator({}))
for number in range(10):
    log.conclude(log.intend("restart", {"service": sys.argv[2]}, {}), "restart", {}, {})
"""


def test_several_processes_write_one_whole_chain(log: AuditLog) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(log.path.parent), f"service-{number}"])
        for number in range(3)
    ]
    broken: list[str] = []
    while any(each.poll() is None for each in writers):
        broken += words(log)
    assert [each.wait() for each in writers] == [0, 0, 0]
    assert broken == [], "whole at every moment, for a reader beside the writers"
    assert log.verify() == (60, ())
    assert sorted(each.name for each in log.path.parent.iterdir()) == ["audit.head", "audit.jsonl"]


def test_a_first_record_written_while_somebody_looks_for_the_file_is_no_break(
    log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Path.open

    def slow(self: Path, *args: object, **more: object) -> object:
        monkeypatch.setattr(Path, "open", found)
        act(log)
        raise FileNotFoundError

    monkeypatch.setattr(Path, "open", slow)
    assert words(log) == []
    log.path.unlink()
    assert words(log) == ["1: the newest records were cut off"], "a record removed whole is told"


def test_secrets_are_never_in_the_file(log: AuditLog) -> None:
    Secret("correct-horse")
    target = TARGET | {"engine": "tcp://me:sesame@h:2376"}
    log.intend("set", target, {"words": "it said correct-horse, password=abc", "x": "correct\x1b[m-horse"})
    text = log.path.read_text(encoding="utf-8")
    for secret in ("correct-horse", "sesame", "abc"):
        assert secret not in text.replace("ab" * 32, "")


def test_hostile_and_endless_words_are_harmless_to_whoever_reads_the_file(log: AuditLog) -> None:
    log.intend("restart", {"service": HOSTILE}, {"words": "x" * 500_000})
    act(log)
    text = log.path.read_text(encoding="utf-8")
    assert not any(
        ord(char) < 32 or 0x7F <= ord(char) < 0xA0 or char == "\u202e" for char in text if char != "\n"
    )
    assert len(text) < 10_000
    assert log.verify() == (3, ())


@pytest.mark.parametrize(("shared", "mode"), [(False, 0o600), (True, 0o660)])
def test_others_can_not_read_it(tmp_path: Path, me: Operator, shared: bool, mode: int) -> None:
    log = AuditLog(StateDirectory(path=tmp_path / "state", shared=shared), me)
    before = os.umask(0o077 if shared else 0)
    try:
        act(log)
    finally:
        os.umask(before)
    for path in log.path.parent.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == mode, path.name
    assert stat.S_IMODE(log.path.parent.stat().st_mode) == (0o2770 if shared else 0o700)


def test_a_directory_that_everybody_can_write_in_is_refused(tmp_path: Path, me: Operator) -> None:
    place = tmp_path / "open"
    place.mkdir()
    place.chmod(0o777)
    with pytest.raises(Refused, match="everybody can write"):
        AuditLog(StateDirectory(path=place, shared=False), me).intend("stop", {}, {})
    assert list(place.iterdir()) == []


def test_a_link_in_its_place_is_not_followed(tmp_path: Path, state: StateDirectory, me: Operator) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    state.ensure()
    (state.path / "audit.jsonl").symlink_to(victim)
    with pytest.raises(Refused, match="can't be written"):
        AuditLog(state, me).intend("stop", {}, {})
    assert victim.read_text() == "mine"


def test_a_file_that_can_not_be_read_is_an_error_in_words(log: AuditLog) -> None:
    log.path.mkdir(parents=True)
    with pytest.raises(Denied, match="can't be read"):
        list(log.records())
    with pytest.raises(Denied, match="can't be read"):
        log.verify()


def test_who_is_at_the_keyboard() -> None:
    found = current_operator({"SUDO_USER": "ada", "SSH_CONNECTION": "10.0.0.9 5555 10.0.0.1 22"})
    assert (found.sudo_user, found.from_address) == ("ada", "10.0.0.9")
    assert found.uid == os.geteuid()
    assert found.pid == os.getpid()
    assert found.user


def test_bytes_that_are_no_text_are_a_break_too(log: AuditLog) -> None:
    act(log)
    log.path.write_bytes(log.path.read_bytes().replace(b'"restart"', b'"rest\xff\xfet"', 1))
    assert words(log)[0] == "1: the line is no audit record"
