"""What all screens of the dashboard share: title bar, sentence, activity line, footer."""

from collections.abc import Iterable
from functools import cached_property
from typing import Final

from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer, Static

from lettaops.model.cells import to_ascii
from lettaops.model.text import Safe, clean
from lettaops.monitor.snapshot import Snapshot
from lettaops.terminal.capabilities import SMALLEST

from . import health_view as view
from .owner import Owner
from .widgets.glyphs import Tone

STYLES: Final = {
    Tone.NORMAL: "",
    Tone.MUTED: "$text-muted",
    Tone.GOOD: "$text-success",
    Tone.WARN: "$text-warning",
    Tone.BAD: "bold $text-error",
    Tone.ACCENT: "bold $text-primary",
}


class OpsScreen(Screen[None]):
    """A screen with the common frame. Subclasses give `body` and `apply`; nothing waits for a backend."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.frozen = False

    def compose(self) -> ComposeResult:
        yield Static(classes="too-small")
        yield Static(classes="title")
        yield Static(classes="sentence")
        yield from self.body()
        yield Static(classes="activity")
        yield Footer(show_command_palette=False, compact=True)

    def body(self) -> Iterable[Widget]:
        """The screen's own widgets."""
        raise NotImplementedError

    def apply(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""
        raise NotImplementedError

    @cached_property
    def owner(self) -> Owner:
        """The application. Kept: asking whether it is an `Owner` costs more than drawing a line."""
        if not isinstance(self.app, Owner):
            raise TypeError("this screen needs lettaops' application")
        return self.app

    def show_size(self, snapshot: Snapshot | None) -> None:
        """Below 60x15 only the verdict and the sentence are shown, and that there is no room for more."""
        small = self.size.width < SMALLEST[0] or self.size.height < SMALLEST[1]
        self.set_class(small, "-too-small")
        if not small:
            return
        words = (
            f"{self.size.width}x{self.size.height} is too small for the screens ({SMALLEST[0]}x{SMALLEST[1]})"
        )
        if snapshot is not None:
            symbol, _ = view.OVERALL[snapshot.assessment.overall]
            words = f"{symbol} {snapshot.assessment.overall.upper()}\n{snapshot.assessment.sentence}\n{words}"
        self.put(".too-small", Content(self.glyphs(words)))

    def say(self, words: Safe) -> None:
        """The line above the footer: the last act and its result."""
        self.put(".activity", Content(self.glyphs(words)))

    def show_title(self, snapshot: Snapshot) -> None:
        """The title bar: where we are, how things are, and how old that is."""
        symbol, tone = view.OVERALL[snapshot.assessment.overall]
        stale = view.freshness(snapshot)
        right = [view.Span(clean(f"{symbol} {snapshot.assessment.overall.upper()}"), tone)]
        if stale.text:
            right.append(view.Span(clean(f" · {stale.text}"), stale.tone))
        left = [view.Span(Safe(" lettaops  "), Tone.ACCENT)]
        marks = [view.Span(Safe(" read-only "), Tone.WARN)] if self.owner.read_only else []
        marks += [view.Span(Safe(" frozen "), Tone.WARN)] if self.frozen else []
        taken = sum(len(each.text) for each in (*left, *right, *marks)) + 2
        place = self.owner.place(snapshot)
        room = max(0, self.size.width - taken)
        left.append(view.Span(clean(place if len(place) <= room else f"{place[: max(0, room - 1)]}…")))
        left += marks
        used = sum(len(each.text) for each in [*left, *right])
        gap = view.Span(Safe(" " * max(1, self.size.width - used - 1)))
        self.put(".title", self.styled([*left, gap, *right]))

    def put(self, selector: str, content: Content) -> None:
        """Set a fixed line: repainted only where its text is another, and without a new layout."""
        widget = self.query_one(selector, Static)
        if widget.content != content:
            widget.update(content, layout=False)

    def styled(self, spans: Iterable[view.Span]) -> Content:
        """Pieces of a line with the styles of their tones."""
        return Content.assemble(*((self.glyphs(each.text), STYLES[each.tone]) for each in spans))

    def glyphs(self, text: str) -> str:
        """The text in the characters that this terminal may be sent."""
        return to_ascii(text) if self.owner.ascii else text
