"""The line above the footer: what was just done, and how it went."""

from enum import Enum
from functools import partial
from typing import Final

from textual.content import Content
from textual.timer import Timer
from textual.widgets import Static

from lettaops.model.text import Safe
from lettaops.terminal.guard import Guarded

from .widgets.glyphs import drawable

NEWS_SECONDS: Final = 10.0


class Lasting(Enum):
    """How long words stay: news for 10 s, trouble until the next key, progress until other words come."""

    NEWS = "news"
    TROUBLE = "trouble"
    PROGRESS = "progress"


class Activity(Guarded, Static):
    """One line. What it said of acts is kept among the events."""

    def __init__(self) -> None:
        super().__init__(classes="activity")
        self._lasting = Lasting.NEWS
        self._timer: Timer | None = None
        self._said = 0

    def say(self, words: Safe, lasting: Lasting = Lasting.NEWS) -> None:
        """Other words."""
        self._lasting = lasting
        self._said += 1
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        content = Content(drawable(words, self.app))
        trouble = lasting is Lasting.TROUBLE
        self.set_class(trouble, "-trouble")
        if self.content != content:
            self.update(content, layout=trouble)  # it is told whole, in as many lines as it takes
        if words and lasting is Lasting.NEWS:
            self._timer = self.set_timer(NEWS_SECONDS, partial(self._expire, self._said))

    def key_pressed(self) -> None:
        """A key: trouble was read."""
        if self._lasting is Lasting.TROUBLE:
            self.clear()

    def _expire(self, said: int) -> None:
        """The time of these words is over; others may have come in the same moment."""
        if self._said == said:
            self.clear()

    def clear(self) -> None:
        """No words."""
        self.say(Safe())
