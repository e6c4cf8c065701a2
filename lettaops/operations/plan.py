"""What an act on services would do, before it is done. Pure."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from lettaops.model.engine import Container, ContainerStatus
from lettaops.model.errors import Refused, UsageError
from lettaops.model.stack import Member, Role, Shape, Stack
from lettaops.model.text import Safe, clean


class Act(StrEnum):
    """What can be done to a container as it is."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"
    KILL = "kill"
    PAUSE = "pause"
    UNPAUSE = "unpause"


_PARTICIPLES: Final = {
    Act.START: "started",
    Act.STOP: "stopped",
    Act.RESTART: "restarted",
    Act.KILL: "killed",
    Act.PAUSE: "paused",
    Act.UNPAUSE: "unpaused",
}
SIGKILLS: Final = frozenset({"", "KILL", "SIGKILL", "9"})  # ways to write it; none given means it too
_INTERRUPTS: Final = frozenset({Act.STOP, Act.RESTART, Act.KILL, Act.PAUSE})
_NEEDED: Final = {
    Act.START: frozenset({ContainerStatus.CREATED, ContainerStatus.EXITED, ContainerStatus.RUNNING}),
    Act.STOP: frozenset(
        {ContainerStatus.RUNNING, ContainerStatus.RESTARTING, ContainerStatus.PAUSED, ContainerStatus.EXITED}
    ),
    Act.RESTART: frozenset(
        {ContainerStatus.RUNNING, ContainerStatus.RESTARTING, ContainerStatus.EXITED, ContainerStatus.CREATED}
    ),
    Act.KILL: frozenset({ContainerStatus.RUNNING, ContainerStatus.RESTARTING, ContainerStatus.PAUSED}),
    Act.PAUSE: frozenset({ContainerStatus.RUNNING, ContainerStatus.PAUSED}),
    Act.UNPAUSE: frozenset({ContainerStatus.PAUSED}),
}


_GRACED: Final = frozenset({Act.STOP, Act.RESTART})
_ALIVE: Final = frozenset({ContainerStatus.RUNNING, ContainerStatus.RESTARTING, ContainerStatus.PAUSED})
_SO: Final = {Act.START: "runs", Act.STOP: "is stopped", Act.PAUSE: "is paused"}
_SO_STATES: Final = {
    Act.START: ContainerStatus.RUNNING,
    Act.STOP: ContainerStatus.EXITED,
    Act.PAUSE: ContainerStatus.PAUSED,
}
_STATES: Final = {
    ContainerStatus.EXITED: "stopped",
    ContainerStatus.CREATED: "not started yet",
    ContainerStatus.REMOVING: "being removed",
    ContainerStatus.DEAD: "dead (the engine could not remove it)",
}


