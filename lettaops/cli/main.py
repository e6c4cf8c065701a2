"""The verbs, each in a module that is imported when the verb is called."""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from lettaops import __version__
from lettaops.cli.session import Options, Session
from lettaops.model.errors import Exit, LettaopsError

if TYPE_CHECKING:
    from lettaops.terminal.held import HeldTerminal

# Each names a module and the click command in it; the verbs that act come from the registry.
_VERBS: Final = {
    "status": ("Every service: verdict, reason, probe.", "lettaops.cli.status"),
    "logs": ("The logs of all services as one, or of some.", "lettaops.cli.logs"),
    "demo": ("The dashboard on a deployment made for it here, without Docker.", "lettaops.cli.demo"),
    "pool": ("Sessions and pool budget, locks, sizes, pgvector.", "lettaops.cli.pool"),
    "sessions": ("Database sessions: list, cancel, terminate.", "lettaops.cli.sessions"),
    "runs": ("Runs of agents: list, cancel.", "lettaops.cli.runs"),
    "jobs": ("Acts that outlive the terminal: list, attach, cancel, resume, rollback.", "lettaops.cli.jobs"),
    "audit": ("Who did what, and whether the record is whole.", "lettaops.cli.audit"),
    "config": ("lettaops' own configuration.", "lettaops.cli.config"),
    "info": ("Versions, paths, backends, terminal.", "lettaops.cli.info"),
    "completion": ("Completion for bash, zsh or fish.", "lettaops.cli.completion"),
}
COMPLETION: Final = "_LETTAOPS_COMPLETE"
_WRITERS: Final = frozenset({"lettaops.cli.output", "click.utils"})
INTERRUPTED: Final = 130  # as a shell gives for what SIGINT ended


class _Verbs(click.Group):
    """A group that imports a verb's module only when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._texts())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _VERBS:
            command = getattr(importlib.import_module(_VERBS[cmd_name][1]), cmd_name)
            return command if isinstance(command, click.Command) else None
        if cmd_name not in self._texts():
            return None
        from lettaops.cli.act import COMMANDS

        return COMMANDS[cmd_name]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs without importing what they need."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(self._texts().items()))

    @staticmethod
    def _texts() -> dict[str, str]:
        from lettaops.actions import ACTIONS

        status = {"status": _VERBS["status"][0]}
        return (
            status | {action.verb: action.help for action in ACTIONS} | {v: t for v, (t, _) in _VERBS.items()}
        )


@click.group(
    cls=_Verbs, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.option("--profile", metavar="NAME", help="Profile of the configuration file.")
@click.option("--host", metavar="URL", help="Docker engine: unix:///path or tcp://host:port.")
@click.option("--context", "docker_context", metavar="NAME", help="Docker context to take the engine from.")
@click.option("--project", metavar="NAME", help="Compose project, or the server's container name.")
@click.option("--read-only", is_flag=True, help="Refuse every act.")
@click.option("--ascii", is_flag=True, help="Draw with ASCII characters only.")
@click.version_option(__version__, prog_name="lettaops", message="%(prog)s %(version)s")
@click.pass_context
def lettaops(
    context: click.Context,
    profile: str | None,
    host: str | None,
    docker_context: str | None,
    project: str | None,
    read_only: bool,
    ascii: bool,
) -> None:
    """Run a self-hosted Letta server (0.16.x): see what is up, what is not, and why, and act on it."""
    held = context.obj  # the terminal, where the first frame stands already
    context.obj = Session(
        Options(
            profile=profile,
            host=host,
            context=docker_context,
            project=project,
            read_only=read_only,
            ascii=ascii,
        )
    )
    if context.invoked_subcommand is None:
        from lettaops.cli.dashboard import run_dashboard

        context.exit(run_dashboard(context.obj, held))


def run(arguments: Sequence[str], held: "HeldTerminal | None" = None) -> int:
    """Run the command line and give its exit status. Errors are printed on stderr, none as a traceback.

    `held`: the terminal, when the first frame of the dashboard was drawn already.
    Raises `BrokenPipeError` when the reader of stdout has had enough, and what came of it when stdout
    can't be written: that is no error of ours.
    """
    try:
        result = _invoke(list(arguments), held)
    except LettaopsError as error:
        Session(Options(ascii="--ascii" in arguments)).output.error(error)
        return int(error.exit)
    except click.exceptions.Abort:
        sys.stderr.write("lettaops: cancelled\n")
        return int(Exit.CANCELLED)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return int(Exit.USAGE)
    except KeyboardInterrupt:
        sys.stderr.write("\n")  # after the terminal's own ^C
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:
        if _of_output(error):
            raise
        _report(error)
        return int(Exit.FAILED)
    return int(result) if isinstance(result, int) else 0


def _of_output(error: Exception) -> bool:
    """Whether it was a write to stdout that failed: by the module that wrote, ours or click's."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    writer = trace.tb_frame.f_globals.get("__name__") if trace is not None else None
    return isinstance(error, OSError) and writer in _WRITERS


def _invoke(arguments: list[str], held: "HeldTerminal | None") -> object:
    """What click's own `main` does, without its answers to a closed pipe (1) and to Ctrl-C (an abort)."""
    if COMPLETION in os.environ:
        return lettaops.main(arguments, prog_name="lettaops", complete_var=COMPLETION, standalone_mode=False)
    with lettaops.make_context("lettaops", arguments, obj=held) as context:
        return lettaops.invoke(context)


def _report(error: Exception) -> None:
    """Put an unforeseen error where it can be sent from, and say so; nothing of it on the screen."""
    from lettaops.config.paths import state_directory
    from lettaops.operations.crash import fault_line, write_report

    sys.stderr.write(f"{fault_line(write_report(error, state_directory(os.environ)))}\n")
