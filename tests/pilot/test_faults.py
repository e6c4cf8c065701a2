"""A fault in one part of the dashboard costs that part, says so, and heals: the rest lives on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from lettaops.app import LettaOpsApp
from lettaops.dashboard import Dashboard
from lettaops.model.source import Link, SourceStatus
from lettaops.monitor.snapshot import Snapshot
from lettaops.monitor.watch import StackWatch
from lettaops.screens import activity as activity_line
from lettaops.screens import reveal
from lettaops.screens.activity import Activity
from lettaops.screens.confirm import ConfirmScreen
from lettaops.screens.detail import Detail
from lettaops.screens.health import HealthScreen
from lettaops.screens.help import HelpScreen
from lettaops.screens.inspect_tree import InspectTree
from lettaops.screens.reveal import Reveal
from lettaops.screens.widgets.table import Table
from tests.pilot import dashboards
from tests.pilot.dashboards import ScriptedDashboard
from tests.pilot.test_health import drawn, health, shows, until
from tests.unit import build

SECRET = "postgresql://letta:hunter2@db:5432/letta"


def broken(*_: object, **__: object) -> NoReturn:
    raise RuntimeError(f"no such row \x1b]0;owned\x07 {SECRET}")


def reports(folder: Path) -> list[Path]:
    return sorted((folder / "state").glob("crash-*.txt"))


def activity(app: LettaOpsApp) -> str:
    return str(app.screen_stack[0].query_one(".activity", Static).content)


@pytest.mark.parametrize("part", [(Table, "set_rows"), (HealthScreen, "_show_head"), (HealthScreen, "apply")])
async def test_fault_of_a_screen_is_a_card_and_the_next_snapshot_heals_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: tuple[type, str]
) -> None:
    async with health(tmp_path, dashboards.healthy(), size=(200, 36)) as (app, dashboard, pilot):
        with monkeypatch.context() as patch:
            patch.setattr(*part, broken)
            dashboard.tell(dashboards.database_gone())
            await until(pilot, lambda: "this screen failed" in activity(app))
            [report] = reports(tmp_path)
            assert str(report) in activity(app)
            assert shows(app, "✕ DOWN"), "the verdict in the title is the new one"
            text = report.read_text()
            assert "RuntimeError" in text
            assert "hunter2" not in text + "\n".join(drawn(app))
            assert "\x1b" not in text
            dashboard.tell(dashboards.database_gone())
            await until(pilot, dashboard._queue.empty)
            await pilot.pause()
            assert reports(tmp_path) == [report], "a fault that comes with every snapshot is reported once"
            await pilot.press("question_mark")  # the keys live
            await until(pilot, lambda: shows(app, "In every list"))
            patch.undo()
            await pilot.press("escape")
        dashboard.tell(dashboards.database_gone())
        await until(pilot, lambda: "current values again" in activity(app))
        assert str(report) in activity(app)
        assert shows(app, "letta_db ended 40 s ago: exit 137, out of memory (limit 512 MiB)")
        assert app._exception is None


async def resized(app: LettaOpsApp, pilot: Pilot[None]) -> None:
    await pilot.resize_terminal(190, 40)


async def resumed(app: LettaOpsApp, pilot: Pilot[None]) -> None:
    await pilot.press("question_mark")
    await until(pilot, lambda: isinstance(app.screen, HelpScreen))
    await pilot.press("escape")


async def acted(app: LettaOpsApp, pilot: Pilot[None]) -> None:
    await pilot.press("r")
    await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))


async def news_expired(app: LettaOpsApp, pilot: Pilot[None]) -> None:
    await pilot.press("minus")


async def drawn_anew(app: LettaOpsApp, pilot: Pilot[None]) -> None:
    table = app.screen.query_one(Table)
    table.notify_style_update()  # nothing that was drawn before is valid
    table.refresh()


async def masked(app: LettaOpsApp, pilot: Pilot[None]) -> None:
    await pilot.press("V")


def pressing(*keys: str) -> Callable[[LettaOpsApp, Pilot[None]], Awaitable[None]]:
    async def press(_: LettaOpsApp, pilot: Pilot[None]) -> None:
        await pilot.press(*keys)

    return press


@pytest.mark.parametrize(
    ("part", "cause"),
    [
        ((HealthScreen, "_show_head"), resized),
        ((HealthScreen, "apply"), resumed),
        ((HealthScreen, "apply"), pressing("o")),
        ((HealthScreen, "show_title"), pressing("f")),
        ((HealthScreen, "_count"), pressing("slash", "x")),
        ((HealthScreen, "_show_detail"), pressing("j")),
        ((Detail, "choose"), pressing("d")),
        ((Detail, "show"), pressing("v")),
        ((InspectTree, "show_document"), pressing("i")),
        ((Table, "move"), pressing("j")),
        ((Table, "on_resize"), resized),
        ((LettaOpsApp, "reveal"), pressing("V")),
        ((LettaOpsApp, "act"), pressing("r")),
        ((LettaOpsApp, "copy"), pressing("y")),
        ((HelpScreen, "__init__"), pressing("question_mark")),
        ((ConfirmScreen, "on_resize"), acted),
        ((Activity, "clear"), news_expired),
        ((Reveal, "end"), masked),
        ((Table, "line"), pressing("j")),
        ((Table, "_draw"), drawn_anew),
    ],
    ids=lambda each: each[1] if isinstance(each, tuple) else "",
)
async def test_fault_of_any_handler_is_the_same_card(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    part: tuple[type, str],
    cause: Callable[[LettaOpsApp, Pilot[None]], Awaitable[None]],
) -> None:
    monkeypatch.setattr(activity_line, "NEWS_SECONDS", 0.2)
    monkeypatch.setattr(reveal, "REVEAL_SECONDS", 0.2)
    async with health(tmp_path, dashboards.healthy(), size=(200, 36)) as (app, dashboard, pilot):
        with monkeypatch.context() as patch:
            patch.setattr(*part, broken)
            await cause(app, pilot)
            await until(pilot, lambda: "this screen failed and shows old values: report in" in activity(app))
            assert len(reports(tmp_path)) == 1
        assert "hunter2" not in "\n".join(drawn(app))
        await pilot.press("escape")
        if app.current_screen is not None and app.current_screen.frozen:
            await pilot.press("f")
        dashboard.tell(dashboards.database_gone())
        await until(pilot, lambda: shows(app, "✕ DOWN"))
        assert "this screen failed" not in activity(app), "the screen lives"
        await pilot.press("end", "d")
        await until(pilot, lambda: shows(app, "letta-letta_db-1"))
        assert app._exception is None


async def test_fault_of_everything_that_is_drawn_does_not_end_the_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, dashboard, pilot):
        with monkeypatch.context() as patch:
            for name in ("apply", "show_title", "say"):
                patch.setattr(HealthScreen, name, broken)
            dashboard.tell(dashboards.database_gone())
            await until(pilot, lambda: bool(reports(tmp_path)))
        dashboard.tell(dashboards.database_gone())
        await until(pilot, lambda: shows(app, "✕ DOWN"))
        assert app._exception is None


class EndingDashboard(ScriptedDashboard):
    """Its sources end, each time, as `ends` says, and are counted."""

    begun = 0
    end: Callable[[], None] = staticmethod(broken)

    async def snapshots(self) -> AsyncIterator[Snapshot]:
        self.begun += 1
        async for snapshot in super().snapshots():
            if snapshot.assessment.overall == "down":
                self.end()
                return
            yield snapshot


@pytest.mark.parametrize("how", [broken, lambda: None])
async def test_sources_that_end_are_said_so_and_begun_again(tmp_path: Path, how: Callable[[], None]) -> None:
    dashboard = EndingDashboard(tmp_path, dashboards.healthy())
    dashboard.end = how
    app = LettaOpsApp(dashboard)
    async with app.run_test(size=(200, 36)) as pilot:
        await until(pilot, lambda: shows(app, "● HEALTHY"))
        dashboard.tell(dashboards.database_gone())
        await until(pilot, lambda: shows(app, "? UNKNOWN"))
        assert shows(app, "the sources ended (RuntimeError("), "the sentence says why"
        assert shows(app, " · down · "), "the title says that nothing is current"
        assert not shows(app, "hunter2")
        assert shows(app, "letta_server"), "the last rows stand"
        [report] = reports(tmp_path)
        assert str(report) in activity(app)
        dashboard.tell(dashboards.healthy())
        await until(pilot, lambda: shows(app, "● HEALTHY"))
        assert dashboard.begun == 2
        assert not shows(app, "the sources ended (")


async def test_sources_that_never_began(tmp_path: Path) -> None:
    class Never(EndingDashboard):
        async def snapshots(self) -> AsyncIterator[Snapshot]:
            self.begun += 1
            if self.begun < 3:
                broken()
            async for snapshot in ScriptedDashboard.snapshots(self):
                yield snapshot

    dashboard = Never(tmp_path, dashboards.healthy())
    app = LettaOpsApp(dashboard)
    async with app.run_test(size=(200, 36)) as pilot:
        await until(pilot, lambda: shows(app, "the sources ended (RuntimeError("))
        assert shows(app, "down · never seen")
        await until(pilot, lambda: shows(app, "● HEALTHY"))
        assert len(reports(tmp_path)) == 1


async def test_a_watch_that_ends_by_a_fault_ends_its_snapshots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who waits for news that can't come any more is told, instead of showing old values for ever."""

    async def fails(_: StackWatch) -> None:
        broken()

    monkeypatch.setattr(StackWatch, "_follow", fails)
    dashboard = ScriptedDashboard(tmp_path, dashboards.healthy())

    async def follow() -> None:
        async for _ in Dashboard.snapshots(dashboard):
            pass

    with pytest.raises(ExceptionGroup) as caught:
        await asyncio.wait_for(follow(), 10)
    assert caught.group_contains(RuntimeError, match="no such row")


