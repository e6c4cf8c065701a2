"""The Health screen in every size and state, and each of its sides, as text."""

from pathlib import Path

import pytest

from lettaops.app import LettaOpsApp
from lettaops.config.profile import Profile
from lettaops.screens.confirm import ConfirmScreen
from lettaops.terminal.capabilities import Capabilities
from tests.golden.goldens import check, screen_lines
from tests.pilot import dashboards
from tests.pilot.dashboards import ScriptedDashboard
from tests.pilot.test_health import health, shows, until
from tests.unit import build

SIZES = ((60, 15), (80, 24), (100, 30), (160, 48))
ANSI = Capabilities(ansi=True)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("state", dashboards.STATES)
async def test_health(tmp_path: Path, state: str, size: tuple[int, int]) -> None:
    async with health(tmp_path, dashboards.STATES[state](), size=size, capabilities=ANSI) as (app, _, pilot):
        await pilot.pause()
        check(f"health-{state}-{size[0]}x{size[1]}", screen_lines(app))


async def test_health_in_ascii(tmp_path: Path) -> None:
    first = dashboards.database_gone()
    app = LettaOpsApp(ScriptedDashboard(tmp_path, first), capabilities=Capabilities(ansi=True, ascii=True))
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: shows(app, "DOWN"))
        await pilot.pause()
        lines = screen_lines(app)
        assert all(line.isascii() for line in lines)
        check("health-down-100x30-ascii", lines)


@pytest.mark.parametrize(
    ("side", "keys", "seen"),
    [
        ("facts", ("end", "d"), "exit 2"),
        ("facts-published", ("j", "d"), "u copies it"),
        ("environment", ("j", "v"), "LETTA_PG_URI=****"),
        ("environment-revealed", ("j", "V"), "LETTA_PG_URI=postgresql://letta:letta@letta-db"),
        ("events", ("e",), "ran out of memory"),
        ("inspect", ("j", "i"), "OOMKilled: false"),
    ],
)
@pytest.mark.parametrize("size", [(80, 24), (100, 36)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_sides_of_the_detail(
    tmp_path: Path, side: str, keys: tuple[str, ...], seen: str, size: tuple[int, int]
) -> None:
    first = dashboards.database_gone() if side == "events" else dashboards.healthy()
    async with health(tmp_path, first, size=size, capabilities=ANSI) as (app, _, pilot):
        await pilot.press(*keys)
        if side == "facts":
            await pilot.press("tab", "end")  # its end: the healthcheck
        await until(pilot, lambda: shows(app, seen))
        await pilot.pause()
        check(f"health-side-{side}-{size[0]}x{size[1]}", screen_lines(app))


async def test_title_of_a_production_profile(tmp_path: Path) -> None:
    async with health(
        tmp_path,
        dashboards.stale(),
        size=(100, 30),
        profile=Profile(colour="red"),
        profile_name="production",
        read_only=True,
        capabilities=ANSI,
    ) as (app, _, _pilot):
        check("health-title-production", screen_lines(app, tones=True)[:2])


@pytest.mark.parametrize("size", [(60, 15), (80, 24)], ids=lambda size: f"{size[0]}x{size[1]}")
async def test_question_before_an_act(tmp_path: Path, size: tuple[int, int]) -> None:
    async with health(tmp_path, dashboards.healthy(), size=size, capabilities=ANSI) as (
        app,
        dashboard,
        pilot,
    ):
        dashboard.counted = {build.server().id: 3, build.database().id: 12}
        await pilot.press("j", "space", "space", "s")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and shows(app, "Stop 2 services"))
        await pilot.pause()
        check(f"health-question-{size[0]}x{size[1]}", screen_lines(app))


async def test_filter_that_leaves_nothing(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.wrong_upstream(), size=(80, 24), capabilities=ANSI) as (
        app,
        _,
        pilot,
    ):
        await pilot.press("slash", *"nowhere", "enter")
        await until(pilot, lambda: shows(app, "0 of 3 services match"))
        await pilot.pause()
        check("health-filter-nothing", screen_lines(app))
