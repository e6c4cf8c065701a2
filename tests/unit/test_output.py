"""What leaves: tables that fit, JSON that stays JSON, no control sequence and no secret in any of it."""

import io
import json
import os
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lettaops.cli.output import Output
from lettaops.model.errors import LettaopsError
from lettaops.model.secrets import Secret
from lettaops.model.text import Safe
from tests.unit.build import HOSTILE, is_clean


class Tty(io.TextIOWrapper):
    """A stream that says it is a terminal, or not, and keeps the bytes that reach it."""

    def __init__(self, encoding: str = "utf-8", *, tty: bool = False) -> None:
        self.raw_bytes = io.BytesIO()
        self.tty = tty
        super().__init__(self.raw_bytes, encoding=encoding, errors="strict")

    def isatty(self) -> bool:
        return self.tty

    def bytes(self) -> bytes:
        self.flush()
        return self.raw_bytes.getvalue()

    def text(self) -> str:
        return self.bytes().decode(self.encoding)


def output(encoding: str = "utf-8", *, tty: bool = False, ascii: bool = False) -> tuple[Output, Tty, Tty]:
    out, err = Tty(encoding, tty=tty), Tty(encoding, tty=tty)
    return Output(ascii=ascii, out=out, err=err), out, err


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> int:
    """A terminal of 40 columns."""
    monkeypatch.setattr("shutil.get_terminal_size", lambda *_: os.terminal_size((40, 24)))
    return 40


TITLES = ("SERVICE", "N", "WHY")
ROWS = (("letta_server", "7", "because " * 12), ("日本", "12", "short"))


def test_a_table_lines_up(narrow: int) -> None:
    to, out, _ = output()
    to.table(TITLES, ROWS, right=frozenset({1}))
    assert out.text().splitlines() == [
        "SERVICE        N  WHY",
        "letta_server   7  " + ("because " * 12).rstrip(),
        "日本          12  short",
    ]


def test_on_a_terminal_what_does_not_fit_stands_below_its_row(narrow: int) -> None:
    to, out, _ = output(tty=True)
    to.table(TITLES, ROWS)
    assert out.text().splitlines() == [
        "SERVICE       N   WHY",
        "letta_server  7",
        "    because because because because",
        "    because because because because",
        "    because because because because",
        "日本          12  short",
    ]


def test_wide_characters_count_twice(narrow: int) -> None:
    to, out, _ = output(tty=True)
    to.table(("A",), [("日" * 30,)])
    assert out.text().splitlines()[1:] == ["日" * 20, "日" * 10]


def test_a_long_first_column_leaves_the_last_one_whole(narrow: int) -> None:
    to, out, _ = output(tty=True)
    to.table(("A", "B"), [("x" * 200, "a reason of several words")])
    assert out.text().splitlines()[2:] == ["    a reason of several words"]


def test_the_end_of_a_head_line_is_always_seen(narrow: int) -> None:
    to, out, _ = output(tty=True)
    to.head("日本 on unix:///var/run/docker.sock", "● HEALTHY  12:00:00")
    assert out.text() == "日本 on unix:///va…  ● HEALTHY  12:00:00\n"
    to, out, _ = output()
    to.head("日本 on unix:///var/run/docker.sock", "● HEALTHY  12:00:00")
    assert out.text() == "日本 on unix:///var/run/docker.sock  ● HEALTHY  12:00:00\n"


def test_a_paragraph_is_broken_on_a_terminal_only(narrow: int) -> None:
    text = "the database restarts in a loop; the server waits for it"
    to, out, _ = output(tty=True)
    to.paragraph(text, indent="  ")
    assert out.text().splitlines() == ["  the database restarts in a loop; the", "  server waits for it"]
    to, out, _ = output()
    to.paragraph(text)
    assert out.text() == f"{text}\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "koi8-r", "cp1252"])
def test_a_stream_that_is_not_utf8_gets_ascii(encoding: str) -> None:
    to, out, err = output(encoding)
    to.line("● ok – 3 × “x” → …")
    to.talk("▲ größer 日本 😀")
    assert out.bytes() == b'* ok - 3 x "x" > .\n'
    assert err.bytes() == b"! gro?er ?? ?\n"
    to.json({"name": "größer 日本 😀"})
    assert json.loads(out.bytes().splitlines()[1]) == {"name": "größer 日本 😀"}


