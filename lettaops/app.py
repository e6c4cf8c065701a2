"""The dashboard: its modes, its keys, and the one place where acts are begun. Small on purpose."""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final

import msgspec
from textual.binding import Binding, BindingType

from lettaops.actions import VIEWS, Action
from lettaops.dashboard import Dashboard
from lettaops.model.errors import LettaopsError
from lettaops.model.probe import Answers
from lettaops.model.secrets import presentable
from lettaops.model.source import Link, SourceStatus, backoff
from lettaops.model.stack import Stack
from lettaops.model.text import Safe, clean
from lettaops.model.units import duration
from lettaops.model.verdict import Assessment, Overall
from lettaops.monitor.snapshot import Snapshot
from lettaops.screens.acting import Acting
from lettaops.screens.base import OpsScreen
from lettaops.screens.health import HealthScreen
from lettaops.screens.help import HelpScreen
from lettaops.screens.palette import RegistryCommands
from lettaops.terminal.base import TerminalApp
from lettaops.terminal.capabilities import Capabilities
from lettaops.terminal.dialogs import Palette
from lettaops.terminal.held import HeldTerminal

REVEAL_SECONDS: Final = 10.0
PACES: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
SOURCES_LASTED: Final = 30.0  # seconds after which an end of the sources is no repetition
_STYLES: Final = Path(__file__).parent / "styles"


