"""Asking before an act: with the plan, and for what can lose data with the target's name typed."""

from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from lettaops.actions import Action, Danger
from lettaops.model.cells import wrap
from lettaops.model.text import Safe, clean
from lettaops.operations.plan import Plan, plan_lines
from lettaops.terminal.dialogs import Dialog

from .widgets.glyphs import drawable

_NAMED: Final = 5
_WIDEST: Final = 100  # cells of the box, 90 % of the screen at most
_FRAME: Final = 8  # of them for its border, its padding and a scrollbar
_AROUND: Final = 7  # rows for the border, the keys and what is typed


def question(action: Action, plan: Plan) -> Safe:
    """The act and what it is done to: all names, or the first five and how many more there are."""
    names = [step.name for step in plan.steps]
    listed = ", ".join(names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    count = f"{len(names)} services: " if len(names) > 1 else ""
    return clean(f"{action.title} {count}{listed}{more}?")


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
        with Vertical(id="confirm-box"):
            yield Static(self._drawn(question(self._action, self._plan)), id="confirm-title")
            with VerticalScroll(id="confirm-scroll"):
                yield Static(id="confirm-plan")
            if self._typed:
                name = self._plan.steps[0].name
                yield Static(self._drawn(f"Type {name} and press enter; escape leaves."))
                yield Input(id="confirm-name")
            else:
                yield Static(Content("y  do it     n  leave it"), id="confirm-keys")

    def on_resize(self) -> None:
        """The plan's lines, broken behind their indents; as many of them as leave the question in sight."""
        room = min(_WIDEST, self.size.width * 9 // 10) - _FRAME
        lines: list[str] = []
        for line in plan_lines(self._action.title, self._plan):
            words = line.lstrip(" -")
            lead = line.removesuffix(words)
            first, *others = wrap(words, room - len(lead))
            lines += [lead + first, *(" " * len(lead) + each for each in others)]
        self.query_one("#confirm-plan", Static).update(self._drawn("\n".join(lines)))
        asked = len(wrap(question(self._action, self._plan), room)) + _AROUND
        self.query_one("#confirm-scroll").styles.height = max(1, min(len(lines), self.size.height - asked))

    def _drawn(self, text: str) -> Content:
        return Content(drawable(text, self.app))

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
