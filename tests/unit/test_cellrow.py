"""Texts of plain characters are laid out the quick way: it must give what the thorough way gives."""

from hypothesis import given
from hypothesis import strategies as st

from lettaops.terminal.cellrow import _PLAIN, cells_of, laid_out

PLAIN = [char for char in map(chr, range(0x2800)) if _PLAIN.fullmatch(char)]


def test_each_plain_character_is_one_cell() -> None:
    assert [laid_out(char) for char in PLAIN] == [(char,) for char in PLAIN]


@given(st.text(st.sampled_from(PLAIN), max_size=20))
def test_plain_characters_stay_one_cell_each_beside_each_other(text: str) -> None:
    assert laid_out(text) == tuple(text)
    assert [glyph for glyph, _ in cells_of(text, "31")] == list(text)


def test_what_the_dashboard_draws_is_plain() -> None:
    assert _PLAIN.fullmatch("›● letta_db ── ✕ ── ▁▂▃▄▅▆▇█ ·✓ … ▲◐○↻ 0.4 ms – “é”")
