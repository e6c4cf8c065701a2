"""Short histories of figures, for charts: bounded, with gaps where nothing was known."""

from collections import deque
from typing import Final

COLUMNS: Final = 360  # half an hour of a column each 5 s


class History:
    """A ring of values a key; None is a gap."""

    def __init__(self, columns: int = COLUMNS) -> None:
        self._columns = columns
        self._rings: dict[str, deque[float | None]] = {}

    def add(self, values: dict[str, float | None]) -> None:
        """One more column: keys that are known but absent from `values` get a gap."""
        for key in self._rings.keys() - values.keys():
            self._rings[key].append(None)
        for key, value in values.items():
            self._rings.setdefault(key, deque(maxlen=self._columns)).append(value)
        gone = [key for key, ring in self._rings.items() if all(value is None for value in ring)]
        for key in gone:
            del self._rings[key]

    def of(self, key: str, count: int) -> tuple[float | None, ...]:
        """The newest `count` values of a key, oldest first; fewer when fewer are held."""
        ring = self._rings.get(key)
        return tuple(ring)[-count:] if ring else ()
