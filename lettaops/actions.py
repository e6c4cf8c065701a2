"""The registry of acts: what can be done, how dangerous it is, and by which words and keys.

Command line, keys, palette, help and documents are made from it.
"""

from enum import IntEnum
from typing import Final, NamedTuple

import msgspec

from lettaops.operations.deed_plan import Deed
from lettaops.operations.plan import Act


class Danger(IntEnum):
    """What an act may cost, and so how it is confirmed.

    NONE: nothing. CONFIRM: a yes. PLAN: a yes under the plan. TYPED: the target named (data can be lost).
    """

    NONE = 0
    CONFIRM = 1
    PLAN = 2
    TYPED = 3


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One act. `verb` is its command, `keys` its keys on a service, `help` one sentence."""

    id: str
    act: Act
    title: str
    help: str
    verb: str
    danger: Danger
    keys: tuple[str, ...] = ()
    takes_grace: bool = False
    takes_signal: bool = False


ACTIONS: Final = (
    Action(
        id="service.start",
        act=Act.START,
        title="Start",
        help="Start stopped services.",
        verb="start",
        danger=Danger.NONE,
        keys=("s",),
    ),
    Action(
        id="service.stop",
        act=Act.STOP,
        title="Stop",
        help="Stop services: their stop signal, then SIGKILL after the grace time.",
        verb="stop",
        danger=Danger.PLAN,
        keys=("s",),
        takes_grace=True,
    ),
    Action(
        id="service.restart",
        act=Act.RESTART,
        title="Restart",
        help="Restart services with the settings they have.",
        verb="restart",
        danger=Danger.CONFIRM,
        keys=("r",),
        takes_grace=True,
    ),
    Action(
        id="service.kill",
        act=Act.KILL,
        title="Kill",
        help="Send services a signal, SIGKILL unless told otherwise.",
        verb="kill",
        danger=Danger.PLAN,
        keys=("K",),
        takes_signal=True,
    ),
    Action(
        id="service.pause",
        act=Act.PAUSE,
        title="Pause",
        help="Freeze all processes of services.",
        verb="pause",
        danger=Danger.CONFIRM,
        keys=("p",),
    ),
    Action(
        id="service.unpause",
        act=Act.UNPAUSE,
        title="Unpause",
        help="Let paused services go on.",
        verb="unpause",
        danger=Danger.NONE,
        keys=("p",),
    ),
)


class DeedAction(msgspec.Struct, frozen=True, kw_only=True):
    """One act on what isn't a container: a session of the database, a run of an agent.

    `verb`: the words of its command. `keys`: on a row of the list that it is about.
    """

    deed: Deed
    title: str
    help: str
    verb: tuple[str, str]
    danger: Danger = Danger.CONFIRM
    keys: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """As a profile allows it and the record holds it."""
        return str(self.deed)


DEEDS: Final = (
    DeedAction(
        deed=Deed.CANCEL_SESSION,
        title="Cancel statements",
        help="Cancel what database sessions run; the sessions stay.",
        verb=("sessions", "cancel"),
        keys=("c",),
    ),
    DeedAction(
        deed=Deed.TERMINATE_SESSION,
        title="Terminate sessions",
        help="End database sessions: their transactions are undone, their locks free.",
        verb=("sessions", "terminate"),
        keys=("K",),
    ),
    DeedAction(
        deed=Deed.CANCEL_RUN,
        title="Cancel runs",
        help="Cancel runs of agents, through Letta's API.",
        verb=("runs", "cancel"),
        keys=("c",),
    ),
)


class Pair(NamedTuple):
    """The acts of one key: the second where the state forbids the first."""

    key: str
    verbs: tuple[str, ...]
    title: str


def pairs() -> tuple[Pair, ...]:
    """Keys of the acts, each once, in the order of the registry."""
    found: dict[str, list[Action]] = {}
    for action in ACTIONS:
        for key in action.keys:
            found.setdefault(key, []).append(action)
    return tuple(
        Pair(
            key, tuple(each.verb for each in acts), "/".join(each.title.lower() for each in acts).capitalize()
        )
        for key, acts in found.items()
    )
