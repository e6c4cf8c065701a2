"""Small charts of one service over time."""

from typing import Final

from textual.app import ComposeResult
from textual.containers import Horizontal

from lettaops.model.signs import Tone
from lettaops.model.text import Safe
from lettaops.model.units import milliseconds, percent, size
from lettaops.monitor.history import COLUMNS
from lettaops.monitor.trends import Trends
from lettaops.terminal.guard import Guarded

from .widgets.chart import StripChart

_MIB: Final = 1024.0 * 1024.0


class Charts(Guarded, Horizontal):
    """CPU, memory and latency side by side. A column each 5 s; what is drawn stays where it is."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._shown: tuple[str | None, int] = (None, 0)

    def compose(self) -> ComposeResult:
        yield StripChart(
            title=Safe("cpu"), unit=percent, least=10.0, label_width=5, tone=Tone.ACCENT, paged=True, id="cpu"
        )
        yield StripChart(
            title=Safe("mem"),
            unit=size,
            least=_MIB,
            label_width=8,
            tone=Tone.ACCENT,
            paged=True,
            id="memory",
        )
        yield StripChart(
            title=Safe("probe"),
            unit=milliseconds,
            least=10.0,
            label_width=6,
            tone=Tone.ACCENT,
            paged=True,
            id="latency",
        )

    def show(self, trends: Trends, container_id: str | None, *, stale: bool) -> None:
        """Draw a container's histories: only what is new of them, where it is the one that was shown."""
        shown, self._shown = self._shown, (container_id, trends.columns)
        following = container_id is not None and shown == (container_id, trends.columns - 1)
        for name, history in (("cpu", trends.cpu), ("memory", trends.memory), ("latency", trends.latency)):
            chart = self.query_one(f"#{name}", StripChart)
            chart.set_stale(stale)
            values = history.of(container_id or "", COLUMNS)
            if following:
                chart.push(values[-1] if values else None)
            elif shown != self._shown:
                chart.set_values(values)