def test_ascii_by_wish_draws_with_ascii_and_leaves_data_alone() -> None:
    to, out, _ = output(ascii=True)
    to.line("● ok")
    to.json({"name": "日本"})
    assert out.text().splitlines() == ["* ok", '{"name":"日本"}']


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "utf8", "U8"])
def test_utf8_by_any_name_draws(encoding: str) -> None:
    to, out, _ = output(encoding)
    to.line("● ok")
    assert out.text() == "● ok\n"


def everything(to: Output, value: str) -> None:
    to.line(value)
    to.talk(value)
    to.error(LettaopsError(value, not_done=value, next_step=value))
    to.table((value, "B"), [(value, value), ("x", value)])
    to.json({"x": value, value: [value, {"y": Safe(value)}]})


@pytest.mark.parametrize("tty", [True, False])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
@given(
    value=st.sampled_from((HOSTILE, HOSTILE[:20], "\x1b[", "\x9d0;x", "\ud800", "\u2028a\u200b")) | st.text()
)
def test_hostile_text_leaves_clean(tty: bool, encoding: str, value: str) -> None:
    to, out, err = output(encoding, tty=tty)
    everything(to, value)
    for stream in (out, err):
        for line in stream.text().split("\n"):
            assert is_clean(line)


@given(
    st.recursive(
        st.text() | st.integers() | st.none(), lambda each: st.lists(each) | st.dictionaries(st.text(), each)
    )
)
def test_json_is_json_whatever_it_holds(value: Any) -> None:
    to, out, _ = output()
    to.json({"value": value})
    (line,) = out.text().splitlines()
    json.loads(line)


@pytest.mark.parametrize(
    "value",
    [
        {"api_key": None, "token": 5, "secret": True, "password": ["x"], "n": 1},
        {"detail": 'password="a\\"b" and token: {"x": 1}'},
        {"a": 'secret: "', "b": "password=", "c": "postgres://u:p@"},
    ],
)
def test_a_struck_secret_does_not_break_the_json(value: Any) -> None:
    to, out, _ = output()
    to.json(value)
    assert set(json.loads(out.text())) == set(value)


def test_secrets_are_struck_from_everything() -> None:
    secret = Secret('correct"horse')
    to, out, err = output()
    everything(to, f"it is {secret.reveal()} and postgres://u:sesame@h/d")
    to.json({"password": "tango", "x": secret, "nested": {"api_key": "tango"}})
    to.table(("K", "V"), [("password=tango", f"{secret.reveal()}")])
    for text in (out.text(), err.text()):
        for word in ("horse", "sesame", "tango"):
            assert word not in text
    assert "****" in out.text()


def test_half_a_secret_is_not_left_where_a_line_is_cut_or_broken(narrow: int) -> None:
    Secret("correct-horse-battery-staple")
    secrets = ("correct-horse-battery-staple", "postgres://u:sesame-open@host/d" * 2)
    to, out, _ = output(tty=True)
    to.table(("A", "B"), [("x" * 20, secrets[0]), (secrets[0], secrets[1])])
    for each in secrets:
        to.paragraph("x" * 30 + each)
        to.head("x" * 10 + each, "the end")
    assert "corr" not in out.text()
    assert "sesame" not in out.text()


def test_json_keeps_its_values() -> None:
    to, out, _ = output()
    value = {"text": "größer 日本 😀 \u0301", "n": 1.5, "null": None, "yes": True, "list": [1, "a"]}
    to.json(value)
    assert json.loads(out.text()) == value


def test_json_of_the_programs_own_values() -> None:
    class Thing(msgspec.Struct):
        name: Safe
        password: Secret

    to, out, _ = output()
    to.json({"schema": "x/1", "thing": Thing(name=Safe("a"), password=Secret("sesame-open"))})
    assert json.loads(out.text()) == {"schema": "x/1", "thing": {"name": "a", "password": "****"}}


def test_errors_say_what_happened_what_was_not_done_and_what_to_do() -> None:
    to, out, err = output()
    to.error(LettaopsError("it broke", not_done="Nothing was done.", next_step="look"))
    to.error(LettaopsError("it broke"))
    assert err.text() == "lettaops: it broke\n  Nothing was done.\n  look\nlettaops: it broke\n"
    assert out.text() == ""


def test_only_a_terminal_is_cleared() -> None:
    to, out, _ = output()
    to.home()
    assert out.text() == ""
    to, out, _ = output(tty=True)
    to.home()
    to.line("x")
    assert out.text() == "\x1b[H\x1b[2Jx\n"
