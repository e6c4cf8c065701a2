"""The Health screen by its keys, on scripted snapshots."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Static

from lettaops.app import LettaOpsApp
from lettaops.config.profile import Profile
from lettaops.model.errors import Denied, Exit, Refused, Unreachable
from lettaops.model.text import Safe
from lettaops.monitor.snapshot import Snapshot
from lettaops.operations.execute import StepResult
from lettaops.operations.plan import Act
from lettaops.screens.confirm import ConfirmScreen
from lettaops.screens.help import HelpScreen
from lettaops.screens.widgets.table import Table
from lettaops.sources.target import EngineTarget
from lettaops.terminal.capabilities import Capabilities
from lettaops.terminal.clipboard import Copied
from lettaops.views import Scope, views_of
from tests.pilot import dashboards
from tests.pilot.dashboards import ScriptedDashboard
from tests.unit import build

FUZZ_SECONDS = 5.0  # for each seed
Running = tuple[LettaOpsApp, ScriptedDashboard, Pilot[None]]


@asynccontextmanager
async def health(
    folder: Path,
    first: Snapshot,
    *,
    size: tuple[int, int] = (120, 36),
    profile: Profile | None = None,
    capabilities: Capabilities | None = None,
    clock: Callable[[], float] | None = None,
    **options: Any,
) -> AsyncIterator[Running]:
    """The dashboard on a script; `clock` is the charts', `options` are those of `ScriptedDashboard`."""
    dashboard = ScriptedDashboard(folder, first, **options)
    app = LettaOpsApp(dashboard, capabilities=capabilities, profile=profile)
    app.trends.clock = clock or app.trends.clock
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: shows(app, first.assessment.overall.upper()))
        yield app, dashboard, pilot


async def until(pilot: Pilot[None], condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "\n".join(drawn(pilot.app))
        await pilot.pause(0.01)


def drawn(app: object) -> list[str]:
    assert isinstance(app, LettaOpsApp)
    return [strip.text for strip in app.screen._compositor.render_strips()]


def shows(app: LettaOpsApp, text: str) -> bool:
    return any(text in line for line in drawn(app))


async def test_sentence_and_rows_say_what_is_wrong(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.database_gone()) as (app, _, _pilot):
        assert shows(app, "letta_db ended 40 s ago: exit 137, out of memory (limit 512 MiB)")
        assert shows(app, "✕ DOWN")
        assert shows(app, "ran out of memory"), "the event is in the timeline"


async def test_act_is_confirmed_planned_and_its_result_shown(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, dashboard, pilot):
        await pilot.press("j", "r")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert shows(app, "letta_nginx answers 502 until it is back")
        await pilot.press("n")
        await until(pilot, lambda: shows(app, "left alone"))
        assert dashboard.plans == []
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        plan_step = build.server()
        await pilot.press("y")
        await until(pilot, lambda: bool(dashboard.plans))
        assert dashboard.plans[0].act is Act.RESTART
        assert dashboard.plans[0].steps[0].container_id == plan_step.id


@pytest.mark.parametrize(
    ("key", "state", "act"),
    [
        ("s", "ok", Act.STOP),
        ("K", "ok", Act.KILL),
        ("p", "ok", Act.PAUSE),
        ("r", "ok", Act.RESTART),
    ],
)
async def test_each_act_has_its_key(tmp_path: Path, key: str, state: str, act: Act) -> None:
    async with health(tmp_path, dashboards.STATES[state]()) as (app, dashboard, pilot):
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: bool(dashboard.plans))
        assert [plan.act for plan in dashboard.plans] == [act]


async def test_start_asks_nothing(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.database_gone()) as (_app, dashboard, pilot):
        await pilot.press("end", "s")
        await until(pilot, lambda: bool(dashboard.plans))
        assert dashboard.plans[0].act is Act.START
        assert dashboard.plans[0].steps[0].name == "letta_db"


async def test_marked_services_are_acted_on_together(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, dashboard, pilot):
        await pilot.press("space", "j", "space", "r")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: bool(dashboard.plans))
        assert len(dashboard.plans[0].steps) == 2


async def test_read_only_refuses_and_says_so(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy(), read_only=True) as (app, dashboard, pilot):
        assert shows(app, "read-only")
        await pilot.press("r")
        await until(pilot, lambda: shows(app, "restart is refused"))
        assert dashboard.plans == []


