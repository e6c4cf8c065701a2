"""Secrets on the screen, for a moment."""

from collections.abc import Callable
from typing import Any, Final

from textual.app import App
from textual.timer import Timer

from lettaops.dashboard import Dashboard

REVEAL_SECONDS: Final = 10.0


class Reveal:
    """Whether secrets are shown; `changed` is called when that changes. Recorded: others see a screen too."""

    def __init__(self, app: App[Any], dashboard: Dashboard, changed: Callable[[], None]) -> None:
        self._app = app
        self._dashboard = dashboard
        self._changed = changed
        self._timer: Timer | None = None

    @property
    def on(self) -> bool:
        """Whether secrets are shown."""
        return self._timer is not None

    def begin(self) -> None:
        """Show them, for 10 s from now. Raises `Refused` when that can't be recorded."""
        self._dashboard.record_reveal()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self._app.set_timer(REVEAL_SECONDS, self.end)
        self._changed()

    def end(self) -> None:
        """Mask them."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
            self._changed()
