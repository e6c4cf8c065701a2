"""Records as text or JSON for a file or another program; and as the bytes they were."""

from collections.abc import Iterable, Iterator

from lettaops.model.encoding import encode
from lettaops.model.logs.line import NO_TIME, LogLine
from lettaops.model.logs.parsed import Fields, Kind
from lettaops.model.logs.record import record_lines, record_parsed, time_text
from lettaops.model.text import Safe


def export_text(records: Iterable[LogLine]) -> Iterator[Safe]:
    """One text for each line: time, service, text. Clean, with secrets masked; without line feeds."""
    for record in records:
        lead = f"{time_text(record.timestamp_ns)} {record.service}"
        for line in record_lines(record):
            yield Safe(f"{lead} {line}" if line else lead)


def export_json(records: Iterable[LogLine]) -> Iterator[bytes]:
    """One object for each record, without line feeds: time, service, container, level, message, fields.

    `time`: the engine's, RFC 3339 in UTC; `level`: a word; both null when unknown. `fields`: what the line
    holds by name; `logger` and `logged_at` (the line's own time) where it names them; `rest`: its further
    lines; `cut_bytes`: bytes of its last line that were not kept. Clean, with secrets masked.
    """
    for record in records:
        parsed = record_parsed(record)
        fields: Fields = dict(parsed.fields)
        if parsed.logger:
            fields.setdefault(Safe("logger"), parsed.logger)
        if parsed.time_ns != NO_TIME:
            fields.setdefault(Safe("logged_at"), time_text(parsed.time_ns))
        if parsed.kind is not Kind.POSTGRES and len(lines := record_lines(record)) > 1:
            fields.setdefault(Safe("rest"), Safe("\n".join(lines[1:])))
        if record.more:
            fields[Safe("cut_bytes")] = record.more
        yield encode(
            {
                "time": time_text(record.timestamp_ns) if record.timestamp_ns != NO_TIME else None,
                "service": record.service,
                "container": record.container,
                "level": parsed.level.label or None,
                "message": parsed.message,
                "fields": fields,
            }
        )


def export_raw(records: Iterable[LogLine]) -> Iterator[bytes]:
    """The bytes of each record as they came, secrets too, with a line feed behind each line. No markers."""
    for record in records:
        if not record.is_marker:
            yield record.raw + b"\n"
