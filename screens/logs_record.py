"""How one record of a log is drawn: parsed, or as it came with its colours."""

from typing import Final

from lettaops.model.logs.level import Level
from lettaops.model.logs.line import MARKER, NO_TIME, LogLine, Marker, marker_of
from lettaops.model.logs.parsed import Kind, Parsed
from lettaops.model.logs.record import record_lines, record_parsed, record_styled
from lettaops.model.signs import Tone
from lettaops.model.text import Safe

from .widgets.sgr import look_of
from .widgets.store import Look, Record

LEVEL_CELLS: Final = 5
_LOGGER_PARTS: Final = 2  # of its name, the last: the message matters more
_WORDS: Final = {
    Level.WARNING: "WARN",
    Level.CRITICAL: "CRIT",
    Level.NOTICE: "NOTE",
    Level.UNKNOWN: "",
}
TONES: Final = {
    Level.TRACE: Tone.MUTED,
    Level.DEBUG: Tone.MUTED,
    Level.INFO: Tone.NORMAL,
    Level.UNKNOWN: Tone.NORMAL,
    Level.NOTICE: Tone.NORMAL,
    Level.WARNING: Tone.WARN,
    Level.ERROR: Tone.BAD,
    Level.CRITICAL: Tone.BAD,
}
_MARKER_TONES: Final = {Marker.GAP: Tone.WARN, Marker.DROPPED: Tone.WARN}


def level_word(level: Level) -> str:
    """A level in at most five letters; empty for one that isn't known."""
    return _WORDS.get(level, level.name)


def drawn_record(line: LogLine, *, raw: bool) -> Record:
    """A record of a log for a view. `raw`: as it came, with its colours, which `parsed` ones don't have."""
    time = line.timestamp_ns / 1e9 if line.timestamp_ns != NO_TIME else None
    if line.stream == MARKER:
        kind, words = marker_of(line.raw)
        text = Safe(f"── {words} ──")
        return Record(time, line.service, _MARKER_TONES.get(kind, Tone.ACCENT), text)
    if raw:
        first, *rest = record_styled(line)
        looks = tuple(Look(span.start, span.end, look_of(span.style)) for span in first.spans)
        return Record(time, line.service, Tone.NORMAL, first.text, tuple(each.text for each in rest), looks)
    lines = record_lines(line)
    parsed = record_parsed(line)
    word = level_word(parsed.level).ljust(LEVEL_CELLS)
    tone = TONES[parsed.level]
    looks = (Look(0, LEVEL_CELLS, tone.value),)
    lead = f"{word} "
    if logger := ".".join(parsed.logger.split(".")[-_LOGGER_PARTS:]):
        looks = (*looks, Look(len(lead), len(lead) + len(logger), Tone.MUTED.value))
        lead += f"{logger}  "
    text = Safe(lead + (_message(parsed) or lines[0]))
    return Record(
        time,
        line.service,
        Tone.MUTED if tone is Tone.MUTED else Tone.NORMAL,
        text,
        tuple(lines[1:]),
        looks,
    )


def _message(parsed: Parsed) -> str:
    """What it says; of a request first how it was answered."""
    fields = parsed.fields
    if parsed.kind is Kind.NGINX_ACCESS:
        words = (fields.get(Safe("status")), fields.get(Safe("method")), fields.get(Safe("path")))
        return " ".join(str(word) for word in words if word is not None)
    return parsed.message
