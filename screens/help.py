"""Help: every key and act, from the registry."""

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from lettaops.actions import VIEWS, pairs
from lettaops.terminal.dialogs import Dialog

_KEYS: Final = {"slash": "/", "question_mark": "?", "plus": "+", "minus": "-", "ctrl+p": "^p"}


def help_lines() -> list[str]:
    """A line each key: those that look, those that act, those of every list."""
    lines = ["Look"]
    lines += [f"  {_shown(view.keys):<10} {view.help}" for view in VIEWS if view.keys]
    lines += ["", "Act on the selected or the marked services (with a question where others would notice)"]
    lines += [f"  {_shown((each.key,)):<10} {each.title}" for each in pairs()]
    lines += [
        "",
        "In every list",
        "  ↑ ↓ j k    move; home, end, page up and down",
        "  space      mark; acts then mean the marked services",
        "  < > I      sort by the column before or after, turn the order",
        "",
        "Verdicts",
        "  ● works   ◐ starting   ▲ degraded   ○ stopped   ✕ down   ? not known",
        "CPU: 100% is one core. MEM is without page cache. NET/s is both directions.",
    ]
    return lines


def _shown(keys: tuple[str, ...]) -> str:
    """Keys as they stand on the keyboard."""
    return ", ".join(_KEYS.get(key, key) for key in keys)


class HelpScreen(Dialog[None]):
    """All keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", "Close", id="help.close")
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help-box"):
            yield Static(Content("\n".join(help_lines())))
