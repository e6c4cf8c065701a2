"""What the Health screen says around its rows: title, filter, activity line, notices, acts, leaving."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Static
from textual.widgets._toast import Toast

from lettaops.app import LettaOpsApp
from lettaops.config.profile import Profile
from lettaops.model.errors import Exit, Refused
from lettaops.model.text import Safe
from lettaops.operations.execute import StepResult
from lettaops.operations.locks import lock
from lettaops.screens import activity
from lettaops.screens.confirm import ConfirmScreen
from lettaops.screens.help import HelpScreen
from lettaops.screens.widgets.records import RecordView
from lettaops.screens.widgets.table import Table
from lettaops.terminal.capabilities import Capabilities
from tests.pilot import dashboards
from tests.pilot.dashboards import ScriptedDashboard
from tests.pilot.test_health import drawn, health, shows, until
from tests.unit import build

PRODUCTION = Profile(colour="red")


def said(app: LettaOpsApp) -> str:
    """What stands on the activity line."""
    return str(app.screen_stack[0].query_one(".activity", Static).content)


def events(app: LettaOpsApp) -> str:
    """The events side, as it is drawn."""
    view = app.screen_stack[0].query_one(RecordView)
    return "\n".join(view.render_line(y).text.rstrip() for y in range(view.size.height))


def result_of(dashboard: ScriptedDashboard, exit: Exit = Exit.DONE, words: str = "runs") -> StepResult:
    """How the first step of the first plan ended."""
    return StepResult(step=dashboard.plans[0].steps[0], exit=exit, words=Safe(words), duration_s=0.2)


# Title


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (160, 48)])
async def test_profile_stands_in_the_title_in_its_own_colour(tmp_path: Path, size: tuple[int, int]) -> None:
    async with health(
        tmp_path,
        dashboards.stale(),
        size=size,
        profile=PRODUCTION,
        capabilities=Capabilities(ansi=True),
        read_only=True,
    ) as (app, _, _pilot):
        title = drawn(app)[0]
        for word in ("default", "read-only", "● HEALTHY", "stale · 17 s"):
            assert word in title
        strip = app.screen._compositor.render_strips()[0]
        [badge] = [each for each in strip if "default" in each.text]
        assert badge.style is not None
        assert badge.style.reverse
        assert badge.style.color is not None
        assert badge.style.color.number == 1


async def test_profile_reads_without_colours(tmp_path: Path) -> None:
    capabilities = Capabilities(ansi=True, color=False)
    async with health(
        tmp_path, dashboards.healthy(), profile=PRODUCTION, capabilities=capabilities, profile_name="prod-eu"
    ) as (app, _, _pilot):
        strip = app.screen._compositor.render_strips()[0]
        [badge] = [each for each in strip if "prod-eu" in each.text]
        assert badge.style is not None
        assert badge.style.reverse, "it stands out all the same"


async def test_no_profile_no_badge(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, _, _pilot):
        assert "default" not in drawn(app)[0]
        assert drawn(app)[0].startswith(" lettaops  prod-3 · letta · /var/run/docker.sock")


# Filter


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("letta_db", 1),  # service
        ("letta-letta_nginx-1", 1),  # container
        ("proxy", 1),  # role
        ("pgvector:v0", 1),  # image
        ("ok", 3),  # verdict
        ("/server|db/", 2),
        ("471", 0),  # no figure
    ],
)
async def test_what_a_filter_matches_is_counted(tmp_path: Path, text: str, found: int) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, _, pilot):
        await pilot.press("slash")
        await until(pilot, lambda: shows(app, "3 of 3 services match"))
        await type_text(app, pilot, text)
        await until(pilot, lambda: shows(app, f"{found} of 3 services match"))
        assert len(app.screen.query_one(Table).shown_keys) == found


async def test_filter_that_leaves_nothing_says_so_in_place_of_rows(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.database_gone()) as (app, dashboard, pilot):
        await pilot.press("slash")
        await type_text(app, pilot, "nowhere")
        await until(pilot, lambda: sum("0 of 3 services match" in line for line in drawn(app)) == 2)
        dashboard.tell(msgspec.structs.replace(dashboards.healthy(), others=()))
        await until(pilot, lambda: shows(app, "HEALTHY"))
        assert sum("0 of 3 services match" in line for line in drawn(app)) == 2
        await pilot.press("escape")
        await until(pilot, lambda: shows(app, "letta_db"))
        assert not shows(app, "services match")


async def test_unfolded_containers_are_counted_too(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, _, pilot):
        await pilot.press("o", "slash")
        await type_text(app, pilot, "unrelated-1")
        await until(pilot, lambda: shows(app, "5 of 17 containers match"))  # 1, 10, 11, 12, 13


async def type_text(app: LettaOpsApp, pilot: Pilot[None], text: str) -> None:
    """Types into the box that has the focus."""
    for character in text:
        await pilot.press({"/": "slash", "|": "vertical_line", " ": "space"}.get(character, character))


# Activity line


async def test_good_news_goes_after_a_while(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "NEWS_SECONDS", 0.3)
    async with health(tmp_path, dashboards.healthy()) as (app, _, pilot):
        await pilot.press("minus")
        await until(pilot, lambda: "asked every 5 s" in said(app))
        await until(pilot, lambda: said(app) == "")


async def test_trouble_stays_until_the_next_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "NEWS_SECONDS", 0.05)
    async with health(tmp_path, dashboards.healthy(), read_only=True) as (app, dashboard, pilot):
        await pilot.press("r")
        await until(pilot, lambda: "restart is refused" in said(app))
        dashboard.tell(dashboards.wrong_upstream())
        await until(pilot, lambda: shows(app, "▲ DEGRADED"))
        await pilot.pause(0.2)
        assert "restart is refused" in said(app)
        await pilot.press("j")
        await until(pilot, lambda: said(app) == "")


async def test_trouble_is_told_whole(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy(), size=(60, 24), read_only=True) as (app, _, pilot):
        await pilot.press("r")
        await until(pilot, lambda: shows(app, "or change the profile"))


async def test_results_of_acts_are_kept_among_the_events(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.database_gone()) as (app, dashboard, pilot):
        await pilot.press("end", "s")
        await until(pilot, lambda: bool(dashboard.plans))
        dashboard.results = [result_of(dashboard)]
        await pilot.press("s")
        await until(pilot, lambda: said(app).startswith("letta_db runs ("))
        await until(pilot, lambda: "start by ada: runs (" in events(app))
        dashboard.results = [result_of(dashboard, Exit.FAILED, "started and ended at once: exit 1")]
        await pilot.press("s")
        await until(pilot, lambda: "start by ada: started and ended at once: exit 1" in events(app))
        dashboard.fault = Refused("the audit record can't be written")
        await pilot.press("s")
        await until(pilot, lambda: "start: the audit record can't be written." in events(app))


async def test_result_of_an_act_is_seen_over_a_dialog(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.database_gone()) as (app, dashboard, pilot):
        await pilot.press("end", "s")
        await until(pilot, lambda: bool(dashboard.plans))
        dashboard.results = [result_of(dashboard)]
        for key in ("s", "question_mark"):
            app.simulate_key(key)
        await until(pilot, lambda: isinstance(app.screen, HelpScreen) and bool(app.screen.query(Toast)))
        assert shows(app, "letta_db runs (")


# Notices


async def test_worse_and_well_again_are_told_over_a_dialog_only(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, dashboard, pilot):
        rung: list[None] = []
        app.bell = lambda: rung.append(None)  # type: ignore[method-assign]
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        dashboard.tell(dashboards.database_gone())
        await until(pilot, lambda: shows(app, "down: letta_db ended 40 s ago"))
        dashboard.tell(dashboards.healthy())
        await until(pilot, lambda: shows(app, "healthy again, was down"))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, HelpScreen))
        app.clear_notifications()
        app.say("")
        dashboard.tell(dashboards.database_gone())
        await until(pilot, lambda: shows(app, "✕ DOWN"))
        await pilot.pause()
        assert said(app) == "", "the screen says it itself"
        assert not app.screen.query(Toast)
        assert rung == [], "no bell unless it is asked for"


async def test_bell_rings_when_it_gets_worse_where_the_profile_wants_it(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy(), profile=Profile(bell=True)) as (app, dashboard, pilot):
        rung: list[None] = []
        app.bell = lambda: rung.append(None)  # type: ignore[method-assign]
        dashboard.tell(dashboards.database_gone())
        await until(pilot, lambda: len(rung) == 1)
        dashboard.tell(dashboards.healthy())
        await until(pilot, lambda: shows(app, "● HEALTHY"))
        assert len(rung) == 1


# Acts that run


async def test_what_is_being_done_is_said_with_whose_wish_it_is(tmp_path: Path) -> None:
    first = dashboards.healthy()
    async with health(tmp_path, first, size=(160, 48)) as (app, dashboard, pilot):
        other = build.operator("grace", pid=99)
        with lock(dashboard.state, build.database().id, "stop", other, name="letta_db"):
            dashboard.tell(msgspec.structs.replace(first, taken_at=first.taken_at + timedelta(days=3650)))
            await until(pilot, lambda: shows(app, "letta_db: stopping, asked for by grace "))
            row = next(line for line in drawn(app) if "●  letta_db " in line)
            assert "stopping, asked for by grace" in row
        dashboard.tell(first)
        await until(pilot, lambda: not shows(app, "asked for by"))


# Confirming


async def test_question_names_all_marked_services_and_what_they_lose(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, dashboard, pilot):
        dashboard.counted = {build.database().id: 12, build.proxy().id: 1}
        await pilot.press("end", "space", "home", "space", "space", "s")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert shows(app, "Stop 3 services: letta_nginx, letta_server, letta_db?")
        assert shows(app, "letta_server loses its database until it is started")
        assert shows(app, "12 open connections are cut")
        assert shows(app, "1 open connection is cut")
        assert shows(app, "how many connections this cuts is not known here")
        await pilot.press("y")
        await until(pilot, lambda: bool(dashboard.plans))
        assert [each.name for each in dashboard.plans[0].steps] == ["letta_nginx", "letta_server", "letta_db"]


async def test_what_others_need_is_started_first(tmp_path: Path) -> None:
    gone = (build.exited(0), build.exited(0), build.exited(0))
    stack = build.stack_of(
        build.proxy(state=gone[0]), build.server(state=gone[1]), build.database(state=gone[2])
    )
    async with health(tmp_path, dashboards.snapshot(stack)) as (_app, dashboard, pilot):
        await pilot.press("space", "space", "space", "s")
        await until(pilot, lambda: bool(dashboard.plans))
        assert [each.name for each in dashboard.plans[0].steps] == ["letta_db", "letta_server", "letta_nginx"]


async def test_many_services_are_named_by_the_first_five_and_a_count(tmp_path: Path) -> None:
    replicas = [build.server(f"letta-letta_server-{number}") for number in range(1, 7)]
    stack = build.stack_of(build.proxy(), *replicas, build.database())
    async with health(tmp_path, dashboards.snapshot(stack), size=(80, 24)) as (app, _, pilot):
        await pilot.press(*["space"] * 8, "s")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await until(pilot, lambda: shows(app, "Stop 8 services: letta_nginx, letta_server"))
        text = " ".join(" ".join(drawn(app)).replace("│", " ").split())
        assert "and 3 more?" in text
        assert shows(app, "y  do it     n  leave it"), "however long the plan is"


# Leaving


async def test_ctrl_c_leaves_a_dialog_and_then_the_dashboard(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.healthy()) as (app, dashboard, pilot):
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("ctrl+c")
        await until(pilot, lambda: shows(app, "left alone"))
        assert dashboard.plans == []
        await pilot.press("ctrl+p")
        await until(pilot, lambda: shows(app, "Search for commands"))
        await pilot.press("ctrl+c")
        await until(pilot, lambda: not shows(app, "Search for commands"))
        assert app.is_running
        await pilot.press("ctrl+q")
        await pilot.pause()
        assert app._exit is False, "ctrl+q is a terminal's flow control"
        await pilot.press("ctrl+c")
        await until(pilot, lambda: app._exit)


async def test_leaving_while_an_act_runs_is_asked_once_more(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.database_gone()) as (app, dashboard, pilot):
        dashboard.hold.clear()
        await pilot.press("end", "s")
        await until(pilot, lambda: "start letta_db …" in said(app))
        await pilot.press("q")
        await until(pilot, lambda: "start letta_db isn't done" in said(app))
        assert app._exit is False
        await pilot.press("q")
        await until(pilot, lambda: app._exit)


# Words of others


LONG = "failed to create task for container: " + "failed to create shim task, OCI runtime create failed; " * 4


async def test_engines_long_words_are_short_in_sentences_and_whole_in_the_details(tmp_path: Path) -> None:
    state = msgspec.structs.replace(build.exited(128), error=Safe(LONG + "the end of it"))
    stack = build.stack_of(build.proxy(), build.server(), build.database(state=state))
    async with health(tmp_path, dashboards.snapshot(stack), size=(160, 48)) as (app, _, pilot):
        await until(pilot, lambda: shows(app, "letta_db ended 40 s ago: exit 128, failed to create task"))
        assert not shows(app, "the end of it")
        sentence = str(app.screen.query_one(".sentence", Static).content).replace("\n", " ")
        assert len(sentence) < 350
        await pilot.press("end", "d")
        await until(pilot, lambda: "the end of it" in " ".join(" ".join(drawn(app)).split()))


# Columns


@pytest.mark.parametrize(("columns", "least"), [(60, 33), (80, 50), (100, 60), (160, 60)])
async def test_reason_has_the_room_that_figures_can_spare(tmp_path: Path, columns: int, least: int) -> None:
    async with health(tmp_path, dashboards.wrong_upstream(), size=(columns, 24)) as (app, _, _pilot):
        row = next(line for line in drawn(app) if "▲  letta_nginx" in line)
        reason = row.split("degraded")[1].strip()
        assert len(reason.split("…")[0]) >= least - 2, row


async def test_figures_come_back_when_there_is_nothing_to_explain(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.wrong_upstream(), size=(80, 24)) as (app, dashboard, pilot):
        assert not shows(app, "MEM  ")
        dashboard.tell(dashboards.healthy())
        await until(pilot, lambda: shows(app, "MEM    PROBE"))
        assert shows(app, "471 MiB")


async def test_name_of_a_replica_is_whole(tmp_path: Path) -> None:
    replicas = [build.server(f"letta-letta_server-{number}") for number in (1, 2)]
    stack = build.stack_of(build.proxy(), *replicas, build.database())
    async with health(tmp_path, dashboards.snapshot(stack), size=(80, 24)) as (app, _, _pilot):
        for each in replicas:
            assert shows(app, each.name)


async def test_rows_are_sorted_by_verdict_worst_first(tmp_path: Path) -> None:
    async with health(tmp_path, dashboards.database_gone()) as (app, _, pilot):
        await pilot.press(">", ">")
        table = app.screen.query_one(Table)
        await until(pilot, lambda: table.shown_keys[0] == build.database().id)
        assert table.shown_keys[1] == build.server().id
