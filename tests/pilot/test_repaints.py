"""Whatever happens, repainting changed rows leaves the screen as painting all of it would."""

from random import Random

import pytest
from textual.pilot import Pilot

from lettaops.model.logs.pattern import Match
from lettaops.model.logs.query import Include
from lettaops.model.signs import Tone
from lettaops.model.text import Safe
from lettaops.screens.widgets.base import LineView
from lettaops.screens.widgets.columns import Cell, Column, Row
from lettaops.screens.widgets.table import Table
from tests.golden.goldens import screen_lines
from tests.pilot.apps import OneWidget
from tests.pilot.log_views import LogView, record
from tests.waiting import until

STEPS = 40
MOVES = ("up", "down", "pageup", "pagedown", "home", "end")


async def check_painted(widget: LineView, pilot: Pilot[None]) -> None:
    await pilot.pause(0.05)
    painted = screen_lines(widget.app, tones=True)
    widget.refresh()
    await pilot.pause(0.05)
    assert painted == screen_lines(widget.app, tones=True)


@pytest.mark.parametrize("seed", range(6))
async def test_records(seed: int) -> None:
    dice = Random(seed)
    view = LogView(limit=60_000, wrap=dice.random() < 0.5)
    async with OneWidget(view).run_test(size=(dice.randint(20, 60), dice.randint(3, 12))) as pilot:
        for step in range(STEPS):
            act = dice.randrange(9)
            if act < 4:
                view.append(
                    [
                        record(f"{step} " + "x服" * dice.randint(0, 40) + "\nmore" * dice.choice((0, 0, 3)))
                        for _ in range(dice.randint(1, 60))
                    ]
                )
            elif act == 4:
                await pilot.press(dice.choice((*MOVES, "left", "right", "o")))
            elif act == 5:
                view.set_filter(
                    *dice.choice([(), (Include(Match(Safe("3"))),), (Include(Match(Safe("absent"))),)])
                )
            elif act == 6:
                view.set_wrap(dice.random() < 0.5)
            elif act == 7:
                view.set_search(dice.choice([None, Match(Safe("1"))]))
                view.find(dice.choice([-1, 1]))
            else:
                view.wheel(dice.choice([-1, 1]))
            if dice.random() < 0.5:
                await pilot.pause(0.02)
        await until(lambda: not view.working)
        await check_painted(view, pilot)


@pytest.mark.parametrize("seed", range(6))
async def test_table(seed: int) -> None:
    dice = Random(seed)
    columns = [
        Column("a", Safe("A"), 8, sort_key=lambda row: row.text(0)),
        Column("b", Safe("B"), 6, flex=1, align="right"),
    ]
    table = Table(columns)
    async with OneWidget(table).run_test(size=(dice.randint(20, 60), dice.randint(3, 12))) as pilot:
        for _ in range(STEPS):
            act = dice.randrange(7)
            if act < 3:
                keys = dice.sample(range(40), dice.randint(0, 30))
                table.set_rows(
                    Row(
                        str(key),
                        (Safe(f"row {key}"), Cell(Safe(str(dice.randint(0, 3))), dice.choice(list(Tone)))),
                        dice.random() < 0.1,
                    )
                    for key in keys
                )
            elif act == 3:
                await pilot.press(dice.choice((*MOVES, "space", ">", "<", "I")))
            elif act == 4:
                table.set_filter(Safe(dice.choice(["", "1", "/row [12]/", "zz"])))
            elif act == 5:
                table.wheel(dice.choice([-1, 1]))
            else:
                table.set_stale(dice.random() < 0.3)
            if dice.random() < 0.5:
                await pilot.pause(0.02)
        await check_painted(table, pilot)
        if table.shown_keys:
            assert table.cursor_key in table.shown_keys
