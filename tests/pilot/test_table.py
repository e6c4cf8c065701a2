import string
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.geometry import Offset
from textual.selection import Selection

from lettaops.model.cells import to_ascii
from lettaops.model.signs import Tone
from lettaops.model.text import Safe, clean
from lettaops.screens.widgets.arrange import Filter, Order, arrange, parse_filter
from lettaops.screens.widgets.columns import Cell, Column, Grid, Row, share
from lettaops.screens.widgets.table import Table
from tests.pilot.apps import OneWidget, Repaints, rows, scroll_down
from tests.waiting import until

USED = {"a": 3.0, "b": 1.0, "c": None, "d": 20.0}
COLUMNS = (
    Column("service", Safe("SERVICE"), 12, sort_key=lambda row: row.text(0)),
    Column("why", Safe("WHY"), 8, flex=1, priority=1),
    Column("cpu", Safe("CPU"), 5, align="right", sort_key=lambda row: USED.get(row.key), descending=True),
)


def row(key: str, why: str = "", cpu: str = "1%", tone: Tone = Tone.NORMAL) -> Row:
    return Row(key, (Safe(f"name {key}"), Cell(Safe(why), tone), Safe(cpu)))


def fold(key: str, text: str) -> Row:
    return Row(key, (Safe(text),), spans=True)


FOUR = (row("a", "one"), row("b", "two"), row("c", "three", "–"), row("d", "four"))


def numbered(count: int) -> list[Row]:
    return [row(f"{number:05}") for number in range(count)]


def table(rows: Sequence[Row] = FOUR) -> OneWidget[Table]:
    widget = Table(COLUMNS, empty=Safe("nothing here"))
    widget.set_rows(rows)
    return OneWidget(widget)


def cursor(app: OneWidget[Table]) -> str | None:
    return app.widget.cursor_key


def order(app: OneWidget[Table]) -> Order | None:
    return app.widget.order


async def test_cells_stand_in_their_columns() -> None:
    app = table([row("a", "a reason that is too long", "2%"), row("服务", "é́ 👍", "13%")])
    async with app.run_test(size=(40, 6)):
        assert rows(app.widget) == [
            " SERVICE       WHY                   CPU",
            "›name a        a reason that is …     2%",
            " name 服务     é́ 👍                  13%",
            "",
            "",
            "",
        ]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["down"], "b"),
        (["j", "j"], "c"),
        (["j", "j", "k"], "b"),
        (["down", "up", "up"], "a"),
        (["end"], "d"),
        (["G", "g"], "a"),
        (["end", "home"], "a"),
        (["pagedown"], "d"),
        (["pagedown", "pageup"], "a"),
    ],
)
async def test_keys_move_the_cursor(keys: list[str], expected: str) -> None:
    app = table()
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.press(*keys)
        assert cursor(app) == expected
        assert app.told(Table.Selected)[-1].key == expected


async def test_the_cursor_passes_over_rows_that_span() -> None:
    app = table([fold("h", "Stack"), row("a"), fold("g", "Others"), row("b"), fold("f", "+ 14 (o)")])
    async with app.run_test(size=(40, 8)) as pilot:
        assert cursor(app) == "a"
        await pilot.press("down")
        assert cursor(app) == "b"
        await pilot.press("down", "end")
        assert cursor(app) == "b"
        await pilot.click(offset=Offset(3, 5))
        assert cursor(app) == "b"
        assert rows(app.widget)[5] == " + 14 (o)"


async def test_enter_and_a_double_click_open_a_row() -> None:
    app = table()
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.press("down", "enter")
        await pilot.click(app.widget, offset=Offset(3, 4), times=2)
        assert [message.key for message in app.told(Table.Activated)] == ["b", "d"]
        assert app.screen.selections == {}


async def test_the_wheel_scrolls_and_takes_the_cursor_along() -> None:
    app = table(numbered(100))
    async with app.run_test(size=(40, 11)):
        app.widget.post_message(scroll_down(app.widget))
        await until(lambda: app.widget.scroll_offset.y)
        assert rows(app.widget)[1].startswith("›name 00003")
        assert cursor(app) == "00003"
        assert rows(app.widget)[0].startswith(" SERVICE")


