"""The question before an act. It is asked outside any event loop: there Ctrl-C works at once."""

import sys

import click

from lettaops.model.errors import Cancelled

_NOTHING = "Nothing was done."


def confirm(title: str, verb: str, *, typed: str = "") -> None:
    """Go on only after a yes, or after `typed` was typed. Raises `Cancelled`, also where nobody is there."""
    if not sys.stdin.isatty():
        raise Cancelled(f"{verb} needs --yes: nobody can be asked here", not_done=_NOTHING)
    try:
        if typed:
            if click.prompt(f"Type {typed} to go on", default="", show_default=False, err=True) != typed:
                raise Cancelled("another name was typed", not_done=_NOTHING)
        elif not click.confirm(f"{title}?", err=True):
            raise Cancelled("not confirmed", not_done=_NOTHING)
    except click.Abort as error:  # Ctrl-C or the end of the input
        sys.stderr.write("\n")
        raise Cancelled("cancelled", not_done=_NOTHING) from error
