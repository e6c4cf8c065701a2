"""What is taken out of the Logs screen: copies, files, a pager."""

import asyncio
from datetime import datetime
from pathlib import Path

from textual import work
from textual.app import SuspendNotSupported

from lettaops.model.errors import LettaopsError
from lettaops.model.text import Safe
from lettaops.operations.log_file import Form

from . import logs_output as output
from . import logs_view as view
from .activity import Lasting
from .logs_frame import LogsFrame
from .pick import PickScreen


class LogsTaking(LogsFrame):
    """Copying, saving, paging. A screen gives `ask_name`."""

    def __init__(self) -> None:
        super().__init__()
        self._saving = output.Saving()

    def ask_name(self, name: str) -> None:
        """Ask for the name of a new file, and give it to `save_as`."""
        raise NotImplementedError

    def action_copy(self) -> None:
        """Copy what is selected, else the whole record at the cursor."""
        if self.pane.text_selection is not None:
            self.say(self.owner.copy(self.pane.copy_text()).words)
        elif (current := self.pane.current) is not None:
            self.say(self.owner.copy(output.record_text(self.buffer.record(current))).words)
        else:
            self.say(Safe("there is nothing to copy"))

    @work(group="pick", exclusive=True, exit_on_error=False)
    async def action_copy_what(self) -> None:
        """Choose what is copied."""
        chosen = await self.app.push_screen_wait(PickScreen("Copy what?", output.COPIES))
        if not chosen or self.pane.current is None:
            return
        try:
            text = await self._text(chosen[0], self.pane.current)
        except LettaopsError as error:
            self.say(view.in_words(error), Lasting.TROUBLE)
        else:
            self.say(self.owner.copy(text).words)

    async def _text(self, what: str, current: int) -> str:
        if what == "record":
            return output.record_text(self.buffer.record(current))
        if what == "line":
            return self.pane.item_text().partition("\n")[0]
        if what == "visible":
            return "\n".join(text for _, text in self.pane.texts(*self.pane.visible_texts()))
        return await output.text_of(self.records, last=output.LAST if what == "last" else None)

    @work(group="pick", exclusive=True, exit_on_error=False)
    async def action_save(self) -> None:
        """Choose what is written; its file's name is asked for behind that."""
        choices = [(key, words) for key, (_, words) in output.SAVES.items()]
        chosen = await self.app.push_screen_wait(PickScreen("Save what?", choices))
        if chosen:
            self._saving, _ = output.SAVES[chosen[0]]
            ending = "jsonl" if self._saving.form is Form.JSON else "log"
            self.ask_name(f"lettaops-{datetime.now().astimezone():%Y%m%d-%H%M%S}.{ending}")

    @work(group="save", exit_on_error=False)
    async def save_as(self, name: Safe) -> None:
        try:
            self.say(await output.save(self.records, Path(name), self._saving))
        except LettaopsError as error:
            self.say(view.in_words(error), Lasting.TROUBLE)

    @work(group="pager", exclusive=True, exit_on_error=False)
    async def action_pager(self) -> None:
        """Give the terminal to the pager, with what passes the filters."""
        try:
            command = output.pager()
        except LettaopsError as error:
            self.say(view.in_words(error), Lasting.TROUBLE)
            return
        path = await output.write_for_pager(self.records)
        try:
            with self.app.suspend():
                await (await asyncio.create_subprocess_exec(*command, str(path))).wait()
        except SuspendNotSupported:
            self.say(Safe("there is no terminal to give to a pager"))
        finally:
            path.unlink(missing_ok=True)