async def test_the_wheel_moves_the_cursor_where_nothing_scrolls() -> None:
    app = table()
    async with app.run_test(size=(40, 11)):
        app.widget.wheel(1)
        assert cursor(app) == "b"
        app.widget.wheel(-1)
        assert cursor(app) == "a"


async def test_marks_survive_updates_and_end_with_their_row() -> None:
    app = table()
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.press("space", "down", "space")
        assert app.widget.marks == {"a", "c"}
        assert [line[0] for line in rows(app.widget)[1:5]] == ["✓", " ", "✓", "›"]
        app.widget.set_filter(Safe("two"))
        assert app.widget.marks == {"a", "c"}
        app.widget.set_filter(Safe(""))
        app.widget.set_rows([row("c", "other"), row("d"), row("b")])
        assert app.widget.marks == {"c"}
        assert cursor(app) == "b"
        await pilot.press("space")
        assert app.widget.marks == {"b", "c"}
        app.widget.clear_marks()
        assert app.widget.marks == set()


async def test_ctrl_click_marks() -> None:
    app = table()
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.click(offset=Offset(3, 3), control=True)
        assert app.widget.marks == {"c"}
        assert cursor(app) == "c"


async def test_only_changed_rows_are_repainted() -> None:
    app = table()
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.pause()
        painted = Repaints(app.widget)
        app.widget.set_rows([row("a", "one"), row("b", "2"), row("c", "three", "–"), row("d", "four")])
        assert painted.rows == {2}
        painted.forget()
        app.widget.set_rows([row("a", "one"), row("b", "2"), row("c", "three", "–"), row("d", "four")])
        app.widget.set_stale(False)
        assert (painted.rows, painted.whole) == (set(), 0)
        await pilot.press("down")
        assert (painted.rows, painted.whole) == ({1, 2}, 0)


async def test_a_change_that_is_cut_away_is_not_repainted() -> None:
    app = table([row("a", "x" * 40)])
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.pause()
        painted = Repaints(app.widget)
        app.widget.set_rows([row("a", "x" * 41)])
        assert (painted.rows, painted.whole) == (set(), 0)


async def test_rows_out_of_sight_are_not_repainted() -> None:
    app = table(numbered(100))
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.pause()
        painted = Repaints(app.widget)
        app.widget.set_rows([*numbered(50), row("x"), *numbered(100)[50:]])
        assert (painted.rows, painted.whole) == (set(), 0)


async def test_the_cursor_stays_on_its_row_and_in_view() -> None:
    app = table(numbered(100))
    async with app.run_test(size=(40, 11)) as pilot:
        app.widget.move(50)
        assert rows(app.widget)[10].startswith("›name 00050")
        app.widget.set_rows([row("x"), *numbered(100)])
        assert cursor(app) == "00050"
        app.widget.set_rows([one for one in numbered(100) if one.key != "00050"])
        await pilot.pause()
        assert cursor(app) == "00051"
        app.widget.set_rows([])
        assert cursor(app) is None
        assert app.told(Table.Selected)[-1].key is None
        assert rows(app.widget)[1] == " nothing here"
        app.widget.set_rows(numbered(1))
        assert cursor(app) == "00000"


async def test_sorting_by_key_and_header() -> None:
    app = table()
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.press(">")
        assert order(app) == Order("service", False)
        await pilot.press("I")
        assert app.widget.shown_keys == ["d", "c", "b", "a"]
        assert "SERVICE↓" in rows(app.widget)[0]
        await pilot.press(">")
        assert app.widget.shown_keys == ["d", "a", "b", "c"]
        await pilot.press("I")
        assert app.widget.shown_keys == ["b", "a", "d", "c"], "unknown comes last either way"
        app.widget.set_rows([*FOUR, row("e")])
        assert app.widget.shown_keys == ["b", "a", "d", "c", "e"]
        await pilot.press(">")
        assert order(app) is None
        await pilot.press("<")
        assert order(app) == Order("cpu", True)
        await pilot.click(offset=Offset(3, 0))
        assert app.widget.shown_keys == ["a", "b", "c", "d", "e"]
        await pilot.click(offset=Offset(3, 0))
        assert order(app) == Order("service", True)
        await pilot.click(offset=Offset(3, 0))
        assert order(app) is None
        await pilot.click(offset=Offset(18, 0))
        assert order(app) is None, "a column that cannot be sorted by"
        await pilot.click(offset=Offset(39, 0))
        assert order(app) == Order("cpu", True)
        with pytest.raises(ValueError, match="why"):
            app.widget.sort_by("why")


