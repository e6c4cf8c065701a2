"""How numbers and times are written, everywhere the same."""

from datetime import datetime
from typing import Final

from lettaops.model.text import Safe

UNKNOWN: Final = Safe("–")
_BINARY: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def duration(seconds: float | None) -> Safe:
    """A span in at most two units: `850 ms`, `40 s`, `3 m 12 s`, `3 h 4 m`, `9 d 2 h`; `–` when unknown."""
    if seconds is None:
        return UNKNOWN
    if seconds < 0:
        return Safe(f"-{duration(-seconds)}")
    if seconds < 0.9995:
        return Safe(f"{seconds * 1000:.0f} ms")
    if seconds < 10:
        return Safe(f"{seconds:.1f}".removesuffix(".0") + " s")
    whole = int(seconds)
    for size, unit, smaller, sub in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return Safe(f"{whole // size} {unit} {rest} {sub}" if rest else f"{whole // size} {unit}")
    return Safe(f"{whole} s")


def ago(moment: datetime | None, now: datetime) -> Safe:
    """How long ago a moment was; a moment in the future tells of clocks that differ."""
    if moment is None:
        return Safe("at an unknown time")
    seconds = (now - moment).total_seconds()
    if seconds < -2:
        return Safe(f"in the future (clock skew {duration(-seconds)})")
    return Safe(f"{duration(int(seconds))} ago" if seconds >= 1 else "just now")


def size(count: float | None) -> Safe:
    """Bytes in binary units with three digits: `512 MiB`, `1.95 GiB`; `–` when unknown."""
    if count is None:
        return UNKNOWN
    value = float(count)
    for unit in _BINARY:
        if value < 1023.5 or unit == _BINARY[-1]:
            break
        value /= 1024
    digits = 0 if unit == "B" or value >= 99.95 else 1 if value >= 9.995 else 2
    return Safe(f"{value:.{digits}f} {unit}")


def milliseconds(value: float | None) -> Safe:
    """A latency: `0.4 ms`, `9 ms`, `1.2 s`; `–` when unknown."""
    if value is None:
        return UNKNOWN
    if value >= 999.5:
        return Safe(f"{value / 1000:.1f} s")
    return Safe(f"{value:.1f} ms" if value < 0.95 else f"{value:.0f} ms")


def percent(value: float | None) -> Safe:
    """A share in percent without decimals (one below ten); `–` when unknown."""
    if value is None:
        return UNKNOWN
    return Safe(f"{value:.1f}%" if 0 < value < 9.95 else f"{value:.0f}%")
