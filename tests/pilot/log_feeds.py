"""The dashboard on scripted snapshots and scripted logs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

from textual.pilot import Pilot

from lettaops.app import LettaOpsApp
from lettaops.model.logs.assemble import Assembler
from lettaops.model.logs.line import LogLine, Marker, marker
from lettaops.model.text import Safe
from lettaops.monitor.logs import FeedOptions, LogFeed
from lettaops.monitor.snapshot import Snapshot
from lettaops.screens.logs import LogsScreen
from lettaops.terminal.capabilities import Capabilities
from tests.pilot import dashboards
from tests.pilot.dashboards import ScriptedDashboard
from tests.pilot.test_health import shows, until
from tests.unit.torture import CONTAINERS, DATABASE, PROXY, START_NS, made

PASSWORD = "hunter2-of-the-stack"
TRACEBACK = (
    "Letta.letta.server.rest_api.app - ERROR - Unhandled error: gaierror",
    "Traceback (most recent call last):",
    '  File "/app/letta/server/server.py", line 5, in run',
    "    raise gaierror(-2)",
    "socket.gaierror: [Errno -2] Name or service not known",
)


def moment() -> list[LogLine]:
    """One moment of a stack: what a request that fails leaves in three logs, and a restart."""
    return [
        made("Letta.letta.server.rest_api.app - INFO - Creating agent from a template", at=0),
        made(f"▶ Using secure mode with password: {PASSWORD}", at=0.001),
        *(made(line, at=1.221 + number / 100_000) for number, line in enumerate(TRACEBACK)),
        made(
            '172.20.0.1 - - [22/Nov/2026:04:02:25 +0000] "GET /v1/agents/count HTTP/1.1" 500 21 "-" "curl/8"',
            PROXY,
            at=1.224,
        ),
        made(
            "2026-11-22 04:02:25.462 UTC [57] LOG:  connection received: host=172.20.0.4", DATABASE, at=1.23
        ),
        marker(
            Marker.STARTED,
            DATABASE,
            CONTAINERS[DATABASE],
            START_NS + 2_000_000_000,
            Safe("restarted 04:02:26, exit 137"),
        ),
        made('{"level": "warning", "message": "slow tool", "tool": {"name": "search"}}', at=2.5),
        made("\x1b[31mred words\x1b[0m and plain ones", at=2.6),
    ]


class ScriptedFeed:
    """Gives the lines it is told to, as `LogFeed` does; while it is paused it keeps them."""

    def __init__(self) -> None:
        self.paused = False
        self._lines: asyncio.Queue[list[LogLine]] = asyncio.Queue()

    def tell(self, lines: Sequence[LogLine]) -> None:
        self._lines.put_nowait(list(lines))

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def __aiter__(self) -> "ScriptedFeed":
        return self

    async def __anext__(self) -> list[LogLine]:
        return await self._lines.get()


class LoggingDashboard(ScriptedDashboard):
    """With logs."""

    def __init__(self, folder: Path, first: Snapshot, **options: Any) -> None:
        super().__init__(folder, first, **options)
        self.feed = ScriptedFeed()
        self.asked: list[FeedOptions] = []

    @asynccontextmanager
    async def log_feed(self, options: FeedOptions) -> AsyncIterator[LogFeed | None]:
        self.asked.append(options)
        yield cast(LogFeed, self.feed)


class Logs:
    """The Logs screen under test."""

    def __init__(self, app: LettaOpsApp, dashboard: LoggingDashboard, pilot: Pilot[None]) -> None:
        self.app, self.dashboard, self.pilot = app, dashboard, pilot

    @property
    def screen(self) -> LogsScreen:
        found = next(each for each in self.app.screen_stack if isinstance(each, LogsScreen))
        assert isinstance(found, LogsScreen)
        return found

    @property
    def lines(self) -> list[str]:
        """The rows of the records, without spaces at their ends."""
        pane = self.screen.pane
        return [pane.render_line(y).text.rstrip() for y in range(pane.size.height)]

    async def sees(self, text: str) -> None:
        await until(self.pilot, lambda: shows(self.app, text))

    async def sees_no(self, text: str) -> None:
        await until(self.pilot, lambda: not shows(self.app, text))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def tell(self, lines: Sequence[LogLine]) -> None:
        """Have lines come, and wait until they are held."""
        assembler = Assembler()
        end = self.screen.buffer.end + len(assembler.feed(lines, 0)) + len(assembler.end())
        self.dashboard.feed.tell(lines)
        await until(self.pilot, lambda: self.screen.buffer.end == self.screen.pane.seen_end == end)


@asynccontextmanager
async def logs(
    folder: Path,
    lines: Sequence[LogLine] | None = None,
    *,
    first: Snapshot | None = None,
    size: tuple[int, int] = (110, 30),
    capabilities: Capabilities | None = None,
) -> AsyncIterator[Logs]:
    """The Logs screen on a script; `moment` unless other lines are given."""
    snapshot = first or dashboards.healthy()
    dashboard = LoggingDashboard(folder, snapshot)
    app = LettaOpsApp(dashboard, capabilities=capabilities or Capabilities(ansi=True))
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: shows(app, snapshot.assessment.overall.upper()))
        await pilot.press("4")
        await until(pilot, lambda: isinstance(app.screen, LogsScreen) and app.screen.is_mounted)
        found = Logs(app, dashboard, pilot)
        given = moment() if lines is None else lines
        if given:
            await found.tell(given)
            await until(pilot, lambda: not shows(app, "no log lines yet"))
        yield found