async def test_the_filter_is_live_and_survives_updates() -> None:
    app = table([*FOUR, fold("f", "+ 14 others")])
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.press("down")
        assert app.widget.set_filter(Safe("O")) is None
        assert app.widget.shown_keys == ["a", "b", "d"]
        app.widget.set_filter(Safe("/^t.o$/"))
        assert app.widget.shown_keys == ["b"]
        assert cursor(app) == "b"
        assert app.widget.set_filter(Safe("/t("))
        assert app.widget.shown_keys == ["b"]
        app.widget.set_rows([row("z", "two"), *FOUR])
        assert app.widget.shown_keys == ["z", "b"]
        app.widget.set_filter(Safe("absent"))
        assert cursor(app) is None
        assert rows(app.widget)[1] == " nothing here"
        app.widget.set_filter(Safe(""))
        assert cursor(app) is not None


def test_sections_sort_on_their_own() -> None:
    given_rows = [fold("h", "x"), row("b"), row("a"), fold("g", "y"), row("d"), fold("f", "+ 2")]
    shown = arrange(given_rows, COLUMNS, None, Order("service"))
    assert [one.key for one in shown] == ["h", "a", "b", "g", "d", "f"]
    chosen = parse_filter(Safe("name d"))
    assert isinstance(chosen, Filter)
    assert [one.key for one in arrange(given_rows, COLUMNS, chosen, None)] == ["g", "d", "f"]


async def test_stale_rows_are_grey() -> None:
    app = table([row("a"), row("b", "bad", tone=Tone.BAD)])
    async with app.run_test(size=(40, 6)):
        before = app.widget.render_line(2)
        app.widget.set_stale(True)
        styles = {segment.style.dim for segment in app.widget.render_line(2) if segment.style}
        assert styles == {True}
        app.widget.set_stale(False)
        assert app.widget.render_line(2) == before


async def test_copying() -> None:
    app = table()
    async with app.run_test(size=(40, 8)) as pilot:
        assert app.widget.copy_text() == "name a\tone\t1%"
        await pilot.press("down", "space", "space")
        assert app.widget.copy_text() == "name b\ttwo\t1%\nname c\tthree\t–"


async def test_text_is_selected_with_the_mouse() -> None:
    app = table([row("a", "服务器 runs"), row("b", "two"), row("c", "three")])
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.mouse_down(offset=Offset(17, 1))
        await pilot.hover(offset=Offset(17, 2))
        await pilot.mouse_up(offset=Offset(17, 2))
        assert app.screen.get_selected_text() == "务器 runs            1%\n name b        two"
        assert app.widget.copy_text() == "务器 runs            1%\n name b        two"
        assert cursor(app) == "a", "a drag is no click"
        await pilot.click(offset=Offset(5, 2))
        assert cursor(app) == "b"
        assert app.widget.copy_text() == "name b\ttwo\t1%"


async def test_a_selection_repaints_the_rows_it_touches() -> None:
    app = table()
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.pause()
        painted = Repaints(app.widget)
        app.screen.selections = {app.widget: Selection(Offset(2, 1), Offset(4, 2))}
        await pilot.pause()
        assert (painted.rows, painted.whole) == ({2, 3}, 0)


async def test_the_header_stays_and_columns_go_in_a_narrow_table() -> None:
    app = table(numbered(50))
    async with app.run_test(size=(24, 8)) as pilot:
        await pilot.press("end")
        assert (
            rows(app.widget)[0] == " SERVICE          CPU"[:24].rstrip() or "WHY" not in rows(app.widget)[0]
        )
        assert "WHY" not in rows(app.widget)[0]
        assert rows(app.widget)[-1].startswith("›name 00049")
        await pilot.resize_terminal(60, 8)
        await until(lambda: "WHY" in rows(app.widget)[0])


