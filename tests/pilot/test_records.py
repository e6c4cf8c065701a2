import re
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.geometry import Offset
from textual.selection import Selection

from lettaops.model.logs.line import LogLine
from lettaops.model.logs.pattern import Match
from lettaops.model.logs.query import Include
from lettaops.model.signs import Tone
from lettaops.model.text import Safe, clean
from lettaops.screens.widgets.prefix import DEFAULT_PREFIX, Prefix, clock_time
from lettaops.screens.widgets.records import RecordView
from lettaops.screens.widgets.store import Record, RecordList
from tests.pilot.apps import OneWidget, Repaints, rows, scroll_down
from tests.pilot.log_views import BARE, MIB, LogView, numbered, record
from tests.waiting import until


def view(
    records: Iterable[LogLine] = (), *, prefix: Prefix = BARE, wrap: bool = False, limit: int = 32 * MIB
) -> OneWidget[LogView]:
    widget = LogView(prefix=prefix, wrap=wrap, limit=limit)
    widget.append(list(records))
    return OneWidget(widget)


def match(text: str) -> Match:
    return Match(Safe(text), regex=True)


def following(app: OneWidget[LogView]) -> bool:
    return app.widget.following


async def test_time_source_and_text() -> None:
    app = view(prefix=Prefix(clock=lambda moment: Safe(f"{moment:06.2f}"), source_width=6))
    async with app.run_test(size=(40, 4)):
        assert rows(app.widget) == ["no records", "", "", ""]
        app.widget.append(
            [
                record("started", time=7.5),
                record("服务器 down", source="nginx-proxy", time=None),
                record("── letta_db restarted ──", source="", time=None),
            ]
        )
        assert rows(app.widget) == [
            "007.50 server started",
            "–      nginx… 服务器 down",
            "── letta_db restarted ──",
            "",
        ]
        assert app.widget.copy_text() == "── letta_db restarted ──"


def test_the_clock_is_in_milliseconds() -> None:
    assert re.fullmatch(r"\d\d:\d\d:41\.022", clock_time(1_700_000_021.022))


async def test_it_follows_until_scrolled_up() -> None:
    app = view(numbered(100))
    async with app.run_test(size=(40, 10)) as pilot:
        assert rows(app.widget)[-1] == "line 99"
        app.widget.append(numbered(5, 100))
        assert rows(app.widget)[-1] == "line 104"
        await pilot.press("up")
        assert not following(app)
        app.widget.append(numbered(7, 105))
        assert rows(app.widget)[-1] == "line 104"
        assert app.widget.unseen == 7
        await pilot.press("G")
        assert following(app)
        assert rows(app.widget)[-1] == "line 111"
        assert app.widget.unseen == 0
        await pilot.press("pageup", "end")
        assert [message.following for message in app.told(RecordView.FollowChanged)] == [
            False,
            True,
            False,
            True,
        ]


async def test_the_wheel_and_the_scrollbar_end_following() -> None:
    app = view(numbered(100))
    async with app.run_test(size=(40, 10)) as pilot:
        app.widget.wheel(-1)
        assert not following(app)
        assert rows(app.widget)[-1] == "line 96"
        app.widget.post_message(scroll_down(app.widget))
        await until(lambda: rows(app.widget)[-1] == "line 99")
        assert not following(app), "only End follows again"
        app.widget.follow()
        app.widget.scroll_to(y=3, animate=False)
        await pilot.pause()
        assert not following(app)


async def test_resizing_keeps_following() -> None:
    app = view(numbered(100))
    async with app.run_test(size=(40, 10)) as pilot:
        for height in (20, 6, 110, 10):
            await pilot.resize_terminal(40, height)
            await until(lambda height=height: app.widget.size.height == height)  # type: ignore[misc]
            await until(lambda: "line 99" in rows(app.widget))
            assert following(app)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["up"], "line 98"),
        (["k", "k", "j"], "line 98"),
        (["home"], "line 0"),
        (["g", "down"], "line 1"),
        (["g", "pagedown"], "line 9"),
        (["down"], "line 99"),
    ],
)
async def test_keys_move_the_cursor(keys: list[str], expected: str) -> None:
    app = view(numbered(100))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press(*keys)
        assert app.widget.current_text == expected
        assert expected in rows(app.widget)


async def test_a_click_takes_the_cursor_and_two_open() -> None:
    app = view(numbered(100))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.click(app.widget, offset=Offset(3, 2), times=2)
        assert [message.record.text for message in app.told(RecordView.Activated)] == ["line 92"]
        assert app.screen.selections == {}
        await pilot.press("down", "enter")
        assert app.told(RecordView.Activated)[-1].record.text == "line 93"


async def test_what_is_not_followed_stays_while_the_oldest_go() -> None:
    app = view([record("x" * 50) for _ in range(3000)], limit=256 * 1024)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("up")
        app.widget.append([record("here")])
        await pilot.press("G", "up", "down")
        seen = rows(app.widget)
        while app.widget.dropped < 2500:
            app.widget.append([record("y" * 50) for _ in range(100)])
        await pilot.pause()
        assert rows(app.widget) == seen
        assert app.widget.current_text == "here"


