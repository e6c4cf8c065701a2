"""What one record of the buffer says and how it looks: for what is on the screen, copied or exported."""

from datetime import UTC, datetime

from lettaops.model.logs.display import lines_of, styled_lines_of
from lettaops.model.logs.formats import parse, parse_marker
from lettaops.model.logs.line import MARKER, NO_TIME, LogLine, marker_of
from lettaops.model.logs.parsed import Parsed
from lettaops.model.logs.sgr import Styled
from lettaops.model.text import Safe
from lettaops.model.units import UNKNOWN


def record_lines(record: LogLine) -> list[Safe]:
    """The lines of a record, clean and with secrets masked; of a marker its words."""
    if record.stream == MARKER:
        return [marker_of(record.raw)[1]]
    return lines_of(record.raw, record.more)


def record_styled(record: LogLine) -> list[Styled]:
    """The same lines with their colours."""
    if record.stream == MARKER:
        return [Styled(marker_of(record.raw)[1])]
    return styled_lines_of(record.raw, record.more)


def record_parsed(record: LogLine) -> Parsed:
    """What a record says, taken apart."""
    if record.stream == MARKER:
        return parse_marker(*marker_of(record.raw))
    return parse(lines_of(record.raw, record.more))


def time_text(time_ns: int) -> Safe:
    """A moment as RFC 3339 with nine digits, in UTC: `2026-11-22T04:02:24.232000000Z`."""
    seconds, fraction = divmod(time_ns, 1_000_000_000)
    try:
        moment = datetime.fromtimestamp(seconds, UTC) if time_ns != NO_TIME else None
    except (ValueError, OverflowError, OSError):
        moment = None
    return Safe(f"{moment:%Y-%m-%dT%H:%M:%S}.{fraction:09d}Z") if moment else UNKNOWN
