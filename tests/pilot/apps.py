"""What the pilot and golden tests of the widgets have in common."""

from pathlib import Path
from typing import Final, Generic, TypeVar

from textual import events
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.message import Message
from textual.widget import Widget

import lettaops
from lettaops.screens.widgets.base import FromView, LineView

STYLES: Final = Path(lettaops.__file__).parent / "styles" / "widgets.tcss"

W = TypeVar("W", bound=LineView)
M = TypeVar("M", bound=FromView)


class OneWidget(App[None], Generic[W]):
    """An app with one of the widgets, which keeps the messages it sends."""

    CSS_PATH = STYLES
    CSS = "LineView { height: 1fr; }"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, widget: W, *, ascii: bool = False) -> None:
        super().__init__()
        self.ascii = ascii
        self.widget = widget
        self.messages: list[FromView] = []
        post_message = widget.post_message

        def kept(message: Message) -> bool:
            if isinstance(message, FromView):
                self.messages.append(message)
            return post_message(message)

        widget.post_message = kept  # type: ignore[method-assign]

    def compose(self) -> ComposeResult:
        yield self.widget

    def on_mount(self) -> None:
        self.theme = "ansi-dark"
        if self.widget.can_focus:
            self.widget.focus()

    def told(self, kind: type[M]) -> list[M]:
        """The messages of a kind, oldest first."""
        return [message for message in self.messages if isinstance(message, kind)]


class Repaints:
    """Counts the regions a widget asks to have repainted, from now on."""

    def __init__(self, widget: Widget) -> None:
        self.regions: list[Region] = []
        self.whole = 0
        refresh = widget.refresh

        def counted(*regions: Region, **options: bool) -> Widget:
            self.regions.extend(regions)
            self.whole += not regions
            return refresh(*regions, **options)

        widget.refresh = counted  # type: ignore[method-assign]

    @property
    def rows(self) -> set[int]:
        """Screen rows that were asked for."""
        return {y for region in self.regions for y in range(region.y, region.bottom)}

    def forget(self) -> None:
        """Counts from now on."""
        self.regions.clear()
        self.whole = 0


def rows(widget: LineView) -> list[str]:
    """What the widget's rows say, without spaces at the end."""
    return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]


def scroll_down(widget: LineView) -> events.MouseScrollDown:
    """One notch of the wheel."""
    return events.MouseScrollDown(widget, 2, 2, 0, 0, 0, False, False, False)