def test_events_are_few_and_the_oldest_go() -> None:
    events = RecordList(most=3)
    events.extend(Record(1.0, Safe("db"), Tone.NORMAL, clean(f"event {number}")) for number in range(5))
    assert (events.first, events.end) == (2, 5)
    assert [events.get(seq).text for seq in range(2, 5)] == ["event 2", "event 3", "event 4"]
    with pytest.raises(IndexError):
        events.get(1)


async def test_sideways() -> None:
    app = view([record("0123456789" * 6 + "服务器" * 10)])
    async with app.run_test(size=(21, 3)) as pilot:
        await pilot.press("right")
        assert rows(app.widget)[0] == "89012345678901234567"
        app.widget.append([record("short")])
        assert rows(app.widget)[0] == "89012345678901234567"
        await pilot.press(*["right"] * 20)
        assert rows(app.widget)[0] == "器服务器服务器服务器"
        await pilot.press(*["left"] * 20)
        assert rows(app.widget)[0] == "01234567890123456789"


async def test_wrapping() -> None:
    long = "0123456789" * 3 + "end"
    app = view([record("a"), record(long), record("服务器" * 5)])
    async with app.run_test(size=(16, 8)) as pilot:
        app.widget.set_wrap(True)
        await until(lambda: not app.widget.working)
        assert rows(app.widget) == [
            "a",
            "012345678901234",
            "567890123456789",
            "end",
            "服务器服务器服",
            "务器服务器服务",
            "器",
            "",
        ]
        await pilot.resize_terminal(41, 8)
        await until(lambda: app.widget.room == 40 and not app.widget.working)
        assert rows(app.widget)[:4] == ["a", long, "服务器" * 5, ""]
        app.widget.set_wrap(False)
        assert rows(app.widget)[:4] == ["a", long, "服务器" * 5, ""]


async def test_only_new_rows_are_repainted_and_none_when_they_say_the_same() -> None:
    app = view([record("y")] * 5)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        painted = Repaints(app.widget)
        app.widget.append([record("z")])
        assert (painted.rows, painted.whole) == ({5}, 0)
        app.widget.append([record("y")] * 50)
        await pilot.pause()
        painted.forget()
        app.widget.append([record("y")] * 50)
        assert (painted.rows, painted.whole) == (set(), 0)


async def test_a_hidden_view_is_not_painted() -> None:
    app = view(numbered(20))
    async with app.run_test(size=(40, 10)) as pilot:
        app.widget.display = False
        await pilot.pause()
        app.widget.append(numbered(1, 20))
        await pilot.pause()
        painted = Repaints(app.widget)
        for number in range(50):
            app.widget.append(numbered(10, 21 + number * 10))
        assert (painted.rows, painted.whole) == (set(), 0)
        app.widget.display = True
        await pilot.pause()
        assert rows(app.widget)[-1] == "line 520"
        assert app.screen._compositor.render_strips()[9].text.rstrip().startswith("line 520")


async def test_a_filter_works_in_slices_from_the_newest() -> None:
    app = view(numbered(60_000))
    async with app.run_test(size=(40, 10)) as pilot:
        app.widget.set_filter(Include(match("7$")))
        assert app.widget.working
        assert rows(app.widget)[-1] == "line 59997"
        app.widget.append(numbered(20, 60_000))
        await pilot.press("up")
        assert rows(app.widget)[-1] == "line 60017"
        seen = rows(app.widget)
        await until(lambda: not app.widget.working)
        assert rows(app.widget) == seen
        assert app.widget.shown == 6_002
        assert app.told(RecordView.Filtered)
        app.widget.append(numbered(10, 60_020))
        assert app.widget.unseen == 1
        app.widget.set_filter()
        assert app.widget.shown == 60_030


async def test_a_filter_keeps_the_place() -> None:
    app = view(numbered(3_000))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.press("home")
        for _ in range(100):
            app.widget.move(10)
        assert app.widget.current_text == "line 1000"
        row = rows(app.widget).index("line 1000")
        app.widget.set_filter(Include(match("0")))
        await until(lambda: not app.widget.working)
        assert rows(app.widget).index("line 1000") == row
        app.widget.set_filter()
        assert rows(app.widget).index("line 1000") == row
        app.widget.set_filter(Include(match("absent")))
        await until(lambda: not app.widget.working)
        assert rows(app.widget)[0] == "no records"
        assert app.widget.copy_text() == ""


