"""The door: what comes out of it can't command a terminal, and ordinary text comes out whole."""

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lettaops.model.text import LINE_LIMIT, MAX_COMBINING, Safe, clean, clean_block, clean_bytes
from tests.unit.build import COMMANDS, HOSTILE

NOTE = 40  # characters of the note that tells how much was cut

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=200)
_INTRODUCERS = st.sampled_from(
    ("\x1b[", "\x9b", "\x1b]", "\x9d", "\x1bP", "\x90", "\x1b_", "\x9f", "\x1b^", "\x9e", "\x1bX", "\x98")
)
_BODIES = st.sampled_from(
    (
        "0;title",
        "52;c;ZXZpbA==",
        "8;;http://evil.test",
        "2J",
        "31;1m",
        "?1049h",
        "q#0;2;0",
        "",
        "6n",
        "!p",
        ">",
    )
)
_ENDS = st.sampled_from(("\x07", "\x1b\\", "\x9c", "", "m", "\n", "\x1b", "\x18"))
SEQUENCES = st.builds(lambda start, body, end: start + body + end, _INTRODUCERS, _BODIES, _ENDS)
# complete, cut, and one within another; with text between them
HOSTILE_TEXT = st.lists(
    SEQUENCES | ANY_TEXT | st.sampled_from(("\x00", "\r", "\t", "\x85", "\ufe0f", "\u202e", "\u0301" * 9)),
    max_size=12,
).map("".join)


def assert_harmless(text: str, *, keep: str = "") -> None:
    for char in text:
        assert char in keep or unicodedata.category(char) not in COMMANDS, f"U+{ord(char):04X} got through"
    for found in re.finditer(r"\S+", text):
        run = 0
        for char in found[0]:
            run = run + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
            assert run <= MAX_COMBINING, "a flood of combining marks got through"


@given(HOSTILE_TEXT)
@example(HOSTILE)
@example("\x1b]52;c;ZXZpbA==")
@example("a\x1b[\x1b[31mb")
@example("\ud800\udfff")
def test_whatever_comes_out_can_not_command_a_terminal(text: str) -> None:
    assert_harmless(clean(text))
    assert_harmless(clean_block(text), keep="\n")


@given(HOSTILE_TEXT, st.integers(1, 80))
@example("\t" * 60, 50)
@example("x" * 2000, 80)
def test_a_second_cleaning_changes_nothing(text: str, limit: int) -> None:
    once = clean(text, limit)
    assert clean(once, limit) == once
    assert clean(str(once), limit) == once
    block = clean_block(text, limit)
    assert clean_block(block, limit) == block


@given(HOSTILE_TEXT, st.integers(0, 80))
@example("\t" * 100, 80)
def test_the_length_is_bounded(text: str, limit: int) -> None:
    assert len(clean(text, limit)) <= limit + NOTE
    assert len(clean_block(text, limit)) <= limit + NOTE


@given(st.binary(max_size=300), st.integers(1, 200))
@example(b"caf\xc3", 10)
@example(b"\xff\xfe\x1b]0;x\x07\x9b31m", 50)
def test_bytes_of_any_kind_become_harmless_text(data: bytes, limit: int) -> None:
    found = clean_bytes(data, limit)
    assert_harmless(found)
    assert len(found) <= limit + NOTE


@pytest.mark.parametrize(
    ("hostile", "seen"),
    [
        ("\x1b]52;c;ZXZpbA==\x07after", "after"),
        ("\x1b]0;title\x1b\\after", "after"),
        ("\x1b]8;;http://evil.test\x1b\\text\x1b]8;;\x1b\\", "text"),
        ("\x9d0;title\x9cafter", "after"),
        ("\x1bPq#0\x1b\\after", "after"),
        ("\x1b_Gi=1;AAAA\x1b\\after", "after"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x9b2Jafter", "after"),
        ("\x1b[38;5;1", ""),
        ("\x1b]52;c;never ended", ""),
        ("\x1bcafter", "after"),
        ("\x1b(0after", "after"),
        ("a\x1b", "a"),
        ("a\x00b\x07c\x7f", "a␀b␇c␡"),
        ("a\nb\r", "a␊b␍"),
        ("pay\u202eexe.txt", "pay\ufffdexe.txt"),
        ("zero\u200bwidth\ufeff", "zero\ufffdwidth\ufffd"),
        ("a\tb", "a       b"),
        ("heart \u2764\ufe0f", "heart \u2764"),
        ("e" + "\u0301" * 50, "e" + "\u0301" * 3),
    ],
)
def test_what_is_left_of_hostile_text(hostile: str, seen: str) -> None:
    assert clean(hostile) == seen


def test_every_combining_mark_is_limited_whatever_its_script() -> None:
    marks = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in {"Mn", "Me"}]
    for mark in marks:
        found = clean("a" + mark * 8)
        assert len(found) <= 1 + max(MAX_COMBINING, 8 * (found == "a" + "\ufffd" * 8)), f"U+{ord(mark):04X}"


@pytest.mark.parametrize("code", [0x034F, 0x115F, 0x180B, 0x2065, 0x3164, 0xFFA0, 0xFFF3, 0xE0001, 0x1D173])
def test_invisible_fillers_are_shown(code: int) -> None:
    assert clean(f"a{chr(code)}b") == "a\ufffdb"


@pytest.mark.parametrize(
    "text",
    [
        "GET /v1/health/ 200 in 4 ms",
        "Größe, naïve, Ångström, Łódź, œuvre",
        "日本語のログ、 한국어 로그，中文日志",
        "emoji 😀 🚀 👍 ✅",
        "Ελληνικά Русский עברית العربية हिन्दी",
        "▶ Server running at: http://0.0.0.0:8283",
        "a\u0301e\u0323\u0301",
        "[bold]not markup[/bold] [/bin] %s {x} \\n",
    ],
)
def test_ordinary_text_survives(text: str) -> None:
    assert clean(text) == text
    assert clean_block(f"{text}\n{text}") == f"{text}\n{text}"


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=200))
def test_printable_ascii_is_untouched(text: str) -> None:
    assert clean(text) == text


def test_a_long_line_is_cut_and_says_how_much_is_missing() -> None:
    found = clean("x" * (LINE_LIMIT + 1000))
    assert found.startswith("x" * LINE_LIMIT)
    assert found.endswith("… 1000 more characters")


def test_the_note_of_what_was_cut_survives_the_second_cleaning_at_the_exit() -> None:
    found = clean(str(clean("x" * (LINE_LIMIT + 1000))))
    assert found.endswith("… 1000 more characters")


def test_a_block_keeps_its_lines() -> None:
    assert clean_block("one\r\ntwo\x1b[2J\n\nfour\x00") == "one\ntwo\n\nfour␀"


def test_a_sequence_can_not_swallow_the_next_line_of_a_block() -> None:
    assert clean_block("a\x1b]0;never ended\nsecond") == "a\nsecond"


def test_bytes_that_are_not_utf8_are_marked() -> None:
    assert clean_bytes(b"caf\xe9 \xff ok") == "caf\ufffd \ufffd ok"
    assert clean_bytes("日本".encode()[:4]) == "日\ufffd"


def test_a_long_line_of_bytes_says_how_much_is_missing() -> None:
    assert clean_bytes(b"x" * 1_000_000, 100).endswith("… 999900 more characters")


def test_the_type_tells_that_text_was_cleaned() -> None:
    assert type(clean("x")) is Safe
    assert type(clean_block("x\ny")) is Safe
    assert type(clean_bytes(b"x")) is Safe
