"""How much each service logs, and what a proxy answers, over time; counted once, as records come."""

from collections import Counter
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from lettaops.model.logs.block import Block
from lettaops.model.logs.buffer import LogBuffer
from lettaops.model.logs.level import Level
from lettaops.model.logs.line import MARKER, NO_TIME
from lettaops.model.logs.nginx import access_status
from lettaops.model.text import Safe

SECOND_NS: Final = 1_000_000_000
BUCKET_SECONDS: Final = 5
KEPT_BUCKETS: Final = 720  # an hour
_MINUTE: Final = 60


class Answers(NamedTuple):
    """Requests answered in a span: by the first digit of the status, and all of them a second."""

    start_ns: int
    by_class: dict[int, int]
    per_second: float


class _Counts:
    """Counts by name and span of time; the oldest spans go."""

    def __init__(self, seconds: int, kept: int) -> None:
        self.width_ns = seconds * SECOND_NS
        self._kept = kept
        self._spans: dict[int, Counter[object]] = {}

    def add(self, time_ns: int, name: object, count: int = 1) -> None:
        span = time_ns // self.width_ns
        if span not in self._spans:
            if len(self._spans) >= self._kept and span < min(self._spans):
                return
            self._spans[span] = Counter()
            while len(self._spans) > self._kept:
                del self._spans[min(self._spans)]
        self._spans[span][name] += count

    def at(self, span: int) -> Counter[object]:
        return self._spans.get(span, Counter())


class _Reader:
    """Goes once through the records of a buffer."""

    def __init__(self, buffer: LogBuffer, look: Callable[[Block, int], None]) -> None:
        self._buffer = buffer
        self._look = look
        self._seen = buffer.first

    def read(self) -> None:
        for block in self._buffer.blocks(max(self._seen, self._buffer.first), self._buffer.end):
            self._look(block, max(0, self._seen - block.first))
        self._seen = self._buffer.end


class ServiceRates:
    """Lines and errors of each service, by the engine's time: what is read late counts where it belongs."""

    def __init__(self, buffer: LogBuffer, seconds: int = BUCKET_SECONDS, kept: int = KEPT_BUCKETS) -> None:
        self._lines, self._errors = _Counts(seconds, kept), _Counts(seconds, kept)
        self._seconds = seconds
        self._reader = _Reader(buffer, self._look)

    def update(self) -> None:
        """Count the records that came since the last time."""
        self._reader.read()

    def lines_per_second(self, service: Safe, now_ns: int) -> float:
        """Of the last whole span before a moment."""
        return self._lines.at(now_ns // self._lines.width_ns - 1)[service] / self._seconds

    def errors_per_minute(self, service: Safe, now_ns: int) -> int:
        """Records of level ERROR and graver in the last minute, as near as the spans allow."""
        last = now_ns // self._errors.width_ns
        spans = range(last - max(1, _MINUTE // self._seconds) + 1, last + 1)
        return sum(self._errors.at(span)[service] for span in spans)

    def series(self, service: Safe, now_ns: int, spans: int) -> list[tuple[float, int]]:
        """Lines a second and errors of the last spans, oldest first; the last one isn't over yet."""
        last = now_ns // self._lines.width_ns
        return [
            (self._lines.at(span)[service] / self._seconds, self._errors.at(span)[service])
            for span in range(last - spans + 1, last + 1)
        ]

    def _look(self, block: Block, place: int) -> None:
        block.fill_levels(place)
        for at in range(place, len(block)):
            time = block.times[at]
            service, _, stream = block.table[block.sources[at]]
            if time == NO_TIME or stream == MARKER:
                continue
            self._lines.add(time, service, block.lines_at(at))
            if block.levels[at] >= Level.ERROR:
                self._errors.add(time, service)


class AccessRates:
    """What the proxies among the services answered, out of their access logs."""

    def __init__(
        self,
        buffer: LogBuffer,
        services: Collection[Safe],
        seconds: int = BUCKET_SECONDS,
        kept: int = KEPT_BUCKETS,
    ) -> None:
        self._services = services
        self._seconds = seconds
        self._counts = _Counts(seconds, kept)
        self._reader = _Reader(buffer, self._look)

    def update(self) -> None:
        """Count the requests that came since the last time."""
        self._reader.read()

    def series(self, now_ns: int, spans: int) -> list[Answers]:
        """The last spans, oldest first; the last one isn't over yet."""
        last = now_ns // self._counts.width_ns
        found = []
        for span in range(last - spans + 1, last + 1):
            counts = self._counts.at(span)
            by_class = {int(str(name)): count for name, count in counts.items()}
            found.append(
                Answers(span * self._counts.width_ns, by_class, sum(by_class.values()) / self._seconds)
            )
        return found

    def _look(self, block: Block, place: int) -> None:
        proxies = {
            number
            for number, (service, _, stream) in enumerate(block.table)
            if service in self._services and stream != MARKER
        }
        if not proxies:
            return
        text = block.text(place)
        for at in range(place, len(block)):
            if block.sources[at] in proxies and block.times[at] != NO_TIME:
                status = access_status(text.text, text.start(at), text.end(at))
                if status is not None:
                    self._counts.add(block.times[at], status // 100)
