"""Asking before an act: with the plan, and for what can lose data with the target's name typed."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from lettaops.actions import Action, Danger
from lettaops.operations.plan import Plan, plan_lines
from lettaops.terminal.dialogs import Dialog


class ConfirmScreen(Dialog[bool]):
    """True when the operator said yes. The plan that was shown is the one that is run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes"),
        Binding("n,escape,q", "answer(False)", "No", id="confirm.no"),
    ]

    def __init__(self, action: Action, plan: Plan) -> None:
        super().__init__(id="confirm")
        self._action = action
        self._plan = plan
        self._typed = action.danger is Danger.TYPED

    def compose(self) -> ComposeResult:
        first, *rest = plan_lines(self._action.title, self._plan)
        with Vertical(id="confirm-box"):
            yield Static(Content(first), id="confirm-title")
            yield Static(Content("\n".join(rest)), id="confirm-plan")
            if self._typed:
                yield Static(Content(f"Type {self._plan.steps[0].name} and press enter; escape leaves."))
                yield Input(id="confirm-name")
            else:
                yield Static(Content("y  do it     n  leave it"), id="confirm-keys")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter does nothing until the name is right."""
        if event.value == self._plan.steps[0].name:
            self.dismiss(True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """`y` is a letter, not an answer, while a name is asked for."""
        return not (self._typed and action == "answer" and parameters == (True,))

    def action_answer(self, yes: bool) -> None:
        """Close with the answer."""
        self.dismiss(yes)
