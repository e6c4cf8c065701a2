"""A small list to choose from."""

from collections.abc import Sequence
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from lettaops.model.text import Safe
from lettaops.terminal.dialogs import Dialog

from .widgets.columns import Column, Row
from .widgets.table import Table

_MOST_ROWS: Final = 16


class PickScreen(Dialog[list[str]]):
    """Gives the keys that were chosen; None when it was left. `several`: those marked with the space bar."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss", "Close", id="pick.close")]

    def __init__(self, title: str, choices: Sequence[tuple[str, Safe]], *, several: bool = False) -> None:
        super().__init__()
        self._title = title
        self._choices = choices
        self._several = several

    def compose(self) -> ComposeResult:
        with Vertical(id="pick-box"):
            yield Static(Content(self._title), id="pick-title")
            yield Table((Column("name", Safe(""), 10, flex=1),), id="pick-rows")

    def on_mount(self) -> None:
        table = self.query_one(Table)
        table.set_rows(Row(key, (words,)) for key, words in self._choices)
        table.styles.height = min(len(self._choices), _MOST_ROWS) + 1
        self.set_focus(table)

    @on(Table.Activated)
    def _chosen(self, event: Table.Activated) -> None:
        marks = self.query_one(Table).marks
        chosen = [key for key, _ in self._choices if key in marks] if self._several else []
        self.dismiss(chosen or [event.key])
