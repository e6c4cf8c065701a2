"""Moving through a list with keys and wheel; the keys have one id each, whichever widget has the focus."""

from abc import abstractmethod
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from .base import LineView


class LineList(LineView, can_focus=True):
    """A line view with a place in it. A widget implements `move` and `move_to_edge`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="move.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="move.down"),
        Binding("pageup", "move_page(-1)", "Page up", show=False, id="move.page-up"),
        Binding("pagedown", "move_page(1)", "Page down", show=False, id="move.page-down"),
        Binding("home,g", "move_to_edge(-1)", "First", show=False, id="move.first"),
        Binding("end,G", "move_to_edge(1)", "Last", show=False, id="move.last"),
        Binding("enter", "activate", "Open", show=False, id="list.open"),
    ]

    @abstractmethod
    def move(self, by: int) -> None:
        """Moves the place by so many items, as far as there are any."""
        raise NotImplementedError

    @abstractmethod
    def move_to_edge(self, direction: int) -> None:
        """Moves to the first (-1) or last (1) item."""
        raise NotImplementedError

    @abstractmethod
    def activate(self) -> None:
        """Opens the item at the place."""
        raise NotImplementedError

    @abstractmethod
    def wheel(self, direction: int) -> None:
        """One notch of the wheel, down (1) or up (-1)."""
        raise NotImplementedError

    @property
    def page(self) -> int:
        """Lines of a page, one less than are seen."""
        return max(1, self.size.height - 1)

    def action_move(self, by: int) -> None:
        """Up and down."""
        self.move(by)

    def action_move_page(self, direction: int) -> None:
        """Page up and page down."""
        self.move(direction * self.page)

    def action_move_to_edge(self, direction: int) -> None:
        """Home and end."""
        self.move_to_edge(direction)

    def action_activate(self) -> None:
        """Enter."""
        self.activate()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel, turned towards the user."""
        self._wheel(event, 1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel, turned away."""
        self._wheel(event, -1)

    def _wheel(self, event: events.MouseEvent, direction: int) -> None:
        event.prevent_default()
        event.stop()
        self.wheel(direction)
