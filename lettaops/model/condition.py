"""What the engine says of a container, in one clause: the part of a reason that needs no probe."""

from datetime import datetime
from typing import Final

import msgspec

from lettaops.model.brief import brief
from lettaops.model.engine import Container, ContainerStatus
from lettaops.model.text import Safe, clean
from lettaops.model.units import ago, size

# Compose's and Docker's back-off between restarts ends at 60 s: a container that was started again
# within that time, and not for the first time, is in a loop until it proves otherwise.
LOOP_WINDOW_SECONDS: Final = 60
LOOP_RESTARTS: Final = 2
STARTING_SECONDS: Final = 60
CLOCK_SLACK: Final = (
    5  # seconds that the engine's clock may be ahead of ours; more tells nothing of an uptime
)
_CLEAN_EXITS: Final = frozenset({0, 130, 143})
_SIGNALS: Final = {
    129: "SIGHUP",
    130: "SIGINT",
    131: "SIGQUIT",
    134: "aborted (SIGABRT)",
    137: "killed by SIGKILL",
    139: "crashed (SIGSEGV)",
    141: "SIGPIPE",
    143: "SIGTERM",
}
_COMMAND_FAULTS: Final = {
    125: "the engine could not start it",
    126: "its command can't be run",
    127: "its command was not found",
}


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """A container's state in words. `stopped`: it ended by request; `failed`: by itself, or it keeps failing.

    `note` is what is remarkable about a container that runs, `warning` the part of it that a healthcheck
    which has yet to pass has no share in.
    """

    running: bool
    stopped: bool = False
    failed: bool = False
    looping: bool = False
    starting: bool = False
    unhealthy: bool = False
    words: Safe = Safe()
    note: Safe = Safe()
    warning: Safe = Safe()


def condition_of(container: Container, now: datetime) -> Condition:
    """The condition of a container at `now` (the clock of the engine's host)."""
    state = container.state
    match state.status:
        case ContainerStatus.RUNNING:
            return _running(container, now)
        case ContainerStatus.PAUSED:
            return Condition(
                running=False, failed=True, words=Safe("is paused: its processes are frozen until unpaused")
            )
        case ContainerStatus.RESTARTING:
            return Condition(
                running=False,
                failed=True,
                looping=True,
                words=clean(f"restarts in a loop {_loop(container, now)}"),
            )
        case ContainerStatus.EXITED | ContainerStatus.DEAD:
            clean_exit = state.exit_code in _CLEAN_EXITS and not state.oom_killed and not state.error
            verb = "was stopped" if clean_exit else "ended"
            words = clean(f"{verb} {ago(state.finished_at, now)}: {exit_words(container)}")
            return Condition(running=False, stopped=clean_exit, failed=not clean_exit, words=words)
        case ContainerStatus.CREATED:
            because = f": {brief(state.error)}" if state.error else ""
            return Condition(running=False, failed=bool(state.error), stopped=not state.error,
                             words=clean(f"was created and never started{because}"))  # fmt: skip
        case ContainerStatus.REMOVING:
            return Condition(running=False, stopped=True, words=Safe("is being removed"))
        case _:
            return Condition(running=False, words=Safe("is in a state that the engine doesn't name"))


def exit_words(container: Container) -> Safe:
    """How a container ended: `exit 137, out of memory (limit 512 MiB)`. The time goes before it."""
    state = container.state
    code = state.exit_code
    if code is None:
        return Safe("exit status unknown")
    if state.oom_killed:
        limit = f" (limit {size(container.memory_limit_bytes)})" if container.memory_limit_bytes else ""
        return clean(f"exit {code}, out of memory{limit}")
    why = brief(state.error) or _SIGNALS.get(code) or _COMMAND_FAULTS.get(code)
    return clean(f"exit {code}, {why}" if why else f"exit {code}")


def _running(container: Container, now: datetime) -> Condition:
    state = container.state
    uptime = (now - state.started_at).total_seconds() if state.started_at else None
    known = uptime if uptime is not None and uptime > -CLOCK_SLACK else float("inf")
    young = known < LOOP_WINDOW_SECONDS
    looping = young and container.restart_count >= LOOP_RESTARTS
    notes = []
    if looping:
        notes.append(f"restarts in a loop {_loop(container, now)}")
    if state.oom_killed:
        notes.append("a process in it was killed for lack of memory")
    health = state.health
    unhealthy = health is not None and health.status == "unhealthy" and health.failing_streak > 0
    if health is not None and unhealthy:
        said = f", last said “{brief(health.last_output)}”" if health.last_output else ""
        notes.append(f"its healthcheck failed {health.failing_streak} times{said}")
    checking = health is not None and health.status == "starting"
    if checking:
        notes.append("its healthcheck has not passed yet")
    lasting = notes[:-1] if checking else notes
    return Condition(
        running=True,
        looping=looping,
        unhealthy=unhealthy,
        starting=(checking or known < STARTING_SECONDS) and not looping,
        note=clean("; ".join(notes)),
        warning=clean("; ".join(lasting)),
    )


def _loop(container: Container, now: datetime) -> str:
    state = container.state
    if state.status is ContainerStatus.RESTARTING:
        last = f"last ended {ago(state.finished_at, now)}: {exit_words(container)}"
    else:
        last = f"started again {ago(state.started_at, now)}"
    return f"({container.restart_count} restarts), {last}"