def state_words(status: ContainerStatus) -> str:
    """A container's state as an adjective."""
    return _STATES.get(status, str(status))


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One container to act on, bound to the id that the operator saw.

    `grace_s`: seconds between its stop signal and SIGKILL. `changes`: False when it is so already.
    `connections`: how many stand with it at the moment of the plan, None when that isn't known.
    """

    name: Safe
    container_name: Safe
    container_id: str
    image: Safe
    state: ContainerStatus
    grace_s: int
    changes: bool = True
    connections: int | None = None
    effects: tuple[Safe, ...] = ()


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """An act and its steps. `signal`: the one to send, empty where none is."""

    act: Act
    project: Safe
    engine: Safe
    steps: tuple[Step, ...]
    signal: Safe = Safe()


def make_plan(
    act: Act,
    stack: Stack,
    names: Sequence[str],
    *,
    engine: Safe,
    grace_s: int | None = None,
    signal: str = "",
    connections: Mapping[str, int] | None = None,
) -> Plan:
    """Plan an act on the named services. `connections`: how many stand, by container id, where known.

    Raises `UsageError` for a name that is none, `Refused` for a state that doesn't allow the act.
    """
    members: list[Member] = []
    for name in names:
        found = stack.named(name)
        if not found:
            known = ", ".join(sorted({each.name for each in stack.members}))
            raise UsageError(
                f"there is no service {clean(name)} in {stack.project}", next_step=f"known: {known}"
            )
        members += [each for each in found if each not in members]
    for member in members:
        state = member.container.state.status
        frozen = state is ContainerStatus.PAUSED
        if state not in _NEEDED[act]:
            raise Refused(
                f"{member.name} is {state_words(state)}: it can't be {_PARTICIPLES[act]}",
                not_done="Nothing was done.",
                next_step="unpause it first" if frozen and act is not Act.PAUSE else "",
            )
    return Plan(
        act=act,
        project=stack.project,
        engine=engine,
        steps=tuple(
            Step(
                name=member.name,
                container_name=member.container.name,
                container_id=member.container.id,
                image=member.container.image,
                state=member.container.state.status,
                grace_s=member.container.stop_grace_s if grace_s is None else grace_s,
                changes=not _so_already(act, member.container),
                connections=(connections or {}).get(member.container.id),
                effects=_effects(act, member, stack, members, signal),
            )
            for member in members
        ),
        signal=clean(signal),
    )


def plan_lines(action_title: str, plan: Plan) -> tuple[Safe, ...]:
    """The plan in words: a heading, the containers with their images, and what each step will cost."""
    lines = [f"{action_title} in {plan.project} on {plan.engine}:"]
    for step in plan.steps:
        container = f"container {step.container_name} {step.container_id[:12]}"
        lines.append(f"  {step.name}  {step.state}  {container}  {step.image}")
        if plan.act in _GRACED and step.changes and step.state in _ALIVE:
            lines.append(
                f"    - SIGKILL {step.grace_s} s after its stop signal, when it hasn't ended by then"
            )
        lines += [f"    - {effect}" for effect in step.effects]
        if cut := _cut_connections(plan, step):
            lines.append(f"    - {cut}")
    if plan.signal:
        lines.append(f"  signal {plan.signal}")
    return tuple(clean(each) for each in lines)


def _cut_connections(plan: Plan, step: Step) -> str:
    """How many connections the act cuts; empty where it cuts none by itself."""
    ends = plan.act in _GRACED or (plan.act is Act.KILL and plan.signal.upper() in SIGKILLS)
    if not ends or not step.changes or step.state is not ContainerStatus.RUNNING:
        return ""
    if step.connections is None:
        return "how many connections this cuts is not known here"
    cut = step.connections
    return f"{cut} open connection{' is' if cut == 1 else 's are'} cut" if cut else "no connection is open"


def so_already(plan: Plan, step: Step) -> Safe:
    """What is told of a step that changes nothing, after its name; empty where it changes something."""
    return Safe() if step.changes else clean(f"{_SO[plan.act]} already: nothing was done")


def _effects(
    act: Act, member: Member, stack: Stack, planned: Sequence[Member], signal: str
) -> tuple[Safe, ...]:
    """What others will notice of the act."""
    container = member.container
    words: list[str] = []
    if _so_already(act, container):
        words.append(f"it {_SO[act]} already: nothing will change")
    kills = act is Act.KILL and signal.upper() in SIGKILLS
    if act is Act.KILL and not kills:
        words.append(f"what {signal} does is up to its process; should it end:")
    if act in _INTERRUPTS and container.state.running and not _so_already(act, container):
        words += _losses(act, member, stack, planned)
    if act in {Act.STOP, Act.KILL} and container.auto_remove:
        words.append(
            "it was started with --rm: the engine REMOVES it, and its anonymous volumes, when it ends"
        )
    if act is Act.RESTART and container.auto_remove:
        words.append("it was started with --rm: a restart keeps it; the engine removes it when it next ends")
    if (act is Act.STOP or kills) and container.restart_policy in {"always", "unless-stopped"}:
        words.append(f"its restart policy is {container.restart_policy}: {_policy_words(act, container)}")
    if kills and member.role is Role.DATABASE:
        words.append("Postgres recovers from its log at the next start; transactions that run now are lost")
    return tuple(clean(each) for each in words)


def _so_already(act: Act, container: Container) -> bool:
    status = container.state.status
    return act in _SO and status is _SO_STATES[act]


def _losses(act: Act, member: Member, stack: Stack, planned: Sequence[Member]) -> list[str]:
    while_words = (
        "until it is back"
        if act is Act.RESTART
        else "until it is unpaused"
        if act is Act.PAUSE
        else "until it is started"
    )
    servers = _names_of(Role.SERVER, stack)
    proxies = _names_of(Role.PROXY, stack)
    match member.role:
        case Role.DATABASE if servers and member.container.id == stack.database.container_id:
            lose = "lose their" if len(stack.of(Role.SERVER)) > 1 else "loses its"
            return [f"{servers} {lose} database {while_words}: requests fail, running agents' steps are lost"]
        case Role.SERVER:
            words = [f"agents can't be reached {while_words}; requests and streams that run now are cut"]
            if any(each.container.state.running for each in stack.of(Role.SERVER) if each not in planned):
                words = ["requests and streams on this replica are cut; the other replicas go on"]
            elif proxies:
                words.append(f"{proxies} answers 502 {while_words}")
            if stack.shape is Shape.SINGLE and act is not Act.PAUSE:
                words.append(
                    "Postgres inside it is killed with it; it recovers from its log at the next start"
                )
            return words
        case Role.PROXY:
            return [f"clients that come through it get no answer {while_words}"]
        case Role.CACHE:
            return [f"{servers or 'clients'} can't cancel runs or stream in the background {while_words}"]
        case _:
            return []


def _names_of(role: Role, stack: Stack) -> str:
    """The services of a role, each once: replicas share a name."""
    return ", ".join(dict.fromkeys(each.name for each in stack.of(role)))


def _policy_words(act: Act, container: Container) -> str:
    if act is Act.STOP:
        return "it stays stopped" + (
            " until the engine restarts" if container.restart_policy == "always" else ""
        )
    return "it stays down, as after a stop"
