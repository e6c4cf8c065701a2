"""What markers say."""

from datetime import datetime
from typing import Final

from lettaops.model.engine import Container, ContainerStatus
from lettaops.model.logs.line import NO_TIME
from lettaops.model.moment import clock, nanoseconds
from lettaops.model.text import Safe, clean

_EARLY_NS: Final = 100_000_000
_LOST: Final = "lines may be missing"


def start_of(container: Container) -> int:
    """When the container's newest run began, in nanoseconds since 1970; NO_TIME when it never ran."""
    return _ns(container.state.started_at)


def end_of(container: Container) -> int:
    """When its newest run ended; NO_TIME when that isn't told."""
    return _ns(container.state.finished_at)


def first_output(container: Container) -> int:
    """From when on output belongs to the newest run, in nanoseconds since 1970.

    An engine notes a start some time after the first output, and stamps the last output of the run
    before a little after its end.
    """
    start, end = start_of(container), end_of(container)
    early = start - _EARLY_NS
    return max(early, (start + end) // 2) if NO_TIME < end < start else early


def exit_words(code: int | None) -> str:
    """How a run of a container ended, as far as it was seen."""
    return f"exit {code}" if code is not None else "exit status not seen"


def restarted(start_ns: int, code: int | None) -> Safe:
    """The same container runs again."""
    return clean(f"restarted {clock(start_ns)}, {exit_words(code)}")


def started(start_ns: int) -> Safe:
    """A container began to run that has no predecessor, or ran for the first time."""
    return clean(f"started {clock(start_ns)}")


def recreated(old: str, new: str, code: int | None) -> Safe:
    """Another container does the service's work now."""
    end = f", {exit_words(code)}" if code is not None else ""
    return clean(f"recreated: {old} -> {new}{end}")


def ended(container: Container) -> Safe:
    """A container runs no longer."""
    state = container.state
    why = " (out of memory)" if state.oom_killed else ""
    more = "; the engine will restart it" if state.status is ContainerStatus.RESTARTING else ""
    when = f" {clock(end)}" if (end := end_of(container)) != NO_TIME else ""
    return clean(f"ended{when}, {exit_words(state.exit_code)}{why}{more}")


def removed(*, read: bool, complete: bool) -> Safe:
    """A container is gone. `read`: some of its log was read before, `complete`: all of it."""
    if complete:
        return Safe("was removed")
    rest = f"its last {_LOST}" if read else "nothing of its log could be read"
    return clean(f"was removed; {rest}")


def rotated(from_ns: int, to_ns: int) -> Safe:
    """The log doesn't reach back to where reading stopped."""
    return clean(
        f"{_LOST} from {clock(from_ns, fine=True)} to {clock(to_ns, fine=True)}: "
        "the log was rotated or emptied meanwhile"
    )


def beyond(from_ns: int, to_ns: int, most: int) -> Safe:
    """The log grew by more than is caught up with."""
    return clean(
        f"left out an unknown number of lines from {clock(from_ns, fine=True)} to {clock(to_ns, fine=True)}: "
        f"more than {most} came meanwhile"
    )


def dropped(from_ns: int, to_ns: int) -> Safe:
    """Lines came faster than they are taken."""
    return clean(
        f"left out an unknown number of lines from {clock(from_ns, fine=True)} to {clock(to_ns, fine=True)}: "
        "they come faster than they can be shown"
    )


def cut_at(most: int) -> Safe:
    """Of a new container's log only the end was read."""
    return clean(f"only the newest {most} lines of this container's log were read")


def unreadable(driver: str, said: str = "") -> Safe:
    """The engine can't give the log back."""
    because = f": {said}" if said else ""
    return clean(
        f"its log can't be read: the engine sends it to the log driver {driver or 'unknown'}{because}"
    )


def terminal() -> Safe:
    """The container's output is a terminal's."""
    return Safe("has a terminal: stdout and stderr come as one stream")


def _ns(moment: datetime | None) -> int:
    return nanoseconds(moment) if moment is not None else NO_TIME
