"""Where the records of `logs` go, and in which form."""

from collections.abc import Iterator
from typing import Final, Protocol

from lettaops.cli.output import Output
from lettaops.model.cells import pad, width
from lettaops.model.logs.export import export_raw, export_text
from lettaops.model.logs.line import NO_TIME, LogLine
from lettaops.model.logs.record import record_lines
from lettaops.model.moment import clock
from lettaops.model.text import Safe
from lettaops.operations.log_file import Form, json_objects

_NARROWEST: Final = 12  # cells for the name of a service, so that few lines shift when a longer one comes
_WIDEST: Final = 24


class Writer(Protocol):
    """Takes records."""

    form: Form

    def write(self, records: list[LogLine]) -> None:
        """Write some records."""


class Printer:
    """Writes to stdout; what reading has to say goes to stderr where it would stand in a program's way."""

    def __init__(self, output: Output, form: Form) -> None:
        self.form = form
        self._output = output
        self._names = _NARROWEST

    def write(self, records: list[LogLine]) -> None:
        """Write some records. Raises `OSError` when stdout can't be written."""
        if self.form is Form.SCREEN:
            self._output.lines(self._screen(records))
        elif self.form is Form.JSON:
            self._output.json_lines(json_objects(records))
        else:
            self._tell(records)
            lines = [each for each in records if not each.is_marker]
            if self.form is Form.RAW:
                self._output.bytes(b"".join(export_raw(lines)))
            else:
                self._output.lines(export_text(lines))

    def _tell(self, records: list[LogLine]) -> None:
        for record in records:
            if record.is_marker:
                self._output.talk(f"lettaops: {_said(record)}")

    def _screen(self, records: list[LogLine]) -> Iterator[Safe]:
        for record in records:
            self._names = min(_WIDEST, max(self._names, width(record.service)))
            lead = f"{_clock(record.timestamp_ns)} {pad(record.service, self._names)}"
            for line in record_lines(record):
                yield Safe(f"{lead} -- {line} --" if record.is_marker else f"{lead} {line}")


def _said(record: LogLine) -> str:
    return " ".join((record.service, *record_lines(record))).strip()


def _clock(time_ns: int) -> str:
    return clock(time_ns) if time_ns != NO_TIME else "--:--:--"
