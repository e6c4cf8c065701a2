"""The registry of views: what only looks or moves, in which screens, by which words and keys.

Keys, footer, palette, help and documents are made from it.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec


class Scope(StrEnum):
    """The screens of a view. EVERYWHERE: all of them."""

    EVERYWHERE = ""
    HEALTH = "health"
    LOGS = "logs"


_SHOWN_KEYS: Final = {
    "slash": "/",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "question_mark": "?",
    "plus": "+",
    "minus": "-",
    "ctrl+p": "^p",
    "ctrl+c": "^c",
    "ctrl+f": "^f",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "pageup": "page up",
    "pagedown": "page down",
}


def shown_keys(keys: Sequence[str]) -> str:
    """Keys as they stand on the keyboard."""
    return ", ".join(_SHOWN_KEYS.get(key, key) for key in keys)


class View(msgspec.Struct, frozen=True, kw_only=True):
    """Something that only looks or moves: a key, a palette entry, no confirmation, no record.

    `takes_typing`: what is typed right behind its key is meant for it, so the key is taken at once.
    """

    id: str
    title: str
    help: str
    call: str
    scope: Scope = Scope.EVERYWHERE
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
        id="view.logs",
        title="Logs",
        help="The logs of all services, as one.",
        call="app.show('logs')",
        keys=("4",),
    ),
    View(
        id="view.details",
        title="Details",
        help="The selected container's facts.",
        call="detail('facts')",
        scope=Scope.HEALTH,
        keys=("d",),
    ),
    View(
        id="view.events",
        title="Events",
        help="What happened to the stack.",
        call="detail('events')",
        scope=Scope.HEALTH,
        keys=("e",),
    ),
    View(
        id="view.environment",
        title="Environment",
        help="Its environment, secrets masked.",
        call="detail('environment')",
        scope=Scope.HEALTH,
        keys=("v",),
    ),
    View(
        id="view.inspect",
        title="Inspect",
        help="Its whole inspect document.",
        call="detail('inspect')",
        scope=Scope.HEALTH,
        keys=("i",),
    ),
    View(
        id="view.reveal",
        title="Reveal secrets",
        help="Show the secrets of the environment for 10 s (recorded).",
        call="reveal",
        scope=Scope.HEALTH,
        keys=("V",),
    ),
    View(
        id="view.filter",
        title="Filter",
        help="Only what holds a text, or /a regular expression/; escape shows all again.",
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
        scope=Scope.HEALTH,
        keys=("o",),
    ),
    View(
        id="logs.exclude",
        title="Exclude",
        help="Leave out what holds a text, or /a regular expression/.",
        call="ask('exclude')",
        scope=Scope.LOGS,
        keys=("X",),
        takes_typing=True,
    ),
    View(
        id="logs.level",
        title="Level",
        help="Only this level and graver: info, warning, error, all again.",
        call="level",
        scope=Scope.LOGS,
        keys=("l",),
        footer=True,
    ),
    View(
        id="logs.services",
        title="Services",
        help="Choose the services whose records are shown.",
        call="services",
        scope=Scope.LOGS,
        keys=("c",),
        footer=True,
    ),
    View(
        id="logs.parts",
        title="Filters",
        help="Look at the filters and remove some.",
        call="parts",
        scope=Scope.LOGS,
        keys=("F",),
    ),
    View(
        id="logs.remove",
        title="Remove a filter",
        help="Remove the newest filter.",
        call="remove_part",
        scope=Scope.LOGS,
        keys=("backspace",),
    ),
    View(
        id="logs.find",
        title="Find",
        help="Mark a text, or /a regular expression/; n and N go from hit to hit.",
        call="ask('find')",
        scope=Scope.LOGS,
        keys=("ctrl+f",),
        takes_typing=True,
    ),
    View(
        id="logs.next-hit",
        title="Next hit",
        help="Go to the next record that holds what is looked for.",
        call="hit(1)",
        scope=Scope.LOGS,
        keys=("n",),
    ),
    View(
        id="logs.previous-hit",
        title="Previous hit",
        help="Go to the one before.",
        call="hit(-1)",
        scope=Scope.LOGS,
        keys=("N",),
    ),
    View(
        id="logs.next-error",
        title="Next error",
        help="Go to the next record of level error or graver.",
        call="error(1)",
        scope=Scope.LOGS,
        keys=("right_square_bracket",),
    ),
    View(
        id="logs.previous-error",
        title="Previous error",
        help="Go to the one before.",
        call="error(-1)",
        scope=Scope.LOGS,
        keys=("left_square_bracket",),
    ),
    View(
        id="logs.jump",
        title="Go to a time",
        help="Go to a moment: 10m (ago), 14:30, 2026-11-22T14:30.",
        call="ask('jump')",
        scope=Scope.LOGS,
        keys=("T",),
        takes_typing=True,
    ),
    View(
        id="logs.times",
        title="Timestamps",
        help="Times as here, in UTC, from the current record on, or none.",
        call="times",
        scope=Scope.LOGS,
        keys=("t",),
    ),
    View(
        id="logs.wrap",
        title="Wrap",
        help="Break long lines, or let them go on at the right.",
        call="wrap",
        scope=Scope.LOGS,
        keys=("w",),
    ),
    View(
        id="logs.raw",
        title="Raw",
        help="Lines as they came, with their colours, or taken apart.",
        call="raw",
        scope=Scope.LOGS,
        keys=("v",),
    ),
    View(
        id="logs.copy-what",
        title="Copy what",
        help="Choose what is copied: the line, the record, what is seen, what is filtered.",
        call="copy_what",
        scope=Scope.LOGS,
        keys=("Y",),
    ),
    View(
        id="logs.save",
        title="Save",
        help="Write what is filtered, or all, into a new file.",
        call="save",
        scope=Scope.LOGS,
        keys=("W",),
    ),
    View(
        id="logs.pager",
        title="Pager",
        help="Open what is filtered in $PAGER.",
        call="pager",
        scope=Scope.LOGS,
        keys=("p",),
    ),
    View(
        id="view.copy",
        title="Copy",
        help="Copy what is selected, else the row at the cursor.",
        call="copy",
        keys=("y",),
    ),
    View(
        id="view.url",
        title="Copy the address",
        help="Copy the selected service's address for a browser.",
        call="url",
        scope=Scope.HEALTH,
        keys=("u",),
    ),
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
        help="Leave lettaops; nothing that runs is stopped. With text selected, ctrl+c copies it.",
        call="app.quit",
        keys=("q", "ctrl+c"),
        footer=True,
    ),
)


def views_of(scope: Scope) -> list[View]:
    """The views of a screen, those of all screens among them."""
    return [each for each in VIEWS if each.scope in (Scope.EVERYWHERE, scope)]
