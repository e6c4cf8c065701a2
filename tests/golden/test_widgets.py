"""Each widget at three widths, with Unicode and with ASCII glyphs."""

import re
from collections.abc import Iterable

import pytest

from lettaops.model.signs import Tone
from lettaops.model.text import Safe
from lettaops.model.units import milliseconds
from lettaops.screens.widgets.chart import StripChart
from lettaops.screens.widgets.columns import Cell, Column, Row
from lettaops.screens.widgets.prefix import Prefix
from lettaops.screens.widgets.records import RecordView
from lettaops.screens.widgets.store import Record, RecordList
from lettaops.screens.widgets.table import Table
from tests.golden.goldens import check, widget_lines
from tests.pilot.apps import OneWidget

SIZES = pytest.mark.parametrize("width", [40, 80, 160])
GLYPHS = pytest.mark.parametrize("ascii", [False, True], ids=["utf8", "ascii"])


def name(widget: str, width: int, ascii: bool) -> str:
    return f"{widget}-{width}-{'ascii' if ascii else 'utf8'}"


def service(key: str, symbol: str, tone: Tone, verdict: str, why: str, *rest: str) -> Row:
    cells: list[Cell | Safe] = [Cell(Safe(symbol), tone), Safe(key), Cell(Safe(verdict), tone)]
    return Row(key, (*cells, Safe(why), *map(Safe, rest)))


SERVICES = (
    service(
        "letta_server", "▲", Tone.WARN, "degraded", "database refuses connections", "3 d 4 h", "2%", "471 MiB"
    ),
    service("letta_db", "✕", Tone.BAD, "down", "exited 137, OOM, limit 512 MiB", "40 s", "–", "–"),
    service("letta_nginx", "●", Tone.GOOD, "ok", "", "9 d", "0.3%", "2 MiB"),
    service("服务-cafe\u0301", "○", Tone.MUTED, "stopped", "stopped by hand 👍", "–", "–", "–"),
    Row("fold", (Cell(Safe("+ 14 other containers on this host (o)"), Tone.MUTED),), spans=True),
)
COLUMNS = (
    Column("symbol", Safe(""), 1),
    Column("service", Safe("SERVICE"), 14, sort_key=lambda row: row.key),
    Column("verdict", Safe("VERDICT"), 8),
    Column("why", Safe("WHY"), 10, flex=1, priority=1),
    Column("up", Safe("UP"), 8, priority=2),
    Column("cpu", Safe("CPU"), 5, align="right", priority=3),
    Column("memory", Safe("MEM"), 8, align="right", priority=4),
)


@SIZES
@GLYPHS
async def test_table(width: int, ascii: bool) -> None:
    table = Table(COLUMNS)
    async with OneWidget(table, ascii=ascii).run_test(size=(width, 8)) as pilot:
        table.set_rows(SERVICES)
        table.sort_by("service")
        await pilot.press("space")
        check(name("table", width, ascii), widget_lines(table, tones=True))


RECORDS = (
    Record(
        41.221, Safe("server"), Tone.BAD, Safe("ERROR Unhandled error: gaierror in /v1/agents/ " + "x" * 40)
    ),
    Record(41.224, Safe("nginx"), Tone.WARN, Safe("500 GET /v1/agents/count 0.071s")),
    Record(None, Safe(""), Tone.ACCENT, Safe("── letta_db restarted (exit 137) ──")),
    Record(None, Safe("db"), Tone.NORMAL, Safe("LOG: 连接已接受 host=172.20.0.4 – “ok”")),
    Record(42.5, Safe("server"), Tone.MUTED, Safe("DEBUG an error that was expected")),
)


class Marking(RecordList):
    """In which a word is looked for."""

    def __init__(self, records: Iterable[Record]) -> None:
        super().__init__()
        self.extend(records)

    def marks(self, line: str) -> list[tuple[int, int]]:
        return [found.span() for found in re.finditer("error", line, re.IGNORECASE)]


@SIZES
@GLYPHS
@pytest.mark.parametrize("wrap", [False, True], ids=["cut", "wrap"])
async def test_records(width: int, ascii: bool, wrap: bool) -> None:
    prefix = Prefix(clock=lambda moment: Safe(f"12:04:{moment:06.3f}"), source_width=6)
    source = Marking(RECORDS)
    view = RecordView(source, prefix=prefix, wrap=wrap)
    async with OneWidget(view, ascii=ascii).run_test(size=(width, 9)) as pilot:
        view.refilter()
        await pilot.press("up", "up", "up")
        check(
            name("records-wrapped" if wrap else "records", width, ascii),
            widget_lines(view, tones=True),
        )


VALUES = [9, 9, 11, None, None, 30, 8, 0, 0, 14, 250, 90, 40, 12, 9, 9, None, 10] * 5


@SIZES
@pytest.mark.parametrize(("style", "ascii"), [("block", False), ("block", True), ("braille", False)])
@pytest.mark.parametrize("height", [1, 3])
async def test_chart(width: int, style: str, ascii: bool, height: int) -> None:
    chart = StripChart(
        title=Safe("probe"),
        unit=milliseconds,
        style="braille" if style == "braille" else "block",
        tone=Tone.ACCENT,
        show_ceiling=True,
    )
    async with OneWidget(chart, ascii=ascii).run_test(size=(width, height)):
        chart.set_values(VALUES)
        check(name(f"chart-{style}-{height}", width, ascii), widget_lines(chart))
