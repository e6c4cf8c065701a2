"""Writes keys.md and cli.md beside this file from the programme's own registry: `make docs`."""

import inspect
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import click
from textual.binding import Binding, BindingType

from lettaops.actions import ACTIONS, Danger
from lettaops.cli.main import lettaops
from lettaops.model.errors import Exit
from lettaops.screens.widgets.motion import LineList
from lettaops.screens.widgets.records import RecordView
from lettaops.screens.widgets.table import Table
from lettaops.views import VIEWS, Scope, shown_keys

_NOTICE: Final = "<!-- Written by `make docs`. -->"
_ABOUT_OUTPUT: Final = (
    "Data goes to standard output, talk to standard error; `--json` prints one object. "
    "`--help` behind any of these tells the same."
)
_QUESTIONS: Final = {
    Danger.NONE: "",
    Danger.CONFIRM: "yes or no",
    Danger.PLAN: "yes or no, under the plan",
    Danger.TYPED: "the target's name, typed",
}
_STATUSES: Final = {
    Exit.DONE: "done; for `status`: healthy",
    Exit.FAILED: "failed, nothing changed",
    Exit.USAGE: "usage or configuration",
    Exit.PARTIAL: "done in part, or not proven",
    Exit.LOCKED: "another operator or job holds the target",
    Exit.REFUSED: "refused by a check before the act",
    Exit.UNVERIFIED: "verification failed",
    Exit.ROLLED_BACK: "failed, and everything is as before",
    Exit.NEEDS_PERSON: "stopped half-way: a person must look",
    Exit.CANCELLED: "cancelled",
    Exit.WARNING: "`status`: degraded",
    Exit.CRITICAL: "`status`: down",
    Exit.UNKNOWN: "`status`: unknown",
}
_SHELL_STATUSES: Final = {130: "ended by Ctrl-C", 141: "the reader of the output was gone"}


def keys() -> str:
    """The keys of the dashboard."""
    lines = ["# Keys", "", _NOTICE, "", "The palette (`^p`) finds all of these by name, `?` shows them.", ""]
    lines += ["## Look and move", ""]
    for scope, title in (
        (Scope.EVERYWHERE, "In every screen"),
        (Scope.HEALTH, "In Health"),
        (Scope.LOGS, "In Logs"),
    ):
        views = (
            (_keys(each.keys), each.title, each.help) for each in VIEWS if each.keys and each.scope is scope
        )
        lines += [f"### {title}", "", *_table(("key", "name", "what it does"), views), ""]
    lines += ["## Act on the selected service, or on the marked ones", ""]
    lines += [
        "`--read-only` and the profile take acts away. Of two acts, a key does what the state allows.",
        "",
    ]
    acts = (
        (_keys(each.keys), each.title, each.help, _QUESTIONS[each.danger]) for each in ACTIONS if each.keys
    )
    lines += _table(("key", "act", "what it does", "question first"), acts)
    for title, bindings in (
        ("In every list", LineList.BINDINGS),
        ("In tables", Table.BINDINGS),
        ("In logs and events", RecordView.BINDINGS),
    ):
        lines += ["", f"## {title}", "", *_table(("key", "what it does"), _bindings(bindings))]
    return "\n".join(lines) + "\n"


def command_line() -> str:
    """The verbs, their options, and the exit statuses."""
    root = click.Context(lettaops, info_name="lettaops")
    lines = ["# Command line", "", _NOTICE, ""]
    lines += [_ABOUT_OUTPUT, ""]
    lines += _command(root, level=2)
    lines += ["## Exit status", ""]
    words = {**{int(each): _STATUSES[each] for each in Exit}, **_SHELL_STATUSES}
    lines += _table(("status", "meaning"), ((str(number), text) for number, text in words.items()))
    return "\n".join(lines) + "\n"


def _command(context: click.Context, level: int) -> list[str]:
    command = context.command
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    lines = [f"{'#' * level} {context.command_path}", "", f"    {usage}", ""]
    if command.help:
        lines += [inspect.cleandoc(command.help), ""]
    options = [each for each in command.params if isinstance(each, click.Option)]
    records = filter(None, (each.get_help_record(context) for each in options))
    if options:
        lines += [*_table(("option", "what it does"), ((f"`{names}`", text) for names, text in records)), ""]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                lines += _command(click.Context(inner, info_name=name, parent=context), level + 1)
    return lines


def _bindings(bindings: Sequence[BindingType]) -> Iterable[tuple[str, str]]:
    return ((_keys(each.key.split(",")), each.description) for each in bindings if isinstance(each, Binding))


def _keys(keys: Sequence[str]) -> str:
    return ", ".join(f"`{shown_keys((key,))}`" for key in keys)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [titles, ["---"] * len(titles), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]


DOCUMENTS: Final = {"keys.md": keys, "cli.md": command_line}

if __name__ == "__main__":
    for name, written in DOCUMENTS.items():
        Path(__file__).with_name(name).write_text(written(), encoding="utf-8")
