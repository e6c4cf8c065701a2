"""The Logs screen in several sizes and states, as text."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from lettaops.model.logs.line import LogLine
from lettaops.monitor.snapshot import Snapshot
from lettaops.terminal.capabilities import Capabilities
from tests.golden.goldens import check, screen_lines
from tests.pilot import dashboards
from tests.pilot.log_feeds import logs, moment

SIZES = ((80, 24), (100, 30), (160, 48))
STATES: dict[str, tuple[Snapshot, Sequence[LogLine], tuple[str, ...], str]] = {
    "live": (dashboards.healthy(), moment(), (), "8 records"),
    "filtered": (dashboards.healthy(), moment(), ("l", "l", "slash", *"gaierror", "enter"), "2 of 8"),
    "found": (dashboards.healthy(), moment(), ("ctrl+f", *"agents", "enter", "enter"), "hit 1 of 1"),
    "unfolded": (dashboards.healthy(), moment(), ("home", "down", "down", "o"), "raise gaierror"),
    "empty": (dashboards.empty(), (), (), "looks like a Letta server"),
    "denied": (dashboards.denied(), (), (), "join the group docker"),
    "stale": (dashboards.stale(), moment(), (), "8 records"),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("state", STATES)
async def test_logs(tmp_path: Path, state: str, size: tuple[int, int]) -> None:
    first, lines, keys, wanted = STATES[state]
    async with logs(tmp_path, lines, first=first, size=size) as run:
        await run.press(*keys)
        await run.sees(wanted)
        await run.pilot.pause(0.7)
        check(f"logs-{state}-{size[0]}x{size[1]}", screen_lines(run.app))


async def test_logs_in_ascii(tmp_path: Path) -> None:
    async with logs(tmp_path, size=(100, 30), capabilities=Capabilities(ansi=True, ascii=True)) as run:
        await run.press("home", "down", "down", "o", "v")
        await run.sees("raise gaierror")
        await run.pilot.pause(0.7)
        lines = screen_lines(run.app)
        assert all(line.isascii() for line in lines)
        check("logs-live-100x30-ascii", lines)