async def test_the_scrollbar_hides_no_column() -> None:
    app = table(numbered(50))
    async with app.run_test(size=(40, 8)) as pilot:
        await pilot.pause()
        assert rows(app.widget)[1].endswith(" 1%")
        assert len(rows(app.widget)[1]) == 39
        app.widget.set_rows(numbered(3))
        await until(lambda: len(rows(app.widget)[1]) == 40)


async def test_other_columns() -> None:
    app = table()
    async with app.run_test(size=(40, 8)):
        app.widget.sort_by("cpu")
        app.widget.set_columns(COLUMNS[:1])
        assert order(app) is None
        assert rows(app.widget)[:2] == [" SERVICE", "›name a"]


async def test_ten_thousand_rows() -> None:
    app = table(numbered(10_000))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("end")
        assert rows(app.widget)[-1].startswith("›name 09999")
        app.widget.set_filter(Safe("/9{4}/"))
        assert app.widget.shown_keys == ["09999"]
        app.widget.sort_by("service", descending=True)
        app.widget.set_filter(Safe(""))
        assert app.widget.shown_keys[0] == "09999"


async def test_ascii_draws_nothing_else() -> None:
    app = OneWidget(Table(COLUMNS), ascii=True)
    async with app.run_test(size=(30, 6)) as pilot:
        app.widget.set_rows([row("ä", "● 服务器 is up and fine", "–"), row("b")])
        await pilot.press("space", ">")
        drawn = rows(app.widget)
        assert all(line.isascii() for line in drawn)
        assert drawn[0] == " SERVICE^      WHY         CPU"
        assert any(line.startswith("+name a ") and "* ??? i." in line for line in drawn), drawn
        assert "服务器" in app.widget.copy_text()


def test_keys_are_unique() -> None:
    with pytest.raises(ValueError, match="unique"):
        Table(COLUMNS).set_rows([row("a"), row("a")])


TEXTS = st.text(
    alphabet=st.one_of(st.sampled_from("服务器👍é́̂ａ –●" + string.ascii_letters), st.characters()), max_size=30
).map(clean)


@settings(max_examples=300, deadline=None)
@given(
    width=st.integers(20, 200),
    texts=st.lists(st.lists(TEXTS, max_size=4), min_size=1, max_size=3),
    minimum=st.lists(st.integers(0, 90), min_size=1, max_size=6),
    flex=st.integers(0, 3),
    priority=st.integers(0, 2),
    ascii=st.booleans(),
)
def test_every_row_fits(
    width: int, texts: list[list[Safe]], minimum: list[int], flex: int, priority: int, ascii: bool
) -> None:
    columns = [
        Column(
            str(at), Safe("TITLE"), cells, flex=flex * (at % 2), priority=priority * (at % 3),
            align="right" if at % 2 else "left",
        )
        for at, cells in enumerate(minimum)
    ]  # fmt: skip
    grid = Grid(columns, to_ascii if ascii else str)
    grid.fit(width)
    slots = share(columns, width)
    edge = slots[-1].start + slots[-1].width if slots else 1
    for number, cells in enumerate(texts):
        drawn = "".join(piece.text for piece in grid.pieces(Row(str(number), tuple(cells))))
        assert cell_len(drawn) == edge <= width
        assert cell_len("".join(p.text for p in grid.pieces(Row("s", tuple(cells), True)))) <= width


@settings(max_examples=15, deadline=None)
@given(width=st.integers(20, 200), texts=st.lists(TEXTS, min_size=0, max_size=8), stale=st.booleans())
async def test_every_line_is_as_wide_as_the_widget(width: int, texts: list[Safe], stale: bool) -> None:
    app = table([Row(str(at), (text, text, text)) for at, text in enumerate(texts)])
    async with app.run_test(size=(width, 10)) as pilot:
        app.widget.set_stale(stale)
        await pilot.press("space", "down", ">")
        for y in range(10):
            strip = app.widget.render_line(y)
            assert cell_len(strip.text) == strip.cell_length == width
