"""The charts of the Health screen: what they cost, where there is room for them, what they don't invent."""

from pathlib import Path

import msgspec
import pytest

from lettaops.app import LettaOpsApp
from lettaops.monitor.snapshot import Load, Snapshot
from lettaops.monitor.trends import COLUMN_SECONDS, Trends
from lettaops.screens.charts import Charts
from lettaops.screens.widgets.chart import StripChart
from tests.pilot import dashboards
from tests.pilot.test_health import Running, health, shows, until
from tests.unit import build

NAMES = ("cpu", "memory", "latency")


def with_load(snapshot: Snapshot, percent: float) -> Snapshot:
    """The snapshot with another CPU share of every container."""
    loads = {key: Load(cpu_percent=percent, memory_bytes=int(percent) << 20) for key in snapshot.loads}
    return msgspec.structs.replace(snapshot, loads=loads)


def bars(app: LettaOpsApp, name: str) -> list[str]:
    """The columns of a chart, without its words."""
    chart = app.screen.query_one(f"#{name}", StripChart)
    return ["".join(piece.text for piece in chart.line(y).pieces if piece.look == "accent")
            for y in range(chart.size.height)]  # fmt: skip


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def columns(running: Running, clock: Clock, values: list[float]) -> None:
    """So many columns of time, each with a CPU share."""
    _, dashboard, pilot = running
    for value in values:
        clock.now += COLUMN_SECONDS
        told = with_load(dashboards.healthy(), value)
        dashboard.tell(told)
        await until(pilot, lambda told=told: dashboard.last is told)  # type: ignore[misc]
        await pilot.pause()


@pytest.mark.parametrize(
    ("size", "there"), [((99, 40), False), ((100, 29), False), ((100, 30), True), ((160, 48), True)]
)
async def test_charts_are_there_where_there_is_room(
    tmp_path: Path, size: tuple[int, int], there: bool
) -> None:
    async with health(tmp_path, dashboards.healthy(), size=size) as (app, _, _pilot):
        assert app.screen.query_one(Charts).is_on_screen is there
        assert shows(app, "probe ") is there


async def test_a_column_of_time_changes_one_column_of_each_chart(tmp_path: Path) -> None:
    clock = Clock()
    async with health(tmp_path, dashboards.healthy(), size=(160, 48), clock=clock) as running:
        app = running[0]
        await columns(running, clock, [8.0])
        for value in (3.0, 9.0, 1.0, 7.0, 5.0):
            before = {name: bars(app, name) for name in NAMES}
            await columns(running, clock, [value])
            for name in NAMES:
                pairs = [zip(*rows, strict=True) for rows in zip(before[name], bars(app, name), strict=True)]
                changed = {at for row in pairs for at, (old, new) in enumerate(row) if old != new}
                assert len(changed) == 1, (name, before[name], bars(app, name))


async def test_between_two_columns_nothing_is_drawn(tmp_path: Path) -> None:
    clock = Clock()
    async with health(tmp_path, dashboards.healthy(), size=(160, 48), clock=clock) as running:
        app, dashboard, pilot = running
        await columns(running, clock, [8.0, 4.0])
        before = [bars(app, name) for name in NAMES]
        clock.now += COLUMN_SECONDS / 2
        told = with_load(dashboards.healthy(), 9.0)
        dashboard.tell(told)
        await until(pilot, lambda: dashboard.last is told)
        await pilot.pause()
        assert before == [bars(app, name) for name in NAMES]


async def test_charts_are_of_the_selected_service(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.database_gone(), size=(100, 30)) as (app, _, pilot):
        assert app.screen.query_one("#cpu", StripChart).values == (2.5,)
        await pilot.press("end")  # the database, which is down: no figure is known of it
        await until(pilot, lambda: app.screen.query_one("#cpu", StripChart).values == ())
        assert not bars(app, "cpu")[0].strip()


def test_time_without_snapshots_is_a_gap() -> None:
    clock = Clock()
    trends = Trends(clock)
    key = build.server().id
    trends.remember(with_load(dashboards.healthy(), 5.0))
    clock.now += 4 * COLUMN_SECONDS
    trends.remember(with_load(dashboards.healthy(), 7.0))
    assert trends.cpu.of(key, 99) == (5.0, None, None, None, 7.0)
    assert trends.columns == 5
    clock.now += COLUMN_SECONDS - 0.01
    trends.remember(with_load(dashboards.healthy(), 9.0))
    assert trends.columns == 5


def test_figures_of_a_container_that_ended_are_unknown() -> None:
    clock = Clock()
    trends = Trends(clock)
    trends.remember(dashboards.healthy())
    clock.now += COLUMN_SECONDS
    trends.remember(dashboards.database_gone())
    assert trends.memory.of(build.database().id, 99)[-1] is None
    assert trends.latency.of(build.database().id, 99)[-1] is None
    assert trends.cpu.of(build.server().id, 99)[-1] == 2.5


async def test_history_goes_on_while_the_screen_is_frozen(tmp_path: Path) -> None:
    clock = Clock()
    async with health(tmp_path, dashboards.healthy(), size=(160, 48), clock=clock) as running:
        app = running[0]
        await running[2].press("f")
        await columns(running, clock, [8.0, 4.0, 6.0])
        assert app.screen.query_one("#cpu", StripChart).values == (2.5,)
        await running[2].press("f")
        await columns(running, clock, [7.0])
        assert app.screen.query_one("#cpu", StripChart).values[-4:] == (8.0, 4.0, 6.0, 7.0)