async def test_result_of_a_failed_act_stays_on_the_screen(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.database_gone()) as (app, dashboard, pilot):
        await pilot.press("end", "s")
        await until(pilot, lambda: bool(dashboard.plans))
        dashboard.results = [
            StepResult(
                step=dashboard.plans[0].steps[0],
                exit=Exit.FAILED,
                words=Safe("started and ended at once: exit 1"),
                duration_s=0.2,
            )
        ]
        await pilot.press("s")
        await until(pilot, lambda: shows(app, "started and ended at once: exit 1"))


async def test_freeze_holds_the_screen(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, dashboard, pilot):
        await pilot.press("f")
        await until(pilot, lambda: shows(app, "frozen"))
        dashboard.tell(dashboards.database_gone())
        await until(pilot, lambda: dashboard.last is not None and dashboard.last.assessment.overall == "down")
        assert shows(app, "HEALTHY")
        await pilot.press("f")
        dashboard.tell(dashboards.database_gone())
        await until(pilot, lambda: shows(app, "DOWN"))


async def test_filter_hides_rows_and_escape_free_typing(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, _, pilot):
        await pilot.press("slash", *"nginx", "enter")
        table = app.screen.query_one(Table)
        await until(pilot, lambda: len(table.shown_keys) <= 2)
        assert build.proxy().id in table.shown_keys
        assert build.database().id not in table.shown_keys


async def test_what_is_typed_behind_the_filter_key_is_the_filter(tmp_path: Path) -> None:
    """Pasted or typed ahead: none of it may be taken for the key of an act."""
    async with health(tmp_path, dashboards.database_gone()) as (app, dashboard, pilot):
        await pilot.press("end")
        for key, character in (("slash", "/"), ("s", "s"), ("slash", "/"), ("K", "K")):
            app.post_message(events.Key(key, character))
        await until(pilot, lambda: app.screen.query_one("#filter", Input).value == "s/K")
        assert dashboard.plans == []


async def test_other_containers_unfold(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, _, pilot):
        assert shows(app, "+ 14 other containers on this host (o)")
        assert not shows(app, "unrelated-3")
        await pilot.press("o")
        await until(pilot, lambda: shows(app, "unrelated-3"))


async def test_details_mask_secrets_until_revealed(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, dashboard, pilot):
        await pilot.press("j", "v")
        await until(pilot, lambda: shows(app, "LETTA_PG_URI=****"))
        await pilot.press("V")
        await until(pilot, lambda: shows(app, "postgresql://letta:letta@letta-db:5432/letta"))
        record = (dashboard.state.path / "audit.jsonl").read_text()
        assert '"act":"reveal"' in record


async def test_facts_of_the_selected_service(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, _, pilot):
        await pilot.press("j", "d")
        await until(pilot, lambda: shows(app, "8283/tcp at 0.0.0.0:8283  http://localhost:8283/"))
        assert shows(app, "healthcheck   none")


async def test_address_of_a_service_is_copied(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, _, pilot):
        copied: list[str] = []
        copy = app.copy

        def noted(text: str) -> Copied:
            copied.append(text)
            return copy(text)

        app.copy = noted  # type: ignore[method-assign]
        await pilot.press("u", "j", "u")
        assert copied == ["http://localhost:80/", "http://localhost:8283/"]
        await until(pilot, lambda: shows(app, "http://localhost:8283/: "))
        await pilot.press("end", "u")
        await until(pilot, lambda: shows(app, "letta_db publishes no port that a browser could open"))
        assert len(copied) == 2


async def test_address_at_another_machine_is_its_host_name(tmp_path: Path) -> None:
    far = EngineTarget(
        kind="tcp", host="prod-7.example", port=2376, name=Safe("prod (tcp://prod-7.example:2376)"),
        origin=Safe("--context prod"),
    )  # fmt: skip
    async with health(tmp_path, dashboards.healthy(), target=far) as (app, _, pilot):
        await pilot.press("d")
        await until(pilot, lambda: shows(app, "http://prod-7.example:80/ (u copies it)"))


