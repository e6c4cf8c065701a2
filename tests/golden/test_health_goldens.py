"""The Health screen in every size and state, as text."""

from pathlib import Path

import pytest

from lettaops.app import LettaOpsApp
from lettaops.terminal.capabilities import Capabilities
from tests.golden.goldens import check, screen_lines
from tests.pilot import dashboards
from tests.pilot.dashboards import ScriptedDashboard
from tests.pilot.test_health import shows, until

SIZES = ((60, 15), (80, 24), (100, 30), (160, 48))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("state", dashboards.STATES)
async def test_health(tmp_path: Path, state: str, size: tuple[int, int]) -> None:
    first = dashboards.STATES[state]()
    app = LettaOpsApp(ScriptedDashboard(tmp_path, first), capabilities=Capabilities(ansi=True))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: shows(app, first.assessment.overall.upper()))
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
