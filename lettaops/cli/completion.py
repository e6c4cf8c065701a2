"""`lettaops completion`: the script that a shell needs to complete lettaops' verbs and options."""

import click
from click.shell_completion import get_completion_class

from lettaops.cli.session import Session


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of a shell, to be sourced by it."""
    session: Session = context.obj
    kind = get_completion_class(shell)
    if kind is None:  # the choices above are those that click knows
        raise click.UsageError(f"no completion for {shell}")
    script = kind(context.find_root().command, {}, "lettaops", "_LETTAOPS_COMPLETE").source()
    for line in script.splitlines():
        session.output.line(line)