async def test_clock_of_the_host_behind_the_containers_clock(tmp_path: Path) -> None:
    """A container that was started, or ended, in the future tells of clocks that differ."""
    ahead = build.NOW + timedelta(minutes=63)
    state = msgspec.structs.replace(build.exited(1), finished_at=ahead)
    server = build.server()
    server = msgspec.structs.replace(server, state=msgspec.structs.replace(server.state, started_at=ahead))
    stack = build.stack_of(build.proxy(), server, build.database(state=state))
    async with health(tmp_path, dashboards.snapshot(stack)) as (app, _, pilot):
        await until(pilot, lambda: shows(app, "clock skew 1 h 3 m"))


async def test_uptime_by_a_clock_that_differs(tmp_path: Path) -> None:
    server = build.server()
    state = msgspec.structs.replace(server.state, started_at=build.NOW + timedelta(minutes=63))
    stack = build.stack_of(build.proxy(), msgspec.structs.replace(server, state=state), build.database())
    async with health(tmp_path, dashboards.snapshot(stack)) as (app, _, pilot):
        await pilot.press("j", "d")
        await until(pilot, lambda: shows(app, "started "))
        text = "\n".join(drawn(app))
        assert "clock skew" in text
        assert "-1 h" not in text
        assert "0 ms" not in text


def test_age_of_what_was_seen_is_never_negative() -> None:
    """Ages of sources are measured by the monotonic clock: a step of the wall clock doesn't touch them."""
    status = SourceStatus(link=Link.STALE, last_value_at=100.0)
    assert status.age(99.0) == 0.0
