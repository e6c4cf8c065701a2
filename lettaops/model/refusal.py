"""A probe that failed, as a clause. Pure words."""

from typing import Final

from lettaops.model.brief import brief
from lettaops.model.probe import Outcome, Probe
from lettaops.model.stack import CACHE_PORT, DATABASE_PORT, Role
from lettaops.model.text import Safe
from lettaops.model.units import milliseconds

PORTS: Final = {Role.SERVER: 8283, Role.DATABASE: DATABASE_PORT, Role.CACHE: CACHE_PORT, Role.PROXY: 80}


def refusal(probe: Probe, port: int | None, *, running: bool) -> str:
    """What a service does when asked; the service is the subject. `running`: its container is seen to."""
    where = "its port" if port is None else str(port)
    match probe.outcome:
        case Outcome.REFUSED | Outcome.CLOSED:
            silent = f"runs, but nothing answers on {where}" if running else f"doesn't answer on {where}"
            return f"{silent} ({route(probe)}connection {probe.outcome})"
        case Outcome.TIMEOUT:
            return f"takes connections, but gives no reply in {waited(probe)}{quoted(probe.detail)}"
        case Outcome.UNRESOLVED:
            return f"has a name that doesn't resolve{quoted(probe.detail)}"
        case Outcome.STATUS:
            return f"answers HTTP {probe.status}{quoted(probe.detail)}"
        case Outcome.DENIED:
            return f"refuses us{quoted(probe.detail)}"
        case Outcome.STARTING:
            return f"isn't ready{quoted(probe.detail)}"
        case Outcome.FULL:
            slots = not probe.detail or "client" in probe.detail or "connection" in probe.detail
            return f"has no {'connection slot' if slots else 'room'} left{quoted(probe.detail)}"
        case Outcome.BROKEN:
            return (
                f"is broken: it can't read its own data files{aside(probe.detail)}: "
                "back up its volume before restarting it"
            )
        case Outcome.UNREACHED:
            return f"can't be reached from here{quoted(probe.detail)}"
        case _:
            return f"gives an answer that makes no sense{quoted(probe.detail)}"


def for_us(subject: str, probe: Probe, port: int | None) -> str:
    """What a service that works for others does when we ask, with its subject."""
    where = "" if probe.outcome in {Outcome.DENIED, Outcome.UNREACHED} else "for us "
    return f"{where}{subject} {refusal(probe, port, running=False)}"


def lost(probe: Probe) -> str:
    """What became of a request; the request is the subject."""
    match probe.outcome:
        case Outcome.STATUS:
            return f"is answered with HTTP {probe.status}{quoted(probe.detail)}"
        case Outcome.TIMEOUT:
            return f"got no reply in {waited(probe)}"
        case Outcome.REFUSED | Outcome.CLOSED:
            return f"got no answer ({route(probe)}connection {probe.outcome})"
        case Outcome.GARBAGE:
            return f"got an answer that makes no sense{quoted(probe.detail)}"
        case _:
            return f"failed ({probe.outcome}){quoted(probe.detail)}"


def quoted(detail: str) -> str:
    """What was said, after a colon; short, the whole of it is among the details."""
    return f": {brief(detail)}" if detail else ""


def aside(detail: str) -> str:
    """What was said, in parentheses; short."""
    return f" ({brief(detail)})" if detail else ""


def waited(probe: Probe) -> Safe:
    """How long an answer was waited for."""
    return milliseconds(probe.latency_ms)


def route(probe: Probe) -> str:
    """The way on which it was asked, before what happened there."""
    return f"{probe.route}: " if probe.route else ""