async def test_searching() -> None:
    app = view([*numbered(50), record("an ERROR here"), *numbered(50), record("ERROR error"), *numbered(50)])
    async with app.run_test(size=(40, 10)) as pilot:
        app.widget.find(1)
        await pilot.pause()
        assert app.told(RecordView.Sought) == []
        app.widget.set_search(match("error"))
        app.widget.find(-1)
        await pilot.pause()
        assert "ERROR error" in rows(app.widget)
        y = rows(app.widget).index("ERROR error")
        marked = [
            segment.text for segment in app.widget.render_line(y) if segment.style and segment.style.reverse
        ]
        assert marked == ["ERROR", "error"]
        app.widget.find(-1)
        await pilot.pause()
        assert "an ERROR here" in rows(app.widget)
        app.widget.find(-1)
        await pilot.pause()
        assert app.told(RecordView.Sought)[-1].wrapped
        assert "ERROR error" in rows(app.widget)
        app.widget.find(1)
        await pilot.pause()
        assert "an ERROR here" in rows(app.widget)
        app.widget.set_search(match("absent"))
        app.widget.find(1)
        await pilot.pause()
        await until(lambda: not app.told(RecordView.Sought)[-1].found)


async def test_selecting_reads_only_the_selected_records() -> None:
    app = view(numbered(5_000))
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.mouse_down(offset=Offset(5, 3))
        await pilot.hover(offset=Offset(6, 5))
        await pilot.mouse_up(offset=Offset(6, 5))
        expected = "4993\nline 4994\nline 49"
        assert app.screen.get_selected_text() == expected
        assert app.widget.copy_text() == expected
        assert not following(app), "what is selected stays"
        app.widget.append(numbered(10, 5_000))
        assert app.screen.get_selected_text() == expected
        app.screen.selections = {app.widget: Selection(None, None)}
        text = app.screen.get_selected_text()
        assert text is not None
        assert text.split("\n") == rows(app.widget), "a selection that goes through covers what is seen"


async def test_selecting_in_a_wrapped_record_with_wide_characters() -> None:
    app = view([record("服务器0123456789abcdef")], wrap=True)
    async with app.run_test(size=(11, 5)) as pilot:
        assert rows(app.widget)[:2] == ["服务器0123", "456789abcd"]
        await pilot.mouse_down(offset=Offset(2, 0))
        await pilot.hover(offset=Offset(1, 1))
        await pilot.mouse_up(offset=Offset(1, 1))
        assert app.screen.get_selected_text() == "务器012345"


async def test_a_record_of_several_lines_folds() -> None:
    lines = "\n".join(["Traceback", *(f"  line {number}" for number in range(12)), "ValueError"])
    app = view([record("before"), record(lines), *numbered(3)])
    async with app.run_test(size=(40, 8)) as pilot:
        assert rows(app.widget)[:3] == ["before", "Traceback  [+13 lines]", "line 0"]
        await pilot.press("g", "down", "o")
        assert rows(app.widget)[:2] == ["Traceback", "    line 0"]
        await pilot.press("down")
        assert rows(app.widget)[-3:] == ["    line 11", "  ValueError", "line 0"]
        await pilot.press("up", "o")
        assert "Traceback  [+13 lines]" in rows(app.widget)
        await pilot.press("G")
        assert rows(app.widget)[:5] == ["before", "Traceback  [+13 lines]", "line 0", "line 1", "line 2"]


@pytest.mark.parametrize("wrap", [False, True])
async def test_an_unfolded_record_stays_so_in_a_filter_and_until_it_is_dropped(wrap: bool) -> None:
    app = view(
        [record("keep\nsecond line\nthird"), record("other"), record("keep too")], wrap=wrap, limit=40_000
    )
    async with app.run_test(size=(12, 8)) as pilot:
        await until(lambda: not app.widget.working)
        await pilot.press("g", "o")
        folded_out = ["keep", "  second li", "ne", "  third"] if wrap else ["keep", "  second li", "  third"]
        assert rows(app.widget)[: len(folded_out) + 1] == [*folded_out, "other"]
        app.widget.set_filter(Include(match("keep")))
        await until(lambda: not app.widget.working)
        assert rows(app.widget)[: len(folded_out) + 1] == [*folded_out, "keep too"]
        app.widget.set_filter()
        await until(lambda: not app.widget.working)
        while not app.widget.dropped:
            app.widget.append(numbered(500))
        await pilot.press("home")
        assert app.widget.current_text is not None
        assert app.widget.current_text.startswith("line ")


TEXTS = st.lists(
    st.text(st.one_of(st.sampled_from("服👍é́a –"), st.characters()), max_size=80).map(clean), max_size=12
)


@settings(max_examples=20, deadline=None)
@given(
    width=st.integers(20, 200), texts=TEXTS, wrap=st.booleans(), ascii=st.booleans(), side=st.integers(0, 5)
)
async def test_every_line_is_as_wide_as_the_widget(
    width: int, texts: list[Safe], wrap: bool, ascii: bool, side: int
) -> None:
    widget = LogView(wrap=wrap, prefix=DEFAULT_PREFIX)
    app = OneWidget(widget, ascii=ascii)
    async with app.run_test(size=(width, 10)) as pilot:
        widget.append([record(text, "x") for text in texts])
        await pilot.press("home", *["right"] * side)
        for y in range(10):
            strip = widget.render_line(y)
            assert cell_len(strip.text) == strip.cell_length == widget.size.width
            assert not ascii or strip.text.isascii()
        if wrap and not ascii:
            drawn = "".join(widget.line(y).text for y in range(widget._held.index.lines))
            assert drawn == "".join(map(widget._held.text, range(len(texts))))
