"""Fixed lines in terminal cells: nothing is ever wider than its line, and what matters most is never cut."""

from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.cells import width
from lettaops.model.text import Safe, clean
from lettaops.screens.spans import Badge, Span, cells, fitted, title
from tests.pilot import dashboards

TEXT: Final = st.text(st.sampled_from("ab é服务👍 -"), max_size=120)


@given(TEXT, st.integers(4, 60), st.integers(1, 4))
def test_fitted_lines_are_within_their_cells(text: str, columns: int, lines: int) -> None:
    found = fitted(clean(text), columns, lines).split("\n")
    assert len(found) <= lines
    assert all(width(line) <= columns for line in found)


def test_fitted_counts_cells_and_not_characters() -> None:
    assert fitted(Safe("服务 服务 服务 服务"), 9, 2) == "服务 服务\n服务 服务"
    assert fitted(Safe("one two three four"), 9, 1) == "one two …"
    assert fitted(Safe("one two"), 9, 1) == "one two"


def test_a_sentence_that_goes_on_tells_so() -> None:
    assert fitted(Safe("one two three four five"), 9, 2) == "one two\nthree …"


@pytest.mark.parametrize("columns", [60, 80, 100, 160])
@pytest.mark.parametrize("state", ["ok", "stale", "denied", "down"])
@pytest.mark.parametrize("place", ["prod-3 · letta · /var/run/docker.sock", "服务 · " + "長" * 80, ""])
def test_title_is_as_wide_as_the_screen_and_keeps_what_matters(columns: int, state: str, place: str) -> None:
    snapshot = dashboards.STATES[state]()
    badge = Badge(Safe("生产"), "reverse")
    spans = title(snapshot, Safe(place), columns, badge=badge, marks=[Safe("read-only"), Safe("frozen")])
    text = "".join(each.text for each in spans)
    assert cells(spans) <= columns
    assert cells(spans) >= columns - 1
    for word in ("生产", "read-only", "frozen", snapshot.assessment.overall.upper()):
        assert word in text
    if state == "stale":
        assert "stale · 17 s" in text


def test_title_says_live_only_where_there_is_room() -> None:
    snapshot = dashboards.healthy()
    assert "live" in "".join(each.text for each in title(snapshot, Safe("here"), 60))
    assert "live" not in "".join(each.text for each in title(snapshot, Safe("here " * 20), 60))


def test_cells_of_wide_characters() -> None:
    assert cells([Span(Safe("服务")), Span(Safe("ab"))]) == 6


def test_an_age_is_never_cut_away() -> None:
    snapshot = msgspec.structs.replace(dashboards.stale(), seen_age_s=90061.0)
    text = "".join(each.text for each in title(snapshot, Safe("x" * 200), 60))
    assert text.rstrip().endswith("stale · 1 d 1 h")
