"""The lower part of a screen: one selected service from several sides."""

from datetime import UTC, datetime
from typing import Final

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import ContentSwitcher, Static

from lettaops.model.cells import to_ascii
from lettaops.model.condition import condition_of
from lettaops.model.secrets import Secret
from lettaops.model.text import Safe, clean
from lettaops.model.units import ago, size
from lettaops.model.verdict import Judgement
from lettaops.monitor.snapshot import Snapshot

from .health_view import WEIGHTS, clock
from .inspect_tree import InspectTree
from .widgets.glyphs import is_ascii
from .widgets.prefix import Prefix
from .widgets.records import RecordView
from .widgets.store import Record

SIDES: Final = ("events", "facts", "environment", "inspect")
_CHILDREN: Final = {"events": "detail-events", "inspect": "detail-inspect"}


class Detail(ContentSwitcher):
    """Events of the stack, or facts, environment or inspect document of the selected service."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id, initial="detail-events")
        self._side = "events"
        self._seen = 0
        self.heading = Safe("")

    def compose(self) -> ComposeResult:
        yield RecordView(
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

    def show(self, snapshot: Snapshot, judgement: Judgement | None, *, reveal: bool = False) -> None:
        """Bring what is shown up to date."""
        self._append_events(snapshot)
        name = judgement.member.name if judgement is not None else Safe("no service selected")
        subject = name if self._side != "events" else "events"
        self.heading = clean(f"── {subject} ── e events · d details · v environment · i inspect ")
        if self._side in _CHILDREN:
            return
        if judgement is None:
            lines = [Safe("select a service above")]
        elif self._side == "facts":
            lines = facts(snapshot, judgement)
        else:
            lines = environment(judgement, reveal=reveal)
        text = "\n".join(lines)
        content = Content(to_ascii(text) if is_ascii(self.app) else text)
        widget = self.query_one("#detail-lines", Static)
        if widget.content != content:
            widget.update(content)

    def _append_events(self, snapshot: Snapshot) -> None:
        new = [each for each in snapshot.timeline if each.number > self._seen]
        if new:
            self._seen = new[-1].number
            records = [
                Record(each.at.timestamp(), each.subject, WEIGHTS[each.weight], each.words) for each in new
            ]
            self.query_one(RecordView).append(records)


def _second(moment: float) -> Safe:
    return clock(datetime.fromtimestamp(moment, UTC))


def facts(snapshot: Snapshot, judgement: Judgement) -> list[Safe]:
    """What an operator asks about a container, a line each."""
    container = judgement.member.container
    state = container.state
    condition = condition_of(container, snapshot.taken_at)
    rows: list[tuple[str, str]] = [
        ("verdict", f"{judgement.verdict} {judgement.reason}".strip()),
        ("container", f"{container.name}  {container.short_id}"),
        ("image", f"{container.image}  {container.image_id.removeprefix('sha256:')[:12]}"),
        ("state", f"{state.status} {condition.words or condition.note}".strip()),
        (
            "started",
            f"{clock(state.started_at)} {ago(state.started_at, snapshot.taken_at)}",
        )
        if state.started_at
        else ("started", "never"),
        ("restarts", f"{container.restart_count}, policy {container.restart_policy or 'no'}"),
        ("memory limit", str(size(container.memory_limit_bytes)) if container.memory_limit_bytes else "none"),
    ]
    if state.health is not None:
        rows.append(("healthcheck", f"{state.health.status}, last said “{state.health.last_output}”"))
    elif not container.has_healthcheck:
        rows.append(("healthcheck", "none: the engine can't tell whether it works"))
    if judgement.probe is not None:
        probe = judgement.probe
        rows.append(("probe", f"{probe.outcome} by {probe.route} {probe.detail}".strip()))
    for port in container.ports:
        address = f"{port.host_ip or 'every address'}:{port.host_port}"
        rows.append(("port", f"{port.container_port}/{port.protocol}  published as {address}"))
    rows += [
        ("network", f"{each.network}  {each.address}  {' '.join(each.aliases)}")
        for each in container.attachments
    ]
    rows += [
        ("mount", f"{each.destination}  {each.kind} {each.name or each.source}") for each in container.mounts
    ]
    return [clean(f"{name:<13} {value}") for name, value in rows]


def environment(judgement: Judgement, *, reveal: bool) -> list[Safe]:
    """The variables, secrets masked unless they are revealed."""
    found = judgement.member.container.environment.items()
    lines = []
    for name in sorted(found):
        value = found[name]
        shown = value.reveal() if reveal and isinstance(value, Secret) else str(value)
        lines.append(clean(f"{name}={shown}"))
    return lines or [Safe("it has no environment")]
