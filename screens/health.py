"""Health: every service, its verdict and why, and what can be done about it."""

import time
from collections.abc import Iterable
from typing import ClassVar, Final

from textual import on, work
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input, Static

from lettaops.actions import ACTIONS, pairs
from lettaops.model.errors import LettaopsError
from lettaops.model.healthlog import health_runs
from lettaops.model.source import Link
from lettaops.model.text import Safe, clean
from lettaops.model.urls import published
from lettaops.model.verdict import Judgement
from lettaops.monitor.snapshot import Snapshot
from lettaops.views import Scope

from . import health_view as view
from .activity import Lasting
from .base import HIGH, MIDDLE, OpsScreen, own_bindings
from .charts import Charts
from .detail import Detail
from .detail_view import why
from .filter import FilterLine
from .inspect_tree import InspectTree
from .spans import fitted
from .widgets.table import Table

PADDING: Final = 2
RUNS_EVERY_S: Final = 5.0  # between two looks at a healthcheck's log, while it is shown
_TABLE_LEAST: Final = 5  # rows of the table, its head among them
_WHY_LINES: Final = (2, 3)  # lines of the selected service's reason, at least and at most


class HealthScreen(OpsScreen):
    """The first screen."""

    SCOPE = Scope.HEALTH
    BINDINGS: ClassVar[list[BindingType]] = [
        *own_bindings(Scope.HEALTH),
        *(
            Binding(
                each.key,
                f"act({', '.join(map(repr, each.verbs))})",
                each.title,
                id=f"service.{each.verbs[0]}",
            )
            for each in pairs()
        ),
        Binding("escape", "clear_filter", "Clear the filter", id="view.filter-clear", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="health")
        self._snapshot: Snapshot | None = None
        self._unfolded = False
        self._rows = 0
        self._runs_read: tuple[str | None, float] = (None, 0.0)

    def body(self) -> Iterable[Widget]:
        yield Static(id="chain")
        yield Table((), empty=view.LOOKING, id="services")
        yield FilterLine(id="filter-line")
        yield Vertical(
            Static(id="detail-title"),
            Static(id="detail-why"),
            Charts(id="charts"),
            Detail(id="detail"),
            id="lower",
        )

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Table))

    def on_resize(self) -> None:
        self.show_size(self._snapshot)
        if self._snapshot is not None:
            self._give_room()
            self._show_head(self._snapshot)
            self._show_detail()

    def apply(self, snapshot: Snapshot) -> None:
        """Show a snapshot: each part only where its text is another than before."""
        if self.frozen:
            return
        self._snapshot = snapshot
        self.show_size(snapshot)
        table = self.query_one(Table)
        table.set_stale(snapshot.engine.link is not Link.LIVE)
        table.set_columns(view.columns_for(snapshot, self.owner.underway))
        rows = view.rows(snapshot, self.owner.trends.latency, self.owner.underway, unfolded=self._unfolded)
        table.set_rows(rows)
        self._rows = len(rows)
        self._give_room()
        self._count(snapshot)
        self._show_head(snapshot)
        self._show_detail()

    def choose(self, container_id: str) -> None:
        self.query_one(Table).select(container_id)

    def _give_room(self) -> None:
        """The table is as high as its rows, up to a share of the screen; the rest is for the details."""
        spare = int(self.size.height >= HIGH)
        height = max(_TABLE_LEAST, min(1 + self._rows + spare, self.size.height * 2 // 5))
        self._set_height("#services", height)

    def _set_height(self, selector: str, rows: int) -> None:
        """Lay out anew only where another height is wanted."""
        styles = self.query_one(selector).styles
        if styles.height is None or styles.height.value != rows:
            styles.height = rows

    def _show_head(self, snapshot: Snapshot) -> None:
        self.show_title(snapshot)
        room = self.size.width - PADDING
        sentence = view.sentence(snapshot, self.owner.underway)
        self.put(".sentence", Content(self.glyphs(fitted(sentence, room, self.sentence_lines))))
        host = view.host_words(snapshot.host, local=self.owner.local)
        upper, lower = view.beside(*view.chain(snapshot), host, room)
        self.put("#chain", self.styled(upper) + Content("\n") + self.styled(lower))

    def _show_detail(self) -> None:
        snapshot = self._snapshot
        if snapshot is None:
            return
        detail = self.query_one(Detail)
        key = self.query_one(Table).cursor_key
        detail.show(
            snapshot,
            self._selected_judgement(),
            engine_host=self.owner.engine_host,
            reveal=self.owner.revealing,
        )
        self.put("#detail-title", Content(self.glyphs(detail.heading)))
        act = self.owner.underway.get(key or "")
        doing = act.words(snapshot.taken_at) if act is not None else None
        most = _WHY_LINES[1] if self.size.height >= MIDDLE else _WHY_LINES[0]
        words = fitted(why(snapshot, key, doing), self.size.width - PADDING, most)
        self.put("#detail-why", Content(self.glyphs(words)))
        self._set_height("#detail-why", max(_WHY_LINES[0], words.count("\n") + 1))
        stale = snapshot.engine.link is not Link.LIVE
        self.query_one(Charts).show(self.owner.trends, key, stale=stale)
        if detail.side == "facts":
            self._look_at_runs(key)

    def _selected_judgement(self) -> Judgement | None:
        key = self.query_one(Table).cursor_key
        judgements = self._snapshot.assessment.judgements if self._snapshot is not None else ()
        return next((each for each in judgements if each.member.container.id == key), None)

    @on(Table.Selected)
    def _selected(self) -> None:
        self._show_detail()
        if self.query_one(Detail).side == "inspect":
            self._inspect()

    def action_detail(self, what: str) -> None:
        """Show another side of the selected service below."""
        detail = self.query_one(Detail)
        detail.choose(what)
        self._show_detail()
        if what == "inspect":
            self.set_focus(detail.query_one(InspectTree))
            self._inspect()

    @work(group="inspect", exclusive=True, exit_on_error=False)
    async def _inspect(self) -> None:
        tree = self.query_one(InspectTree)
        key = self.query_one(Table).cursor_key
        if key is None:
            tree.say("select a service above")
            return
        try:
            tree.show_document(key, await self.owner.inspected(key))
        except LettaopsError as error:
            tree.say(" ".join(filter(None, (f"{error.what}.", error.next_step))))

    def _look_at_runs(self, key: str | None) -> None:
        """Ask for the healthcheck's log of the selected service, where it has one, now and then."""
        judgement = self._selected_judgement()
        read, at = self._runs_read
        if judgement is None or judgement.member.container.state.health is None:
            return
        if read != key or time.monotonic() - at >= RUNS_EVERY_S:
            self._runs_read = (key, time.monotonic())
            self._read_runs(judgement.member.container.id)

    @work(group="healthcheck", exclusive=True, exit_on_error=False)
    async def _read_runs(self, container_id: str) -> None:
        try:
            document = await self.owner.inspected(container_id)
        except LettaopsError:
            return  # the title tells of the engine
        self.query_one(Detail).set_runs(container_id, health_runs(document))
        self._show_detail()

    def action_fold(self) -> None:
        """Fold or unfold the host's other containers."""
        self._unfolded = not self._unfolded
        if self._snapshot is not None:
            self.apply(self._snapshot)

    def action_freeze(self) -> None:
        """Hold what is shown; the sources go on."""
        self.frozen = not self.frozen
        if self._snapshot is not None:
            self.show_title(self._snapshot)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In the filter's box the filter's key is a character."""
        return not (action == "filter" and isinstance(self.focused, Input))

    def action_filter(self) -> None:
        """Ask for the filter's text."""
        self.query_one(FilterLine).ask()
        if self._snapshot is not None:
            self._count(self._snapshot)

    def action_clear_filter(self) -> None:
        """Show all rows again."""
        self.query_one(FilterLine).leave()
        self.set_focus(self.query_one(Table))

    def _count(self, snapshot: Snapshot) -> None:
        """How many rows the filter lets through, beside it, and instead of rows where it lets none."""
        table, line = self.query_one(Table), self.query_one(FilterLine)
        table.set_empty(view.nothing(snapshot))
        if not line.display or self.query_one(Detail).side == "inspect":
            return
        total = len(snapshot.assessment.judgements) + len(snapshot.others) * self._unfolded
        words = view.matches(len(table.shown_keys), total, unfolded=self._unfolded)
        line.count(words)
        if line.text:
            table.set_empty(words)

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        if self.query_one(Detail).side == "inspect":
            return
        problem = self.query_one(Table).set_filter(clean(event.value))
        if problem:
            self.say(problem, Lasting.TROUBLE)
        if self._snapshot is not None:
            self._count(self._snapshot)

    @on(Input.Submitted, "#filter")
    def _filter_done(self, event: Input.Submitted) -> None:
        detail = self.query_one(Detail)
        if detail.side == "inspect":  # there the text is looked for, enter by enter
            if not detail.query_one(InspectTree).find(event.value):
                self.say(clean(f"the document doesn't hold {event.value}"))
            return
        if not event.value:
            self.query_one(FilterLine).leave()
        self.set_focus(self.query_one(Table))

    def action_copy(self) -> None:
        """Copy the selected row."""
        self.say(self.owner.copy(self.query_one(Table).copy_text()).words)

    def action_url(self) -> None:
        """Copy the address of the selected service, for a browser."""
        judgement = self._selected_judgement()
        if judgement is None:
            self.say(Safe("no service is selected"))
            return
        ports = published(judgement.member, engine_host=self.owner.engine_host)
        port = next((each for each in ports if each.url), None)
        if port is None:
            self.say(clean(f"{judgement.member.name} publishes no port that a browser could open"))
            return
        where = ", which only the engine's own machine can open" if port.there_only else ""
        self.say(clean(f"{port.url}{where}: {self.owner.copy(port.url).words}"))

    def action_reveal(self) -> None:
        """Show the environment's secrets for a moment."""
        self.query_one(Detail).choose("environment")
        self.owner.reveal()

    def action_act(self, verb: str, other: str = "") -> None:
        """Act on the marked services, else the selected one; `other` where the state forbids `verb`."""
        table = self.query_one(Table)
        keys = sorted(table.marks) or ([table.cursor_key] if table.cursor_key else [])
        if self._snapshot is None or self._snapshot.stack is None or not keys:
            self.say(Safe("nothing is selected"))
            return
        stack = self._snapshot.stack
        strangers = [each.name for each in self._snapshot.others if each.id in keys]
        if strangers:
            words = f"{strangers[0]} isn't part of {stack.project}: --project names another deployment"
            self.say(clean(words), Lasting.TROUBLE)
            return
        chosen = [action for each in (verb, other) for action in ACTIONS if action.verb == each]
        self.owner.act(chosen, stack, keys)
        table.clear_marks()  # the next key means the next service
