"""What happened to containers, in words: the engine's events as an operator reads them. Pure."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import msgspec

from lettaops.model.engine import Event
from lettaops.model.recognise import SERVICE_LABEL
from lettaops.model.text import Safe, clean


class Weight(StrEnum):
    """How much an entry matters to somebody who looks for a fault."""

    NOTE = "note"
    CHANGE = "change"
    FAULT = "fault"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the timeline. `subject` is a service, or whoever acted; `number` counts from 1."""

    at: datetime
    subject: Safe
    words: Safe
    weight: Weight = Weight.NOTE
    number: int = 0


_CHANGES: Final = {
    "create": "was created",
    "start": "started",
    "stop": "was stopped",
    "restart": "was restarted",
    "pause": "was paused",
    "unpause": "was unpaused",
    "rename": "was renamed",
    "destroy": "was removed",
    "update": "got new limits",
}


def entry_of(event: Event) -> Entry | None:
    """The entry for a container event; None for what says nothing about a service's life."""
    if event.type != "container":
        return None
    at = datetime.fromtimestamp(event.time_ns / 1_000_000_000, UTC)
    subject = event.attributes.get(Safe(SERVICE_LABEL)) or event.name
    match event.action:
        case "die":
            code = event.exit_code
            weight = Weight.CHANGE if code in {0, 130, 143} else Weight.FAULT
            return Entry(
                at=at,
                subject=subject,
                words=clean(f"ended: exit {code if code is not None else '?'}"),
                weight=weight,
            )
        case "oom":
            return Entry(at=at, subject=subject, words=Safe("ran out of memory"), weight=Weight.FAULT)
        case "kill":
            signal = event.attributes.get(Safe("signal"), Safe("?"))
            return Entry(at=at, subject=subject, words=clean(f"was sent signal {signal}"), weight=Weight.NOTE)
        case "health_status":
            weight = Weight.FAULT if event.detail == "unhealthy" else Weight.NOTE
            return Entry(
                at=at, subject=subject, words=clean(f"is {event.detail} by its healthcheck"), weight=weight
            )
        case _ if event.action in _CHANGES:
            return Entry(at=at, subject=subject, words=Safe(_CHANGES[event.action]), weight=Weight.CHANGE)
        case _:
            return None
