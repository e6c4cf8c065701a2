"""The lower part of a screen: one selected service from several sides."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import ContentSwitcher, Static

from lettaops.model.cells import wrap
from lettaops.model.healthlog import Run
from lettaops.model.text import Safe
from lettaops.model.verdict import Judgement
from lettaops.monitor.snapshot import Snapshot
from lettaops.terminal.guard import Guarded

from .detail_view import NAME_CELLS, environment, facts, heading
from .inspect_tree import InspectTree
from .spans import WEIGHTS, clock
from .widgets.glyphs import drawable
from .widgets.prefix import Prefix
from .widgets.records import RecordView
from .widgets.store import Record, RecordList

SIDES: Final = ("events", "facts", "environment", "inspect")
_FRAME: Final = 4  # cells beside the lines: padding and a scrollbar
_CHILDREN: Final = {"events": "detail-events", "inspect": "detail-inspect"}


class Detail(Guarded, ContentSwitcher):
    """Events of the stack, or facts, environment or inspect document of the selected service."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, initial="detail-events")
        self._side = "events"
        self._seen = 0
        self._events = RecordList()
        self._runs: tuple[str, Sequence[Run]] = ("", ())
        self.heading = heading(Safe("events"))

    def compose(self) -> ComposeResult:
        yield RecordView(
            self._events,
            id="detail-events",
            prefix=Prefix(clock=_second, source_width=16),
            empty=Safe("nothing was seen to happen since lettaops was started"),
        )
        yield InspectTree(id="detail-inspect")
        with VerticalScroll(id="detail-text"):
            yield Static(id="detail-lines")

    @property
    def side(self) -> str:
        """Which side is shown."""
        return self._side

    def choose(self, side: str) -> None:
        """Show another side from now on."""
        self._side = side if side in SIDES else "events"
        self.current = _CHILDREN.get(self._side, "detail-text")

    def set_runs(self, container_id: str, runs: Sequence[Run]) -> None:
        """The last runs of a container's healthcheck."""
        self._runs = (container_id, runs)

    def show(
        self, snapshot: Snapshot, judgement: Judgement | None, *, engine_host: str, reveal: bool = False
    ) -> None:
        """Bring what is shown up to date."""
        self._append_events(snapshot)
        name = judgement.member.name if judgement is not None else Safe("no service selected")
        self.heading = heading(name if self._side != "events" else Safe("events"))
        if self._side in _CHILDREN:
            return
        if judgement is None:
            lines = [Safe("select a service above")]
        elif self._side == "facts":
            known, runs = self._runs
            mine = runs if known == judgement.member.container.id else None
            lines = facts(snapshot, judgement, engine_host=engine_host, runs=mine)
        else:
            lines = environment(judgement, reveal=reveal)
        indent = " " * (NAME_CELLS + 1 if self._side == "facts" else 2)
        room = max(1, self.screen.size.width - _FRAME)
        text = "\n".join(part for line in lines for part in wrap(line, room, indent))
        content = Content(drawable(text, self.app))
        widget = self.query_one("#detail-lines", Static)
        if widget.content != content:
            widget.update(content)

    def _append_events(self, snapshot: Snapshot) -> None:
        new = [each for each in snapshot.timeline if each.number > self._seen]
        if new:
            self._seen = new[-1].number
            self._events.extend(
                Record(each.at.timestamp(), each.subject, WEIGHTS[each.weight], each.words) for each in new
            )
            self.query_one(RecordView).grow()


def _second(moment: float) -> Safe:
    return clock(datetime.fromtimestamp(moment, UTC))
