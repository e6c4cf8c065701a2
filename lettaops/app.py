"""The dashboard: its modes, its keys, and the one place where acts are begun. Small on purpose."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

from textual import events
from textual.binding import BindingType
from textual.notifications import SeverityLevel

from lettaops.actions import Action
from lettaops.config.profile import DEFAULT_PROFILE, Profile
from lettaops.dashboard import Dashboard
from lettaops.model.errors import LettaopsError
from lettaops.model.stack import Stack
from lettaops.model.text import clean
from lettaops.model.units import duration
from lettaops.monitor.trends import Trends
from lettaops.operations.underway import Underway
from lettaops.screens.acting import Acting
from lettaops.screens.activity import NEWS_SECONDS, Lasting
from lettaops.screens.base import OpsScreen, bindings
from lettaops.screens.faults import Faults
from lettaops.screens.following import Following
from lettaops.screens.health import HealthScreen
from lettaops.screens.help import HelpScreen
from lettaops.screens.logs import LogsScreen
from lettaops.screens.palette import RegistryCommands
from lettaops.screens.reveal import REVEAL_SECONDS, Reveal
from lettaops.screens.spans import Badge
from lettaops.terminal.base import TerminalApp
from lettaops.terminal.capabilities import Capabilities
from lettaops.terminal.dialogs import Palette
from lettaops.terminal.guard import Guarded
from lettaops.terminal.held import HeldTerminal
from lettaops.views import VIEWS

_STYLES: Final = Path(__file__).parent / "styles"


class LettaOpsApp(Guarded, TerminalApp, inherit_bindings=False):
    """The application. Backends live in `Dashboard`; screens get snapshots and call the methods here."""

    TITLE = "lettaops"
    CSS_PATH: ClassVar = [_STYLES / "widgets.tcss", _STYLES / "screens.tcss"]
    MODES: ClassVar = {"health": HealthScreen, "logs": LogsScreen}
    DEFAULT_MODE = "health"
    FIRST_FRAME_SECONDS = 1.0
    COMMANDS: ClassVar = {RegistryCommands}
    BINDINGS: ClassVar[list[BindingType]] = bindings(VIEWS, app=True)

    def __init__(
        self,
        dashboard: Dashboard,
        *,
        capabilities: Capabilities | None = None,
        held: HeldTerminal | None = None,
        profile: Profile | None = None,
    ) -> None:
        super().__init__(capabilities=capabilities, held=held, state=dashboard.state)
        self.dashboard = dashboard
        self._profile = profile or Profile()
        self._mouse_taken = True
        self._asked_to_quit = False
        self._faults = Faults(self.report, partial(self.announce, worse=True))
        self._following = Following(self, dashboard, self._faults)
        self._acting = Acting(self, dashboard, self)
        self._reveal = Reveal(self, dashboard, self.show_again)

    @property
    def ascii(self) -> bool:
        """Whether only ASCII characters are drawn."""
        return self.capabilities.ascii

    @property
    def read_only(self) -> bool:
        """Whether every act is refused."""
        return self.dashboard.permission.read_only

    @property
    def badge(self) -> Badge | None:
        """The profile's name in its colour, reversed: so it stands out without colours too."""
        colour = self._profile.colour
        if self.dashboard.profile == DEFAULT_PROFILE and colour is None:
            return None
        style = f"bold reverse ansi_{colour}" if colour else "bold reverse"
        return Badge(clean(self.dashboard.profile), style)

    @property
    def local(self) -> bool:
        """Whether the engine runs on this machine."""
        return self.dashboard.target.is_local

    @property
    def engine_host(self) -> str:
        """The host name of the engine's machine; empty where it is this one."""
        return "" if self.local else self.dashboard.target.host

    @property
    def revealing(self) -> bool:
        """Whether secrets are shown for the moment."""
        return self._reveal.on

    @property
    def trends(self) -> Trends:
        """The figures of the last half an hour."""
        return self._following.trends

    @property
    def underway(self) -> Mapping[str, Underway]:
        """The acts that run, by container id."""
        return self._following.underway

    @property
    def current_screen(self) -> OpsScreen | None:
        """The screen under any dialog; None while it is being set up."""
        for screen in self.screen_stack:
            if isinstance(screen, OpsScreen) and screen.is_mounted:
                return screen
        return None

    def on_mount(self) -> None:
        """The sources run beside the interface, which never waits for them."""
        self.run_worker(self._following.run(), group="monitor", exit_on_error=False, description="sources")

    def shown(self, screen: OpsScreen) -> None:
        """A snapshot is on the screen: it takes the place of the first frame, with the row chosen there."""
        if (chosen := self.held.end_keys()) is not None:
            screen.choose(chosen)
        driver = self.operator_driver
        if driver is not None and driver.standing:
            self.call_after_refresh(driver.take_over)

    def show_again(self) -> None:
        """Show the last snapshot anew."""
        self._following.show_again()

    # Faults

    def failed(self, error: Exception) -> None:
        """A handler of a screen or a widget raised: the same card as for a snapshot."""
        self._faults.screen_failed(error)

    async def run_action(self, *arguments: Any, **options: Any) -> bool:
        """Do what a key, a click or the palette asks for; a fault in it is told."""
        try:
            return await super().run_action(*arguments, **options)
        except Exception as error:
            self.failed(error)
            return True

    # Words

    def say(self, words: str, lasting: Lasting = Lasting.NEWS) -> None:
        """A line above the footer."""
        if (screen := self.current_screen) is not None:
            screen.say(clean(words), lasting)

    def say_trouble(self, words: str) -> None:
        """A line above the footer that stays until a key is pressed."""
        self.say(words, Lasting.TROUBLE)

    def say_fault(self, what: str, error: Exception) -> str:
        """One sentence about a fault of ours. Returns where its report is."""
        return self._faults.say(what, error)

    def announce(self, words: str, *, worse: bool) -> None:
        """A line that must be seen: over a dialog too, where one may hide the screen's own line."""
        self.say(words, Lasting.TROUBLE if worse else Lasting.NEWS)
        if not isinstance(self.screen, OpsScreen):
            severity: SeverityLevel = "error" if worse else "information"
            self.notify(clean(words), severity=severity, timeout=NEWS_SECONDS, markup=False)

    def tell_change(self, words: str, *, worse: bool) -> None:
        """Another verdict: words about it where the Health screen doesn't tell it anyway."""
        if worse and self._profile.bell:
            self.bell()
        if not isinstance(self.screen, HealthScreen):
            self.announce(words, worse=worse)

    async def on_event(self, event: events.Event) -> None:
        """Any key, before it is handled: trouble that was told has been seen."""
        if isinstance(event, events.Key) and not event.is_forwarded and self.current_screen is not None:
            self.current_screen.key_pressed()
        await super().on_event(event)

    # Acts and views

    def act(self, choices: Sequence[Action], stack: Stack, container_ids: Sequence[str]) -> None:
        """Begin the first act that the state of the containers allows. One act at a time."""
        self._acting.begin(choices, stack, container_ids)

    async def action_quit(self) -> None:
        """Leave; asked once more while an act runs, whose result nobody would see or record."""
        if self._acting.doing and not self._asked_to_quit:
            self._asked_to_quit = True
            self.say_trouble(f"{self._acting.doing} isn't done: the same key again leaves all the same")
            return
        self.exit()

    def action_show(self, mode: str) -> None:
        """Go to a screen."""
        self.switch_mode(mode)

    def action_command_palette(self) -> None:
        """Find everything by name."""
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def action_help(self) -> None:
        """Show the help of this place."""
        self.push_screen(HelpScreen(self.current_screen))

    def action_mouse(self) -> None:
        """Give the mouse to the terminal, for its own selection, or take it back."""
        driver = self.operator_driver
        if driver is None:
            return
        self._mouse_taken = not self._mouse_taken
        if self._mouse_taken:
            driver.take_mouse()
            self.say("the mouse is ours")
        else:
            driver.release_mouse()
            self.say("the mouse is the terminal's until m is pressed again")

    async def inspected(self, container_id: str) -> dict[str, object]:
        """The inspect document of a container; its secrets are masked where it is shown."""
        return await self.dashboard.inspected(container_id)

    def action_pace(self, step: int) -> None:
        """Ask the services more or less often."""
        self.say(f"the services are asked every {duration(self.dashboard.pace_by(step))}")

    def reveal(self) -> None:
        """Show secrets for a moment; recorded, since a screen is seen by others."""
        try:
            self._reveal.begin()
        except LettaopsError as error:
            self.say_trouble(f"{error.what}: secrets stay masked")
        else:
            self.say(f"secrets are shown for {REVEAL_SECONDS:.0f} s")

    async def on_unmount(self) -> None:
        """Sources end with the interface; nothing that runs elsewhere is touched."""
        self.workers.cancel_all()
        await asyncio.sleep(0)
