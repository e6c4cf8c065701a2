"""Postgres' lines on standard error, with its stock prefix (`%m [%p] `) or a longer one."""

import re
from collections.abc import Sequence
from typing import Final

from lettaops.model.logs.level import WORDS, Level
from lettaops.model.logs.line import NO_TIME
from lettaops.model.logs.parsed import Fields, Format, Kind, Parsed, behind, moment_ns
from lettaops.model.text import Safe

# Between the process and the level stands what else `log_line_prefix` says, such as `user@database `.
_LINE = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d) (?P<clock>\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,6}))? "
    r"(?P<zone>[A-Za-z0-9_+:/-]{1,40}) \[(?P<pid>\d{1,10})\] ?(?P<session>\S{1,120} )??"
    r"(?P<level>DEBUG[1-5]|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC"
    r"|DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION):  ?"
)
_UTC: Final = frozenset({"UTC", "GMT", "Z", "Etc/UTC"})
_PARTS: Final = frozenset({"DETAIL", "HINT", "CONTEXT", "STATEMENT", "QUERY", "LOCATION"})


def _level(match: re.Match[str]) -> Level:
    return WORDS.get(match["level"], Level.UNKNOWN)


def _parse(match: re.Match[str], body: Sequence[str]) -> Parsed:
    fields: Fields = {Safe("pid"): int(match["pid"])}
    if match["session"]:
        fields[Safe("session")] = Safe(match["session"].strip())
    message: str = behind(match)
    parts: dict[str, str] = {}
    name = ""
    if match["level"] in _PARTS:
        name = match["level"].lower()
        parts[name] = message
    for line in body:
        if (part := _LINE.match(line)) and part["level"] in _PARTS:
            name = part["level"].lower()
            parts[name] = behind(part)
        elif name:
            parts[name] += f" {line.strip()}"
        else:
            message += f" {line.strip()}"
    fields |= {Safe(name): Safe(text) for name, text in parts.items()}
    return Parsed(
        kind=Kind.POSTGRES, level=_level(match), message=Safe(message), time_ns=_time(match), fields=fields
    )


def _time(match: re.Match[str]) -> int:
    if match["zone"] not in _UTC:  # other abbreviations mean several zones each
        return NO_TIME
    year, month, day = int(match["year"]), int(match["month"]), int(match["day"])
    return moment_ns(year, month, day, match["clock"], match["fraction"] or "")


LINE: Final = Format(_LINE, _level, _parse)
