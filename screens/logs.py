"""Logs: the records of all services as one, filtered, searched, followed."""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar, Final

from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Input, Static

from lettaops.model.cells import width
from lettaops.model.logs.pattern import Match, parse_match
from lettaops.model.logs.query import Exclude, Include, Part, Query, Services
from lettaops.model.moment import FORMS, clock, nanoseconds, parse_moment
from lettaops.model.text import Safe, clean
from lettaops.views import Scope

from . import logs_view as view
from .activity import Lasting
from .base import own_bindings
from .filter import PLACEHOLDER, FilterLine
from .logs_taking import LogsTaking
from .pick import PickScreen
from .widgets.glyphs import drawable
from .widgets.records import RecordView

_ASKED: Final = {
    "filter": ("only", PLACEHOLDER),
    "exclude": ("not", PLACEHOLDER),
    "find": ("find", PLACEHOLDER),
    "jump": ("go to", FORMS),
    "save": ("save to", "name of a new file"),
}


class LogsScreen(LogsTaking):
    """The fourth screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *own_bindings(Scope.LOGS),
        Binding("escape", "back", "Back", id="logs.back", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._asked = ""

    # -- filters ---------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In the line that is typed into, keys are characters."""
        return not (action in ("filter", "ask") and isinstance(self.focused, Input))

    def action_filter(self) -> None:
        """Ask for the filter's text."""
        self.action_ask("filter")

    def action_ask(self, what: str, value: str = "") -> None:
        """Ask for a text."""
        self._asked = what
        title, placeholder = _ASKED[what]
        self.query_one(FilterLine).ask(title, placeholder=placeholder, value=value)

    def ask_name(self, name: str) -> None:
        self.action_ask("save", name)

    @on(Input.Changed, "#filter")
    def _typed(self, event: Input.Changed) -> None:
        if self._asked not in ("filter", "exclude", "find"):
            return
        match = parse_match(clean(event.value))
        line = self.query_one(FilterLine)
        line.count(match if isinstance(match, Safe) else Safe())
        if isinstance(match, Safe):
            return
        if self._asked == "find":
            self._search(match)
        else:
            self.set_query(self._base, self._part(match))

    def _part(self, match: Match | None) -> Part | None:
        if match is None:
            return None
        return Include(match) if self._asked == "filter" else Exclude(match)

    @on(Input.Submitted, "#filter")
    def _entered(self, event: Input.Submitted) -> None:
        asked, text = self._asked, clean(event.value)
        match = parse_match(text)
        if asked in ("filter", "exclude", "find") and isinstance(match, Safe):
            self.say(match, Lasting.TROUBLE)
            return
        self._leave_line()
        if asked in ("filter", "exclude") and not isinstance(match, Safe) and match is not None:
            part = Include(match) if asked == "filter" else Exclude(match)
            self.set_query(self._base.having(part))
        elif asked == "find" and self.records.match is not None:
            self.action_hit(-1)
        elif asked == "jump" and text:
            self._jump(text)
        elif asked == "save" and text:
            self.save_as(text)

    def _leave_line(self) -> None:
        self._asked = ""
        self.query_one(FilterLine).leave()
        self.set_focus(self.pane)

    def action_back(self) -> None:
        """Leave what was opened last: the line, the detail, the search, and then the filters."""
        line = self.query_one(FilterLine)
        if line.display:
            asked = self._asked
            self._leave_line()
            if asked == "find":
                self._search(None)
            self.set_query(self._base)
        elif self.query_one("#record-detail").display:
            self._close_detail()
        elif self.records.match is not None:
            self._search(None)
        else:
            self.set_query(Query())

    def action_level(self) -> None:
        """The next threshold."""
        self.set_query(view.next_level(self._base))

    def action_remove_part(self) -> None:
        """Remove the newest part of the filter."""
        if self._base.parts:
            self.set_query(self._base.without(self._base.parts[-1]))

    @work(group="pick", exclusive=True, exit_on_error=False)
    async def action_parts(self) -> None:
        """Choose parts of the filter to remove."""
        parts = self._base.parts
        if not parts:
            self.say(Safe("there is no filter"))
            return
        choices = [(str(number), view.part_words(part)) for number, part in enumerate(parts)]
        chosen = await self.app.push_screen_wait(
            PickScreen("Remove which? Space marks, enter removes.", choices, several=True)
        )
        query = self._base
        for number in chosen or ():
            query = query.without(parts[int(number)])
        self.set_query(query)

    @work(group="pick", exclusive=True, exit_on_error=False)
    async def action_services(self) -> None:
        """Choose the services that are shown."""
        names = view.service_names(self._snapshot) if self._snapshot is not None else []
        if not names:
            self.say(Safe("no service is known yet"))
            return
        choices = [("", Safe("all services")), *((name, name) for name in names)]
        chosen = await self.app.push_screen_wait(
            PickScreen("Show which? Space marks, enter shows.", choices, several=True)
        )
        if chosen is not None:
            self.show_services([] if "" in chosen else chosen)

    def show_services(self, names: Iterable[str]) -> None:
        """Show only these services; none: all."""
        wanted = frozenset(map(clean, names))
        old = next((each for each in self._base.parts if isinstance(each, Services)), None)
        if wanted:
            self.set_query(self._base.having(Services(wanted)))
        elif old is not None:
            self.set_query(self._base.without(old))

    # -- searching and moving --------------------------------------------------------------

    def action_hit(self, direction: int) -> None:
        """Go to a record that holds what is looked for."""
        if (match := self.records.match) is None:
            self.say(Safe("nothing is looked for: ^f finds"))
            return
        self.pane.seek(direction, self.records.hits_from(match, direction))

    def action_error(self, direction: int) -> None:
        """Go to an error."""
        self.pane.seek(direction, self.records.errors_from(direction))

    @on(RecordView.Sought)
    def _sought(self, event: RecordView.Sought) -> None:
        if not event.found:
            self.say(Safe("there is none among what is shown"))
        elif event.wrapped:
            self.say(Safe("went on from the other end"))
        current = self.pane.current
        if event.found and current is not None and self.records.match is not None:
            record = self.records.get(current)
            if marks := self.records.marks(record.text):
                start, end = marks[0]
                self.pane.show_characters(width(record.text[:start]), width(record.text[:end]))
            elif any(map(self.records.marks, record.rest)):
                self.pane.fold(current, True)

    def _jump(self, text: Safe) -> None:
        moment = parse_moment(text, datetime.now().astimezone())
        if moment is None:
            self.say(clean(f"{text} is no moment; known forms: {FORMS}"), Lasting.TROUBLE)
            return
        time_ns = nanoseconds(moment)
        span = self.buffer.span_ns()
        self.pane.show_record(self.buffer.at_time(time_ns))
        if span is not None and not span[0] <= time_ns <= span[1]:
            edges = f"{clock(span[0])} to {clock(span[1])}"
            self.say(clean(f"{text} isn't within what is held: {edges}"))

    # -- looks -----------------------------------------------------------------------------

    def action_times(self) -> None:
        """Another way to show times."""
        self._times = self._times.next
        self._set_prefix()
        self.say(clean(f"times: {self._times}"))

    def action_wrap(self) -> None:
        """Break long lines, or not."""
        self._wrap = not self._wrap
        self.pane.set_wrap(self._wrap)

    def action_raw(self) -> None:
        """Lines as they came, or taken apart."""
        self.records.raw = not self.records.raw
        self.pane.redraw()
        self.say(Safe("lines as they came" if self.records.raw else "lines taken apart"))

    @on(RecordView.FollowChanged)
    @on(RecordView.Filtered)
    @on(RecordView.CursorMoved)
    def _moved(self) -> None:
        if self._times is view.Times.RELATIVE:
            self._set_prefix()
        self._show_head()
        if self.query_one("#record-detail").display:
            self._show_detail()

    @on(RecordView.Activated)
    def _opened(self) -> None:
        detail = self.query_one("#record-detail")
        if detail.display:
            self._close_detail()
        else:
            detail.display = True
            self._show_detail()

    def _show_detail(self) -> None:
        current = self.pane.current
        text = view.detail(self.buffer.record(current)) if current is not None else Safe()
        self.query_one("#record-text", Static).update(Content(drawable(text, self.app)))

    def _close_detail(self) -> None:
        self.query_one("#record-detail").display = False
        self.set_focus(self.pane)