class LettaOpsApp(TerminalApp):
    """The application. Backends live in `Dashboard`; screens get snapshots and call the methods here."""

    TITLE = "lettaops"
    CSS_PATH: ClassVar = [_STYLES / "widgets.tcss", _STYLES / "screens.tcss"]
    MODES: ClassVar = {"health": HealthScreen}
    DEFAULT_MODE = "health"
    COMMANDS: ClassVar = {RegistryCommands}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            ",".join(each.keys),
            each.call.removeprefix("app."),
            each.title,
            show=each.footer,
            id=each.id,
            tooltip=each.help,
        )
        for each in VIEWS
        if each.keys and each.call.startswith("app.")
    ]

    def __init__(
        self,
        dashboard: Dashboard,
        *,
        capabilities: Capabilities | None = None,
        held: HeldTerminal | None = None,
    ) -> None:
        super().__init__(capabilities=capabilities, held=held, state=dashboard.state)
        self.dashboard = dashboard
        self.revealing = False
        self._mouse_taken = True
        self._acting = Acting(self, dashboard, self.say, self.say_fault)
        self._faults: dict[str, Path | None] = {}  # the reports of faults that may come with each snapshot
        self._card = ""

    @property
    def ascii(self) -> bool:
        """Whether only ASCII characters are drawn."""
        return self.capabilities.ascii

    @property
    def read_only(self) -> bool:
        """Whether every act is refused."""
        return self.dashboard.permission.read_only

    @property
    def local(self) -> bool:
        """Whether the engine runs on this machine."""
        return self.dashboard.target.is_local

    def on_mount(self) -> None:
        """The sources run beside the interface, which never waits for them."""
        self.run_worker(self._follow(), group="monitor", exit_on_error=False, description="sources")

    async def _follow(self) -> None:
        """Show what the sources tell. A fault costs one snapshot; sources that end are begun again."""
        attempts = 0
        while True:
            began = time.monotonic()
            try:
                async for snapshot in self.dashboard.snapshots():
                    self._show(snapshot)
                ended: Exception = RuntimeError("they ended without a word")
            except Exception as error:
                ended = error
            attempts = 1 if time.monotonic() - began > SOURCES_LASTED else attempts + 1
            pause = backoff(attempts)
            self._show(self._without_sources(ended, pause))
            self.say_fault("the sources ended by a fault", ended)
            await asyncio.sleep(pause)

    def _show(self, snapshot: Snapshot) -> None:
        """Give a snapshot to the screen. A screen that fails gets a card, and the verdict at least."""
        screen = self.current_screen
        if screen is None:
            return
        try:
            screen.apply(snapshot)
        except Exception as error:
            with contextlib.suppress(Exception):  # perhaps this is what fails
                screen.show_title(snapshot)
            self._card = self.say_fault("this screen failed and shows old values", error)
        else:
            if self._card:
                self.say(f"this screen shows current values again; {self._card}")
            self._card = ""

    def _without_sources(self, error: Exception, pause: float) -> Snapshot:
        """The last snapshot, with no word in it that the sources would have to stand for."""
        why = presentable(f"the sources ended ({_root(error)!r}) and are begun again in {duration(pause)}")
        last = self.dashboard.last
        reached = last.engine if last is not None else SourceStatus()
        age = reached.age(time.monotonic())
        snapshot = last or Snapshot(
            taken_at=datetime.now(UTC),
            engine_name=self.dashboard.target.name,
            engine=reached,
            seen_age_s=age,
            stack=None,
            answers=Answers(),
            assessment=Assessment(overall=Overall.UNKNOWN, sentence=why),
        )
        assessment = msgspec.structs.replace(snapshot.assessment, overall=Overall.UNKNOWN, sentence=why)
        status = msgspec.structs.replace(reached, link=Link.DOWN, reason=why)
        return msgspec.structs.replace(snapshot, engine=status, seen_age_s=age, assessment=assessment)

    def say_fault(self, what: str, error: Exception) -> str:
        """One sentence about a fault of ours. Returns where its report is, one for each fault."""
        key = repr(_root(error))
        if key not in self._faults:
            self._faults[key] = self.report(error)
        place = self._faults[key]
        where = f"report in {place}" if place else "no report could be written"
        with contextlib.suppress(Exception):  # there is nowhere else to say it
            self.say(f"{what}: {where}")
        return where

    @property
    def current_screen(self) -> OpsScreen | None:
        """The screen under any dialog; None while it is being set up."""
        for screen in self.screen_stack:
            if isinstance(screen, OpsScreen) and screen.is_mounted:
                return screen
        return None

    def place(self, snapshot: Snapshot) -> Safe:
        """Host, project and engine, for the title bar."""
        project = snapshot.stack.project if snapshot.stack is not None else "–"
        engine = snapshot.engine_name.removeprefix("unix://")
        profile = [] if self.dashboard.profile == "default" else [self.dashboard.profile]
        host = [snapshot.host.name] if snapshot.host is not None and self.local else []
        return clean(" · ".join([*profile, *host, project, engine]))

    def say(self, words: str) -> None:
        """A line about the last act."""
        if (screen := self.current_screen) is not None:
            screen.say(clean(words))

    def act(self, choices: Sequence[Action], stack: Stack, container_ids: Sequence[str]) -> None:
        """Begin the first act that the state of the containers allows. One act at a time."""
        self._acting.begin(choices, stack, container_ids)

    # Views

    def action_show(self, mode: str) -> None:
        """Go to a screen."""
        self.switch_mode(mode)

    def action_command_palette(self) -> None:
        """Find everything by name."""
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def action_help(self) -> None:
        """Show the help of this place."""
        self.push_screen(HelpScreen())

    def action_mouse(self) -> None:
        """Give the mouse to the terminal, for its own selection, or take it back."""
        driver = self.operator_driver
        if driver is None:
            return
        self._mouse_taken = not self._mouse_taken
        if self._mouse_taken:
            driver.take_mouse()
        else:
            driver.release_mouse()
        self.say(
            "the mouse is ours"
            if self._mouse_taken
            else "the mouse is the terminal's until m is pressed again"
        )

    async def inspected(self, container_id: str) -> dict[str, object]:
        """The inspect document of a container; its secrets are masked where it is shown."""
        return await self.dashboard.inspected(container_id)

    def action_pace(self, step: int) -> None:
        """Ask the services more or less often."""
        at = min(range(len(PACES)), key=lambda each: abs(PACES[each] - self.dashboard.probe_every))
        self.dashboard.pace(PACES[max(0, min(len(PACES) - 1, at + step))])
        self.say(f"the services are asked every {duration(self.dashboard.probe_every)}")

    def reveal(self) -> None:
        """Show secrets for a moment; recorded, since a screen is seen by others."""
        try:
            self.dashboard.record_reveal()
        except LettaopsError as error:
            self.say(f"{error.what}: secrets stay masked")
            return
        self.revealing = True
        self.say(f"secrets are shown for {REVEAL_SECONDS:.0f} s")
        self.set_timer(REVEAL_SECONDS, self._mask)
        self._again()

    def _mask(self) -> None:
        self.revealing = False
        self.say("")
        self._again()

    def _again(self) -> None:
        if (screen := self.current_screen) is not None and (last := self.dashboard.last) is not None:
            screen.apply(last)

    async def on_unmount(self) -> None:
        """Sources end with the interface; nothing that runs elsewhere is touched."""
        self.workers.cancel_all()
        await asyncio.sleep(0)


def _root(error: BaseException) -> BaseException:
    """The first fault in a group of them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
