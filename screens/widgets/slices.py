"""Long work in short slices on the event loop, so that keys stay quick."""

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Final

from textual.timer import Timer
from textual.widget import Widget

SLICE_SECONDS: Final = 0.006
PAUSE_SECONDS: Final = 0.012


class Slices:
    """Generators that are driven by a timer of a widget, each by its name; a new one replaces the old."""

    def __init__(self, widget: Widget, after: Callable[[], None]) -> None:
        self._widget = widget
        self._after = after
        self._jobs: dict[str, Iterator[None]] = {}
        self._timer: Timer | None = None

    def __contains__(self, name: str) -> bool:
        return name in self._jobs

    @property
    def working(self) -> bool:
        """Whether anything is left to do."""
        return bool(self._jobs)

    def start(self, name: str, job: Iterator[None]) -> None:
        """Runs the first slice at once and the others later; all at once when the widget isn't mounted."""
        self._jobs[name] = job
        self.step()
        while self._jobs and not self._widget.is_mounted:
            self.step()
        if self._jobs and self._timer is None:
            self._timer = self._widget.set_interval(PAUSE_SECONDS, self.step)
        elif self._jobs and self._timer is not None:
            self._timer.resume()

    def stop(self, name: str) -> None:
        """Gives a job up."""
        self._jobs.pop(name, None)

    def step(self, budget: float = SLICE_SECONDS) -> bool:
        """One slice of at most about `budget` seconds; whether more is to do."""
        deadline = perf_counter() + budget
        for name, job in list(self._jobs.items()):
            while perf_counter() < deadline:
                try:
                    next(job)
                except StopIteration:
                    if self._jobs.get(name) is job:
                        del self._jobs[name]
                    break
        if not self._jobs and self._timer is not None:
            self._timer.pause()
        self._after()
        return bool(self._jobs)
