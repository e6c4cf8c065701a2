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

from lettaops.actions import ACTIONS, VIEWS, pairs
from lettaops.model.errors import LettaopsError
from lettaops.model.text import Safe, clean
from lettaops.monitor.history import History
from lettaops.monitor.snapshot import Snapshot

from . import health_view as view
from .base import OpsScreen
from .detail import Detail
from .inspect_tree import InspectTree
from .widgets.glyphs import Tone
from .widgets.table import Table

LATENCY_EVERY_S: Final = 5.0
PADDING: Final = 2
LOOKING: Final = Safe("looking for services…")


class HealthScreen(OpsScreen):
    """The first screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(
                ",".join(each.keys),
                each.call,
                each.title,
                show=each.footer,
                id=each.id,
                tooltip=each.help,
                priority=each.takes_typing,
            )
            for each in VIEWS
            if each.keys and not each.call.startswith("app.")
        ),
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
        self._latencies = History()
        self._latency_at = 0.0
        self._unfolded = False

    def body(self) -> Iterable[Widget]:
        yield Static(id="chain")
        yield Table(view.COLUMNS, empty=LOOKING, id="services")
        yield Input(id="filter", placeholder="text, or /regular expression/")
        yield Vertical(Static(id="detail-title"), Detail(id="detail"), id="lower")

    def on_mount(self) -> None:
        self.query_one("#filter").display = False
        self.set_focus(self.query_one(Table))

    def on_screen_resume(self) -> None:
        if self._snapshot is not None:
            self.apply(self._snapshot)

    def on_resize(self) -> None:
        self.show_size(self._snapshot)
        if self._snapshot is not None:
            self._show_head(self._snapshot)

    def apply(self, snapshot: Snapshot) -> None:
        """Show a snapshot: each part only where its text is another than before."""
        self._remember(snapshot)
        if self.frozen:
            return
        self._snapshot = snapshot
        self.show_size(snapshot)
        table = self.query_one(Table)
        table.set_stale(bool(view.freshness(snapshot).text))
        if not snapshot.assessment.judgements:
            table.set_empty(snapshot.engine.next_step or LOOKING)
        table.set_rows(view.rows(snapshot, self._latencies, unfolded=self._unfolded))
        self._show_head(snapshot)
        self._show_detail()

    def _remember(self, snapshot: Snapshot) -> None:
        now = time.monotonic()
        if now - self._latency_at < LATENCY_EVERY_S:
            return
        self._latency_at = now
        values: dict[str, float | None] = {}
        for each in snapshot.assessment.judgements:
            probe = each.probe
            values[each.member.container.id] = probe.latency_ms if probe is not None and probe.ok else None
        self._latencies.add(values)

    def _show_head(self, snapshot: Snapshot) -> None:
        self.show_title(snapshot)
        sentence = view.fitted(snapshot.assessment.sentence, self.size.width - PADDING, 2)
        self.put(".sentence", Content(self.glyphs(sentence)))
        upper, lower = view.chain(snapshot)
        host = view.host_line(snapshot.host, local=self.owner.local)
        room = self.size.width - PADDING - sum(len(each.text) for each in upper) - len(host)
        if room > 2:
            upper += [view.Span(Safe(" " * room)), view.Span(host, Tone.MUTED)]
        self.put("#chain", self.styled(upper) + Content("\n") + self.styled(lower))

    def _show_detail(self) -> None:
        snapshot = self._snapshot
        if snapshot is None:
            return
        detail = self.query_one(Detail)
        key = self.query_one(Table).cursor_key
        judgement = next((e for e in snapshot.assessment.judgements if e.member.container.id == key), None)
        detail.show(snapshot, judgement, reveal=self.owner.revealing)
        self.put("#detail-title", Content(self.glyphs(detail.heading)))

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
        box = self.query_one("#filter", Input)
        box.display = True
        self.set_focus(box)  # at once: `focus` would lose what is typed meanwhile

    def action_clear_filter(self) -> None:
        """Show all rows again."""
        box = self.query_one("#filter", Input)
        box.value = ""
        box.display = False
        self.set_focus(self.query_one(Table))

    @on(Input.Changed, "#filter")
    def _filter_changed(self, event: Input.Changed) -> None:
        if self.query_one(Detail).side == "inspect":
            return
        problem = self.query_one(Table).set_filter(clean(event.value))
        if problem:
            self.say(problem)

    @on(Input.Submitted, "#filter")
    def _filter_done(self, event: Input.Submitted) -> None:
        detail = self.query_one(Detail)
        if detail.side == "inspect":  # there the text is looked for, enter by enter
            if not detail.query_one(InspectTree).find(event.value):
                self.say(clean(f"the document doesn't hold {event.value}"))
            return
        event.input.display = bool(event.value)
        self.set_focus(self.query_one(Table))

    def action_copy(self) -> None:
        """Copy the selected row."""
        self.say(self.owner.copy(self.query_one(Table).copy_text()).words)

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
            self.say(
                clean(f"{strangers[0]} isn't part of {stack.project}: --project names another deployment")
            )
            return
        chosen = [action for each in (verb, other) for action in ACTIONS if action.verb == each]
        self.owner.act(chosen, stack, keys)
        table.clear_marks()  # the next key means the next service
