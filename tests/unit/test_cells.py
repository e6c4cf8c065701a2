"""Text in cells: one measure for our layout and for what Textual composes; cut, broken and padded by it."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len, get_character_cell_size

from lettaops.model.cells import (
    chop,
    cut,
    fitting,
    has_odd_cells,
    pad,
    skip,
    to_ascii,
    width,
    wrap,
)
from lettaops.model.text import clean

TEXTS = st.text(st.sampled_from("ab -é漢字😀\u0301\u0308\u0903ㅏ…")) | st.text().map(clean)
CELLS = st.integers(0, 30)
KINDS = {
    "combining": "e\u0301 n\u0303\u0304 \u0301",
    "spacing marks": "हिन्दी தமிழ் বাংলা",
    "emoji with selector": "❤\ufe0f ☎\ufe0f 1\ufe0f\u20e3",
    "joined emoji": "👩\u200d💻 👨\u200d👩\u200d👧",
    "skin tones": "👍🏽 👋🏿",
    "flags": "🇩🇪🇫🇷 🇩",
    "wide": "漢字かなカナ한글 ｆｕｌｌ",
    "half width": "ｶﾅ",
    "syllables in parts": "\u1112\u1161\u11ab",
    "ambiguous": "● ▲ § ° ± … – Ω Я",
    "narrow before Unicode 16": "☰ ䷀ \U0001d360",
    "new emoji": "🫨 🩷",
    "unassigned": "\u0378 \U000e0002 \U0001343a",
}


def test_every_character_that_passes_the_door_is_as_wide_as_for_rich() -> None:
    codes = (*range(0x33000), *range(0xE0000, 0xE1000))  # what Unicode assigns lies within, but private use
    passing = [chr(code) for code in codes if clean(chr(code)) == chr(code)]
    assert [char for char in passing if width(char) != get_character_cell_size(char)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_texts_of_every_kind_are_as_wide_as_for_rich(kind: str) -> None:
    text = clean(KINDS[kind])
    assert width(text) == cell_len(text) > 0


@given(TEXTS)
def test_any_text_is_as_wide_as_for_rich(text: str) -> None:
    text = clean(text)
    assert width(text) == cell_len(text)
    assert has_odd_cells(text) == any(cell_len(char) != 1 for char in text)


def test_an_environment_for_older_terminals_does_not_change_what_rich_measures() -> None:
    script = "import lettaops.terminal.base\nfrom rich.cells import cell_len\nprint(cell_len('☰🩷'))"
    environment = os.environ | {"UNICODE_VERSION": "4.1.0", "PYTHONUTF8": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert int(done.stdout) == width("☰🩷") == 4


@given(TEXTS, CELLS)
def test_a_cut_text_fits_and_keeps_all_that_does(text: str, cells: int) -> None:
    found = cut(text, cells)
    assert width(found) <= cells
    if width(text) <= cells:
        assert found == text
    elif cells:
        assert found.endswith("…")
        kept = found[:-1]
        assert text.startswith(kept)
        assert width(text[: len(kept) + 1]) > cells - 1


@given(TEXTS, CELLS)
def test_marks_stay_with_their_base(text: str, cells: int) -> None:
    at = fitting(text, cells)
    assert width(text[:at]) <= cells
    assert at == len(text) or width(text[at]) > 0


@given(TEXTS, st.integers(2, 30))
def test_chopped_lines_are_full_and_hold_everything(text: str, cells: int) -> None:
    starts = chop(text, cells)
    lines = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    assert "".join(lines) == text
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        assert width(line) <= cells
        assert not following or width(line + following[0]) > cells


@given(TEXTS, CELLS)
def test_skipped_cells_are_as_many_as_asked_for(text: str, cells: int) -> None:
    at, half = skip(text, cells)
    assert half in (0, 1)
    assert width(text[:at]) - half == min(cells, width(text))


@given(TEXTS, st.integers(2, 40), st.sampled_from(["", "  ", "    "]))
def test_wrapped_lines_fit_and_hold_every_word(text: str, cells: int, indent: str) -> None:
    lines = wrap(text, cells, indent)
    assert all(width(line) <= max(cells, len(indent) + 2) for line in lines)
    assert "".join("".join(lines).split(" ")) == "".join(text.split(" "))


def test_words_stay_whole_where_they_fit() -> None:
    assert wrap("the database restarts in a loop", 12) == ["the database", "restarts in", "a loop"]
    assert wrap("the database restarts in a loop", 12, "  ") == ["the database", "  restarts", "  in a loop"]
    assert wrap("a sha256:0123456789abcdef b", 10) == ["a", "sha256:012", "3456789abc", "def b"]
    assert wrap("漢字漢字 ab", 5) == ["漢字", "漢字", "ab"]


@given(TEXTS, CELLS, st.booleans())
def test_padding_only_adds_spaces(text: str, cells: int, right: bool) -> None:
    found = pad(text, cells, right=right)
    assert width(found) == max(cells, width(text))
    assert found.strip() == text.strip()


@given(st.text().map(clean))
def test_ascii_moves_nothing(text: str) -> None:
    found = to_ascii(text)
    assert found.isascii()
    assert len(found) == len(text)
