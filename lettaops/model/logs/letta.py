"""The formats in the output of Letta's server: Python's logging, uvicorn, alembic, warnings, tracebacks.

Its start script and banner write plain text. All of them come in one stream, without a time.
"""

import re
from collections.abc import Sequence
from typing import Final

from lettaops.model.logs.level import WORDS, Level
from lettaops.model.logs.parsed import Field, Fields, Format, Kind, Parsed, behind, captured
from lettaops.model.text import Safe

_WORD: Final = "TRACE|DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL"
# With a time in Letta's own file, `/root/.letta/logs/Letta.log`; its zone isn't told, so it isn't taken.
_LOGGING = re.compile(
    r"(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - )?"
    rf"(?P<logger>[A-Za-z_][\w.-]{{0,200}}) - (?P<level>{_WORD}) - "
)
_UVICORN = re.compile(rf"(?P<level>{_WORD}): {{1,8}}(?=\S)")
_ALEMBIC = re.compile(r"(?P<level>DEBUG|INFO|WARNI|ERROR|CRITI) {1,2}\[(?P<logger>[\w.]+)\] ")
_WARNING = re.compile(r"(?P<file>[^\s:][^:\n]{0,300}):(?P<line>\d{1,7}): (?P<category>\w{0,60}Warning): ")
TRACEBACK: Final = "Traceback (most recent call last):"
_TRACEBACK = re.compile(re.escape(TRACEBACK))
EXCEPTION = re.compile(
    r"(?P<exception>(?:[a-z_]\w{0,60}\.){0,12}\w{0,80}"
    r"(?:Error|Exception|Exit|Interrupt|ExceptionGroup|Fault|Timeout|gaierror|timeout))"
    r"(?:: |$)"
)
# `('172.20.0.1', 57994) - "WebSocket /v1/agents/" 403`, and the access log for who switched it on.
_REQUEST = re.compile(
    r"(?:\('(?P<peer>[^']{1,60})', \d{1,5}\)|(?P<client>[\d.:a-f\[\]]{2,60}):\d{1,5}) - "
    r'"(?P<method>\w{1,20}) (?P<path>\S{1,4000})(?: HTTP/[\d.]{1,4})?" (?P<status>\d{3}|\[accepted\])'
)


def _level(match: re.Match[str]) -> Level:
    return WORDS[match["level"]]


def _parse_logging(match: re.Match[str], body: Sequence[str]) -> Parsed:
    return Parsed(
        kind=Kind.LETTA,
        level=_level(match),
        # Everything of Letta's hangs under one logger of that name.
        logger=Safe(match["logger"].removeprefix("Letta.")),
        message=behind(match),
        fields=exception_fields(body),
    )


def _parse_uvicorn(match: re.Match[str], body: Sequence[str]) -> Parsed:
    fields: Fields = {}
    if request := _REQUEST.match(match.string, match.end()):
        fields = {
            Safe("client"): Safe(request["peer"] or request["client"]),
            Safe("method"): Safe(request["method"]),
            Safe("path"): Safe(request["path"]),
        }
        if request["status"].isdecimal():
            fields[Safe("status")] = int(request["status"])
    return Parsed(
        kind=Kind.UVICORN,
        level=_level(match),
        message=behind(match),
        fields=fields | exception_fields(body),
    )


def _parse_alembic(match: re.Match[str], body: Sequence[str]) -> Parsed:
    return Parsed(
        kind=Kind.ALEMBIC,
        level=_level(match),
        logger=Safe(match["logger"]),
        message=behind(match),
        fields=exception_fields(body),
    )


def _parse_warning(match: re.Match[str], _: Sequence[str]) -> Parsed:
    return Parsed(
        kind=Kind.PYTHON_WARNING,
        level=Level.WARNING,
        message=Safe(f"{match['category']}: {behind(match)}"),
        fields=captured(match, "file", "line", "category"),
    )


def _parse_traceback(match: re.Match[str], body: Sequence[str]) -> Parsed:
    fields = exception_fields((TRACEBACK, *body))
    found: Field = fields.get(Safe("exception"))
    return Parsed(
        kind=Kind.TRACEBACK,
        level=Level.ERROR,
        message=Safe(found) if isinstance(found, str) else Safe(match[0]),
        fields=fields,
    )


def _parse_exception(match: re.Match[str], _: Sequence[str]) -> Parsed:
    return Parsed(
        kind=Kind.TRACEBACK,
        level=Level.ERROR,
        message=Safe(match.string),
        fields={Safe("exception"): Safe(match.string)},
    )


def exception_fields(body: Sequence[str]) -> Fields:
    """What a traceback in the further lines of a record ended with, `exception`: its last exception.

    That line is the first after the frames of a traceback that isn't indented.
    """
    found = ""
    within = False
    for line in body:
        if line.lstrip(" +|").startswith(TRACEBACK):
            within = True
        elif within and line and line[0] not in " \t":
            found, within = line, False
    return {Safe("exception"): Safe(found)} if found else {}


def _error(_: re.Match[str]) -> Level:
    return Level.ERROR


LOGGING: Final = Format(_LOGGING, _level, _parse_logging)
UVICORN: Final = Format(_UVICORN, _level, _parse_uvicorn)
ALEMBIC: Final = Format(_ALEMBIC, _level, _parse_alembic)
PYTHON_WARNING: Final = Format(_WARNING, lambda _: Level.WARNING, _parse_warning)
BARE_TRACEBACK: Final = Format(_TRACEBACK, _error, _parse_traceback)
BARE_EXCEPTION: Final = Format(EXCEPTION, _error, _parse_exception)
