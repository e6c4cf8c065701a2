"""nginx's lines: the access log (`combined`), the error log, and what it says before it has a log."""

import re
import sys
from collections.abc import Sequence
from typing import Final

from lettaops.model.logs.level import WORDS, Level, level_of_status
from lettaops.model.logs.line import NO_TIME
from lettaops.model.logs.parsed import Fields, Format, Kind, Parsed, behind, captured, moment_ns
from lettaops.model.text import Safe

_QUOTED: Final = r'[^"\\\n]*(?:\\.[^"\\\n]*)*'
_ACCESS = re.compile(
    r"(?P<client>[0-9a-fA-F.:]{2,45}|unix:) \S{1,100} (?P<user>\S{1,200}) \[(?P<time>[\w/: +-]{26})\] "
    rf'"(?P<request>{_QUOTED})" (?P<status>\d{{3}}) '
)
_TIME = re.compile(
    r"(?P<day>\d\d)/(?P<month>[A-Z][a-z]{2})/(?P<year>\d{4}):(?P<clock>\d\d:\d\d:\d\d) (?P<offset>[+-]\d{4})"
)
_REST = re.compile(rf'(?P<bytes>\d{{1,19}}|-)(?: "(?P<referer>{_QUOTED})" "(?P<agent>{_QUOTED})")?')
_ERROR = re.compile(
    r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(?P<level>[a-z]{3,8})\] "
    r"(?P<pid>\d{1,10})#\d{1,10}: (?:\*(?P<connection>\d{1,19}) )?"
)
_EARLY = re.compile(r"nginx: \[(?P<level>[a-z]{3,8})\] ")
_CONTEXT = re.compile(
    r', (?P<name>client|server|request|subrequest|upstream|host|referrer): (?P<value>"[^"\n]*"|[^,\n]*)'
)


def access_status(text: str, start: int = 0, end: int = sys.maxsize) -> int | None:
    """The status that a line of the access log tells; None for any other line."""
    match = _ACCESS.match(text, start, end)
    return int(match["status"]) if match else None


def _access_level(match: re.Match[str]) -> Level:
    return level_of_status(int(match["status"]))


def _parse_access(match: re.Match[str], _: Sequence[str]) -> Parsed:
    method, _space, rest = match["request"].partition(" ")
    path, _space, protocol = rest.rpartition(" ") if " " in rest else (rest, "", "")
    status = int(match["status"])
    words = {
        "client": match["client"],
        "user": match["user"],
        "method": method,
        "path": path,
        "protocol": protocol,
    }
    fields: Fields = {Safe(name): Safe(word) for name, word in words.items() if word not in ("", "-")}
    fields[Safe("status")] = status
    if more := _REST.match(match.string, match.end()):
        fields[Safe("bytes")] = int(more["bytes"]) if more["bytes"].isdecimal() else None
        told = captured(more, "referer", "agent")
        fields |= {name: word for name, word in told.items() if word not in ("", "-")}
    return Parsed(
        kind=Kind.NGINX_ACCESS,
        level=level_of_status(status),
        message=Safe(f"{match['request']} {status}"),
        time_ns=_time(match["time"]),
        fields=fields,
    )


def _time(text: str) -> int:
    match = _TIME.fullmatch(text)
    if match is None:
        return NO_TIME
    day, year = int(match["day"]), int(match["year"])
    return moment_ns(year, match["month"], day, match["clock"], offset=match["offset"])


def _error_level(match: re.Match[str]) -> Level:
    return WORDS.get(match["level"].upper(), Level.UNKNOWN)


def _parse_error(match: re.Match[str], _: Sequence[str]) -> Parsed:
    """Its time is the container's local one, so it isn't taken."""
    message: str = behind(match)
    fields: Fields = captured(match, "pid", "connection") if "pid" in match.re.groupindex else {}
    context = _CONTEXT.search(message)
    if context:
        for found in _CONTEXT.finditer(message, context.start()):
            fields[Safe(found["name"])] = Safe(found["value"].strip('"'))
        message = message[: context.start()]
    return Parsed(kind=Kind.NGINX_ERROR, level=_error_level(match), message=Safe(message), fields=fields)


ACCESS: Final = Format(_ACCESS, _access_level, _parse_access)
ERROR: Final = Format(_ERROR, _error_level, _parse_error)
EARLY: Final = Format(_EARLY, _error_level, _parse_error)
