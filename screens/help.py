"""Help: every key and act, from the registry."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from lettaops.actions import pairs
from lettaops.model.signs import sign
from lettaops.model.verdict import Verdict
from lettaops.terminal.dialogs import Dialog
from lettaops.views import Scope, shown_keys, views_of

from .base import OpsScreen


def help_lines(scope: Scope) -> list[str]:
    """A line each key of a screen: those that look, those that act, those of every list."""
    lines = ["Look"]
    lines += [f"  {shown_keys(view.keys):<10} {view.help}" for view in views_of(scope) if view.keys]
    if scope is Scope.HEALTH:
        lines += [
            "",
            "Act on the selected or the marked services (with a question where others would notice)",
        ]
        lines += [f"  {shown_keys((each.key,)):<10} {each.title}" for each in pairs()]
    lines += [
        "",
        "In every list",
        "  ↑ ↓ j k    move; home, end, page up and down",
        "  space      mark; acts then mean the marked services",
        "  < > I      sort by the column before or after, turn the order",
        "",
        "Verdicts",
        "  " + "   ".join(f"{sign(each).symbol} {each}" for each in Verdict),
        "CPU: 100% is one core. MEM is without page cache. NET/s is both directions.",
    ]
    return lines


class HelpScreen(Dialog[None]):
    """All keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss", "Close", id="help.close")
    ]

    def __init__(self, screen: OpsScreen | None = None) -> None:
        super().__init__()
        self._scope = screen.SCOPE if screen is not None else Scope.EVERYWHERE

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help-box"):
            yield Static(Content("\n".join(help_lines(self._scope))))
