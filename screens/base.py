"""What all screens of the dashboard share: title bar, sentence, activity line, footer."""

from collections.abc import Iterable
from functools import cached_property
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Footer, Static

from lettaops.model.cells import to_ascii
from lettaops.model.signs import Tone, sign
from lettaops.model.text import Safe
from lettaops.monitor.snapshot import Snapshot
from lettaops.terminal.capabilities import SMALLEST
from lettaops.terminal.guard import Guarded
from lettaops.views import VIEWS, Scope, View, views_of

from .activity import Activity, Lasting
from .owner import Owner
from .spans import Span, place, title

STYLES: Final = {
    Tone.NORMAL: "",
    Tone.MUTED: "$text-muted",
    Tone.GOOD: "$text-success",
    Tone.WARN: "$text-warning",
    Tone.BAD: "bold $text-error",
    Tone.ACCENT: "bold $text-primary",
}
MIDDLE, HIGH, TALL = 24, 30, 40  # rows from which there is more room
WIDE, WIDEST = 100, 130  # cells
WIDTHS: Final = [(0, "-narrow"), (WIDE, "-wide"), (WIDEST, "-widest")]
HEIGHTS: Final = [(0, "-short"), (MIDDLE, "-middle"), (HIGH, "-high"), (TALL, "-tall")]
# Bound by the application: Ctrl-C comes behind the screen's copying of selected text, and Textual would bind
# the palette once more.
APP_KEYS: Final = {"ctrl+c", "ctrl+p"}


def bindings(views: Iterable[View], *, app: bool) -> list[BindingType]:
    """The application's views as bindings of the application itself, or else of each screen."""
    return [
        Binding(
            key,
            each.call.removeprefix("app.") if app else each.call,
            each.title,
            show=each.footer and key == each.keys[0],
            id=each.id if key == each.keys[0] else f"{each.id}-{key}",
            tooltip=each.help,
        )
        for each in views
        for key in each.keys
        if each.call.startswith("app.") and (key in APP_KEYS) is app
    ]


def own_bindings(scope: Scope) -> list[BindingType]:
    """The views that a screen does itself, as its bindings."""
    return [
        Binding(
            ",".join(each.keys),
            each.call,
            each.title,
            show=each.footer,
            id=each.id,
            tooltip=each.help,
            priority=each.takes_typing,
        )
        for each in views_of(scope)
        if each.keys and not each.call.startswith("app.")
    ]


class OpsScreen(Guarded, Screen[None]):
    """A screen with the common frame. Subclasses give `body` and `apply`; nothing waits for a backend."""

    SCOPE: ClassVar[Scope] = Scope.EVERYWHERE
    HORIZONTAL_BREAKPOINTS = WIDTHS
    VERTICAL_BREAKPOINTS = HEIGHTS
    BINDINGS: ClassVar[list[BindingType]] = bindings(VIEWS, app=False)

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.frozen = False

    def compose(self) -> ComposeResult:
        yield Static(classes="too-small")
        yield Static(classes="title")
        yield Static(classes="sentence")
        yield from self.body()
        yield Activity()
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

    def on_screen_resume(self) -> None:
        """What is shown may be from before another screen was looked at."""
        self.owner.show_again()

    def choose(self, container_id: str) -> None:
        """Have this container selected, on a screen where one can be."""

    @property
    def sentence_lines(self) -> int:
        """How many lines the style sheet gives to the sentence."""
        return 2 if self.size.height < MIDDLE or self.size.width >= WIDEST else 3

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
            overall = snapshot.assessment.overall
            symbol, _ = sign(overall)
            words = f"{symbol} {overall.upper()}\n{snapshot.assessment.sentence}\n{words}"
        self.put(".too-small", Content(self.glyphs(words)))

    def say(self, words: Safe, lasting: Lasting = Lasting.NEWS) -> None:
        """The line above the footer: the last act and its result."""
        self.query_one(Activity).say(words, lasting)

    def key_pressed(self) -> None:
        """A key was pressed, whatever it means."""
        self.query_one(Activity).key_pressed()

    def show_title(self, snapshot: Snapshot) -> None:
        """The title bar: where we are, how things are, and how old that is."""
        marks = [Safe("read-only")] if self.owner.read_only else []
        marks += [Safe("frozen")] if self.frozen else []
        where = place(snapshot, local=self.owner.local)
        spans = title(snapshot, where, self.size.width, badge=self.owner.badge, marks=marks)
        self.put(".title", self.styled(spans))

    def put(self, selector: str, content: Content) -> None:
        """Set a fixed line: repainted only where its text is another, and without a new layout."""
        widget = self.query_one(selector, Static)
        if widget.content != content:
            widget.update(content, layout=False)

    def styled(self, spans: Iterable[Span]) -> Content:
        """Pieces of a line with the styles of their tones."""
        return Content.assemble(
            *((self.glyphs(each.text), each.style or STYLES[each.tone]) for each in spans)
        )

    def glyphs(self, text: str) -> str:
        """The text in the characters that this terminal may be sent."""
        return to_ascii(text) if self.owner.ascii else text