async def test_runs_of_the_healthcheck_are_shown_newest_first_and_clean(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy(), size=(120, 48)) as (app, _, pilot):
        await pilot.press("end", "d")
        await until(pilot, lambda: shows(app, "exit 2"))
        text = [line.strip() for line in drawn(app)]
        codes = [line.split("exit ")[1][:1] for line in text if "  exit " in line]
        assert codes == ["0", "0", "2", "0", "0"]
        assert shows(app, "no response (password=**** retried")
        assert not shows(app, "hunter2")
        assert not shows(app, "the first of six")


async def test_engine_that_is_silent_about_a_healthcheck_is_no_fault(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy(), size=(120, 48)) as (app, dashboard, pilot):
        dashboard.fault = Unreachable("the engine doesn't answer")
        await pilot.press("end", "d")
        await until(pilot, lambda: shows(app, "healthcheck   healthy"))
        await pilot.pause()
        assert not shows(app, "this screen failed")


async def test_inspect_document_is_searched_and_masked(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, _, pilot):
        await pilot.press("j", "i")
        await until(pilot, lambda: shows(app, "NetworkSettings"))
        await pilot.press("slash", *"PG_URI", "enter")
        await until(pilot, lambda: shows(app, "LETTA_PG_URI: ****"))
        await pilot.press("escape")
        assert not shows(app, "letta:letta@")


async def test_pace_of_the_questions(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, dashboard, pilot):
        await pilot.press("minus")
        await until(pilot, lambda: shows(app, "asked every 5 s"))
        assert dashboard.probe_every == 5.0
        await pilot.press("plus", "plus", "plus")
        await until(pilot, lambda: shows(app, "asked every 1 s"))


async def test_help_names_every_key(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy(), size=(120, 60)) as (app, _, pilot):
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        text = "\n".join(drawn(app))
        for view in views_of(Scope.HEALTH):
            assert view.help.split(":")[0][:40] in text, view
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, HelpScreen))


async def test_too_small_still_says_the_verdict(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.database_gone(), size=(40, 8)) as (app, _, pilot):
        assert shows(app, "DOWN")
        assert shows(app, "too small")
        await pilot.resize_terminal(100, 30)
        await until(pilot, lambda: shows(app, "SERVICE"))


async def test_equal_snapshot_repaints_nothing(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, dashboard, pilot):
        painted: list[object] = []
        display = app._display

        def counting(screen: object, renderable: object) -> None:
            painted.append(renderable)
            display(screen, renderable)  # type: ignore[arg-type]

        app._display = counting  # type: ignore[method-assign]
        painted.append(None)
        while painted:  # what the start still paints
            painted.clear()
            await pilot.pause(0.1)
        same = msgspec.structs.replace(dashboards.healthy())
        seen = dashboard.last
        dashboard.tell(same)
        await until(pilot, lambda: dashboard.last is not seen)
        await pilot.pause()
        assert painted == []


FAULTS = (
    None,
    Unreachable("the engine doesn't answer"),
    Refused("the audit record can't be written"),
    Denied("no permission to use the socket"),
)


@pytest.mark.parametrize("seed", range(3))
async def test_random_keys_never_break_it(tmp_path: Path, seed: int) -> None:
    """More than a thousand presses while backends fail and recover; thousands where there is time."""
    dice = Random(seed)
    named = "up down home end pageup pagedown enter escape space tab shift+tab left right backspace"
    keys = [*"jkdeviVofrsKpmIyu<>/1nN[]-+" * 4, *named.split() * 4, "ctrl+p", "question_mark"]
    names = list(dashboards.STATES)
    async with health(tmp_path, dashboards.healthy(), size=(100, 30)) as (app, dashboard, pilot):
        deadline = time.monotonic() + FUZZ_SECONDS
        for pressed in range(0, 2000, 40):
            for _ in range(40):
                app.simulate_key(dice.choice(keys))
            await pilot.pause()
            dashboard.fault = dice.choice(FAULTS)
            dashboard.tell(dashboards.STATES[dice.choice(names)]())
            if dice.random() < 0.2:
                await pilot.resize_terminal(dice.randint(1, 200), dice.randint(1, 60))
            if time.monotonic() > deadline and pressed >= 400:
                break
        await asyncio.sleep(0)
        assert app.is_running
        assert app._exception is None
        assert app.screen_stack[0].query(Static)
    assert not list((tmp_path / "state").glob("crash-*")), "no fault was caught either"
