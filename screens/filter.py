"""The line that a text is typed into: a filter of the rows, or what is looked for in a document."""

from typing import Final

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from lettaops.model.text import Safe
from lettaops.terminal.guard import Guarded

PLACEHOLDER: Final = "text, or /regular expression/"


class FilterLine(Guarded, Horizontal):
    """An input with a count at its right; not there while nothing is asked for."""

    def compose(self) -> ComposeResult:
        yield Static(id="filter-title")
        yield Input(id="filter", placeholder=PLACEHOLDER)
        yield Static(id="filter-count")

    def on_mount(self) -> None:
        self.display = False

    @property
    def text(self) -> str:
        """What was typed."""
        return self.query_one(Input).value

    def ask(self, title: str = "", *, placeholder: str = PLACEHOLDER, value: str = "") -> None:
        """Appear, and take what is typed from now on. `title`: what is asked for."""
        name = self.query_one("#filter-title", Static)
        name.update(Content(title))
        name.display = bool(title)
        box = self.query_one(Input)
        box.placeholder = placeholder
        if value:
            box.value = value
        self.display = True
        self.screen.set_focus(self.query_one(Input))  # at once: `focus` would lose what is typed meanwhile

    def leave(self) -> None:
        """Forget the text and vanish."""
        self.query_one(Input).value = ""
        self.count(Safe())
        self.display = False

    def count(self, words: Safe) -> None:
        """What the text lets through."""
        widget = self.query_one("#filter-count", Static)
        content = Content(words)
        if widget.content != content:
            widget.update(content)
