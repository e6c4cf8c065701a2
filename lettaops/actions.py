"""The registry of acts: what can be done, how dangerous it is, and by which words and keys.

Command line, keys, palette, help and documents are made from it.
"""

from enum import IntEnum
from typing import Final, NamedTuple

import msgspec

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


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Something that only looks or moves: a key, a palette entry, no confirmation, no record.

    `takes_typing`: what is typed right behind its key is meant for it, so the key is taken at once.
    """

    id: str
    title: str
    help: str
    call: str
    keys: tuple[str, ...] = ()
    footer: bool = False
    takes_typing: bool = False


VIEWS: Final = (
    View(
        id="view.health",
        title="Health",
        help="The services and how they are.",
        call="app.show('health')",
        keys=("1",),
    ),
    View(
        id="view.details",
        title="Details",
        help="The selected container's facts.",
        call="detail('facts')",
        keys=("d",),
    ),
    View(
        id="view.events",
        title="Events",
        help="What happened to the stack.",
        call="detail('events')",
        keys=("e",),
    ),
    View(
        id="view.environment",
        title="Environment",
        help="Its environment, secrets masked.",
        call="detail('environment')",
        keys=("v",),
    ),
    View(
        id="view.inspect",
        title="Inspect",
        help="Its whole inspect document.",
        call="detail('inspect')",
        keys=("i",),
    ),
    View(
        id="view.reveal",
        title="Reveal secrets",
        help="Show the secrets of the environment for 10 s (recorded).",
        call="reveal",
        keys=("V",),
    ),
    View(
        id="view.filter",
        title="Filter",
        help="Only rows that hold a text, or /a regular expression/; escape shows all again.",
        call="filter",
        keys=("slash",),
        footer=True,
        takes_typing=True,
    ),
    View(
        id="view.others",
        title="Other containers",
        help="Fold or unfold the host's other containers.",
        call="fold",
        keys=("o",),
    ),
    View(id="view.copy", title="Copy", help="Copy the selected row.", call="copy", keys=("y",)),
    View(
        id="view.freeze",
        title="Freeze",
        help="Hold the screen as it is; again to go on.",
        call="freeze",
        keys=("f",),
    ),
    View(
        id="view.slower",
        title="Ask less often",
        help="Ask the services less often, up to every 30 s.",
        call="app.pace(1)",
        keys=("minus",),
    ),
    View(
        id="view.faster",
        title="Ask more often",
        help="Ask the services more often, down to every second.",
        call="app.pace(-1)",
        keys=("plus",),
    ),
    View(
        id="view.mouse",
        title="Mouse",
        help="Release the mouse to the terminal, or take it.",
        call="app.mouse",
        keys=("m",),
    ),
    View(
        id="view.help", title="Help", help="This help.", call="app.help", keys=("question_mark",), footer=True
    ),
    View(
        id="view.palette",
        title="Palette",
        help="Find every act and view by name.",
        call="app.command_palette",
        keys=("ctrl+p",),
        footer=True,
    ),
    View(
        id="view.quit",
        title="Quit",
        help="Leave lettaops; nothing that runs is stopped.",
        call="app.quit",
        keys=("q",),
        footer=True,
    ),
)
