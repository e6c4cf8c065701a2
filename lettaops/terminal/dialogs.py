"""Dialogs that bear being typed at faster than they close, the command palette among them.

Textual 8.2.8: a second answer pops the screen below the dialog; paging in an empty list of commands
raises KeyError. Private names used: `CommandPalette._action_command_list`.
"""

from typing import Generic, TypeVar

from textual.actions import SkipAction
from textual.await_complete import AwaitComplete
from textual.command import CommandList, CommandPalette
from textual.screen import ModalScreen, Screen

from lettaops.terminal.guard import Guarded

Result = TypeVar("Result")


class Dialog(Guarded, ModalScreen[Result], Generic[Result]):
    """A dialog that is answered once; what is typed after the answer is dropped."""

    def action_copy_text(self) -> None:
        """Ctrl-C: copy what is selected, else leave without an answer."""
        try:
            super().action_copy_text()
        except SkipAction:
            self.dismiss()

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Close with an answer, the first time."""
        return super().dismiss(result) if _is_open(self) else AwaitComplete()


class Palette(Guarded, CommandPalette):
    """The command palette of the dashboard."""

    def action_copy_text(self) -> None:
        """Ctrl-C, with nothing selected in the text: leave."""
        self.dismiss()

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Close, the first time."""
        return super().dismiss(result) if _is_open(self) else AwaitComplete()

    def _action_command_list(self, action: str) -> None:
        # The list's lines are counted when it is drawn: until then there is nothing to move in.
        commands = self.query_one(CommandList)
        if commands.option_count and commands.size.height:
            try:
                super()._action_command_list(action)
            except KeyError:
                return


def _is_open(screen: Screen[Result]) -> bool:
    return screen.is_running and screen in screen.app.screen_stack and screen is screen.app.screen
