import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.geometry import Offset

from lettaops.model.text import Safe
from lettaops.model.units import milliseconds
from lettaops.screens.widgets.chart import StripChart, nice_ceiling
from tests.pilot.apps import OneWidget, Repaints, rows


async def test_values_stand_at_the_right_and_move_left() -> None:
    app = OneWidget(StripChart(ceiling=8, show_last=False))
    async with app.run_test(size=(12, 1)):
        app.widget.set_values([0, 1, 2, 3, 4, 5, 6, 7, 8])
        assert app.widget.render_line(0).text == "   ▁▁▂▃▄▅▆▇█"
        app.widget.push(0)
        assert app.widget.render_line(0).text == "  ▁▁▂▃▄▅▆▇█▁"
        app.widget.push(None)
        assert app.widget.render_line(0).text == " ▁▁▂▃▄▅▆▇█▁·"
        app.widget.push(99)
        assert app.widget.render_line(0).text == "▁▁▂▃▄▅▆▇█▁·█"


async def test_unknown_is_a_gap_and_never_zero() -> None:
    app = OneWidget(StripChart(ceiling=1, show_last=False))
    async with app.run_test(size=(6, 1)):
        app.widget.set_values([0, None, math.nan, math.inf, -5, 0])
        assert app.widget.render_line(0).text == "▁···▁▁"
        assert app.widget.values == (0, None, None, None, 0, 0)


async def test_several_rows_with_title_and_scale() -> None:
    chart = StripChart(title=Safe("cpu"), unit=milliseconds, show_ceiling=True)
    app = OneWidget(chart)
    async with app.run_test(size=(20, 3)):
        chart.set_values([1, 5, 9, None, 6])
        drawn = rows(chart)
        assert drawn[0].startswith("cpu ")
        assert drawn[0].endswith("10 ms")
        assert drawn[2].endswith("6 ms")
        assert "·" in drawn[2]
        assert chart.ceiling == 10
        chart.push(11)
        assert chart.ceiling == 20
        assert rows(chart)[0].endswith("20 ms")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 1), (1, 1), (1.1, 2), (3, 5), (5, 5), (7, 10), (100, 100), (101, 200), (0.03, 0.05)],
)
def test_round_scales(value: float, expected: float) -> None:
    assert nice_ceiling(value) == pytest.approx(expected)


async def test_the_words_do_not_move_the_chart() -> None:
    app = OneWidget(StripChart(title=Safe("db"), label_width=6, unit=milliseconds, ceiling=1000))
    async with app.run_test(size=(20, 1)):
        starts = set()
        for value in (1, 999, None, 20):
            app.widget.push(value)
            starts.add(app.widget.render_line(0).text[:3] + app.widget.render_line(0).text[13])
            assert len(app.widget.render_line(0).text) == 20
        assert starts == {"db  "}
        assert app.widget.copy_text() == "db 20 ms"


async def test_braille_takes_two_values_a_cell() -> None:
    app = OneWidget(StripChart(ceiling=4, style="braille", show_last=False))
    async with app.run_test(size=(4, 1)):
        app.widget.set_values([1, 2, 3, 4])
        assert app.widget.render_line(0).text == "  ⣠⣾"
        app.widget.push(0)
        assert app.widget.render_line(0).text == " ⣠⣾⡀"
        app.widget.push(None)
        assert app.widget.render_line(0).text == " ⣠⣾⡀"
        app.widget.push(None)
        app.widget.push(None)
        assert app.widget.render_line(0).text == "⣠⣾⡀·"


async def test_ascii() -> None:
    app = OneWidget(StripChart(ceiling=8, style="braille", unit=lambda _: Safe("–")), ascii=True)
    async with app.run_test(size=(12, 1)):
        app.widget.set_values([0, 2, 4, 6, 8, None])
        assert app.widget.render_line(0).text == "    _.:+#? -"


async def test_a_push_repaints_only_the_chart_and_only_when_it_looks_different() -> None:
    app = OneWidget(StripChart(ceiling=8, show_last=False))
    async with app.run_test(size=(8, 1)) as pilot:
        app.widget.set_values([1] * 20)
        await pilot.pause()
        painted = Repaints(app.widget)
        app.widget.push(1)
        app.widget.push(0.9)
        assert (painted.rows, painted.whole) == (set(), 0)
        app.widget.push(8)
        assert (painted.rows, painted.whole) == ({0}, 0)


async def test_a_stale_chart_is_grey_and_its_text_can_be_selected() -> None:
    app = OneWidget(StripChart(title=Safe("db"), ceiling=8))
    async with app.run_test(size=(12, 1)) as pilot:
        app.widget.push(8)
        app.widget.set_stale(True)
        assert {segment.style.dim for segment in app.widget.render_line(0) if segment.style} == {True}
        await pilot.mouse_down(offset=Offset(0, 0))
        await pilot.hover(offset=Offset(1, 0))
        await pilot.mouse_up(offset=Offset(1, 0))
        assert app.screen.get_selected_text() == "db"


@settings(max_examples=25, deadline=None)
@given(
    width=st.integers(1, 200),
    height=st.integers(1, 4),
    values=st.lists(st.one_of(st.none(), st.floats()), max_size=300),
    braille=st.booleans(),
    ascii=st.booleans(),
    title=st.sampled_from(["", "cpu", "服务器"]),
)
async def test_every_line_is_as_wide_as_the_widget(
    width: int, height: int, values: list[float | None], braille: bool, ascii: bool, title: str
) -> None:
    chart = StripChart(title=Safe(title), style="braille" if braille else "block", show_ceiling=True)
    app = OneWidget(chart, ascii=ascii)
    async with app.run_test(size=(width, height)):
        chart.set_values(values)
        for y in range(height):
            strip = chart.render_line(y)
            assert cell_len(strip.text) == strip.cell_length == width
            assert not ascii or strip.text.isascii()


async def test_a_paged_chart_stands_still_and_loses_its_older_half_when_it_is_full() -> None:
    app = OneWidget(StripChart(ceiling=8, show_last=False, paged=True))
    async with app.run_test(size=(6, 1)):
        seen = []
        for value in range(1, 12):
            app.widget.push(value % 8 + 1)
            seen.append(app.widget.render_line(0).text)
        assert seen[:6] == ["▂     ", "▂▃    ", "▂▃▄   ", "▂▃▄▅  ", "▂▃▄▅▆ ", "▂▃▄▅▆▇"]
        assert seen[6:9] == ["▅▆▇█  ", "▅▆▇█▁ ", "▅▆▇█▁▂"]
        assert seen[9] == "█▁▂▃  "


@given(values=st.lists(st.floats(0, 9), max_size=80), width=st.integers(2, 12), braille=st.booleans())
@settings(max_examples=25, deadline=None)
async def test_a_paged_chart_shows_the_newest_and_at_least_half_a_width(
    values: list[float], width: int, braille: bool
) -> None:
    chart = StripChart(ceiling=9, show_last=False, paged=True, style="braille" if braille else "block")
    app = OneWidget(chart)
    async with app.run_test(size=(width, 1)):
        for value in values:
            chart.push(value)
        per = 2 if braille else 1
        assert len(chart.render_line(0).text) == width
        seen = chart._seen()
        assert seen == values[len(values) - len(seen) :]
        assert len(seen) >= min(len(values), width // 2 * per)
