"""Whatever happens, repainting changed rows leaves the screen as painting all of it would."""

import re
from random import Random

import pytest
from textual.pilot import Pilot

from lettaops.model.text import Safe
from lettaops.screens.widgets.base import LineView
from lettaops.screens.widgets.columns import Cell, Column, Row
from lettaops.screens.widgets.glyphs import Tone
from lettaops.screens.widgets.prefix import Prefix
from lettaops.screens.widgets.records import RecordView
from lettaops.screens.widgets.store import Record
from lettaops.screens.widgets.table import Table
from tests.golden.goldens import screen_lines
from tests.pilot.apps import OneWidget, until

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
    view = RecordView(limit=60_000, prefix=Prefix(clock=None), wrap=dice.random() < 0.5)
    async with OneWidget(view).run_test(size=(dice.randint(20, 60), dice.randint(3, 12))) as pilot:
        for step in range(STEPS):
            act = dice.randrange(9)
            if act < 4:
                view.append(
                    [
                        Record(
                            1.0,
                            Safe("s"),
                            dice.choice(list(Tone)),
                            Safe(f"{step} " + "x服" * dice.randint(0, 40)),
                        )
                        for _ in range(dice.randint(1, 60))
                    ]
                )
            elif act == 4:
                await pilot.press(dice.choice((*MOVES, "left", "right", "n", "N")))
            elif act == 5:
                view.set_filter(dice.choice([None, lambda record: "3" in record.text, lambda record: False]))
            elif act == 6:
                view.set_wrap(dice.random() < 0.5)
            elif act == 7:
                view.set_search(dice.choice([None, re.compile("1")]))
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
