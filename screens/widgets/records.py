"""A view of log lines or events, moved by keys and mouse."""

from typing import ClassVar, Final

from textual import events
from textual.binding import Binding, BindingType
from textual.selection import Selection

from .record_window import RecordWindow

SIDE_STEP: Final = 8
WHEEL_LINES: Final = 3


class RecordView(RecordWindow):
    """Records with a cursor among them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "side(-1)", "Left", show=False, id="records.left"),
        Binding("right", "side(1)", "Right", show=False, id="records.right"),
        Binding("o", "fold", "Unfold or fold a record", show=False, id="records.fold"),
    ]

    # Always a scrollbar: one that comes with the overflow would change where lines are wrapped.
    DEFAULT_CSS = """
    RecordView {
        overflow-y: scroll;
    }
    """

    def move(self, by: int) -> None:
        """Moves the cursor; without one in view, from the edge of the window."""
        first, last = self.visible_texts()
        if last < first:
            return
        if self._cursor is None or not first <= self._cursor <= last:
            start = last if by < 0 or self._following else first
        else:
            start = self._cursor
        index = self._held.index
        seq = index.at(min(max(0, index.place(start) + by), index.records - 1))
        if seq is not None and not (self._following and by > 0):
            self._put_cursor(seq)

    def move_to_edge(self, direction: int) -> None:
        """Home: the oldest record. End: follow."""
        if direction > 0:
            self.follow()
        elif (seq := self._held.index.at(0)) is not None:
            self._put_cursor(seq)

    def activate(self) -> None:
        """Tells that the record at the cursor is opened."""
        seq = self.current
        if seq is not None:
            self.post_message(self.Activated(self, seq, self._held.source.get(seq)))

    def wheel(self, direction: int) -> None:
        """Scrolls; the cursor stays on its record."""
        self.scroll_to_line(self.scroll_offset.y + direction * WHEEL_LINES)

    def clicked(self, x: int, y: int, event: events.Click) -> None:
        """A click takes the cursor to a record, a double click opens it."""
        found = self._held.index.locate(self.scroll_offset.y + y)
        if found is not None:
            self._put_cursor(found[0])
            if event.chain == 2:
                self.activate()

    def action_side(self, direction: int) -> None:
        """Left and right."""
        side = min(max(0, self._side + direction * SIDE_STEP), max(0, self._held.widest - self.room))
        if side != self._side and not self._held.wrap:
            self._side = side
            self.repaint_changed()

    def action_fold(self) -> None:
        """Unfold the current record, or fold it."""
        seq = self.current
        if seq is not None and self._held.source.get(seq).rest:
            self._put_cursor(seq)
            self.fold(seq, not self.is_unfolded(seq))
            self._reveal(seq)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """A wheel that turns sideways."""
        event.stop()
        self.action_side(1)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """A wheel that turns sideways."""
        event.stop()
        self.action_side(-1)

    def selection_updated(self, selection: Selection | None) -> None:
        """Text that is being selected stays where it is."""
        if selection is not None:
            self._set_following(False)
        super().selection_updated(selection)
