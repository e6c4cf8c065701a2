"""`lettaops demo`: the dashboard on a deployment that is made for it on this machine, and removed after."""

import asyncio
import importlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import click
import msgspec

from lettaops.cli.session import Session
from lettaops.model.errors import DeadlineExceeded, LettaopsError, UsageError
from lettaops.model.text import Safe, clean

if TYPE_CHECKING:
    from lettaops.cli.output import Output

_LOOK_SECONDS = 5.0


@click.command()
@click.option("--scenario", metavar="NAME", help="Break something in it first; --list tells what there is.")
@click.option("--list", "list_them", is_flag=True, help="List the scenarios, and how each is mended.")
@click.option("--keep", is_flag=True, help="Leave its files (database, logs) when it has ended.")
@click.option("--serve", is_flag=True, help="No dashboard: print where it is, one JSON object, and wait.")
@click.option(
    "--if-needed", is_flag=True, help="Only where no deployment is found; else the dashboard on that."
)
@click.pass_obj
def demo(
    session: Session, scenario: str | None, list_them: bool, keep: bool, serve: bool, if_needed: bool
) -> int:
    """The dashboard on a sandbox: a small deployment here, without Docker, to look at and to break.

    A real Postgres with Letta's tables, a stand-in for the Letta server, a small proxy, and somebody who uses
    them. Everything is removed at the end.
    """
    if if_needed and (missing := _missing(session)) is None:
        from lettaops.cli.dashboard import run_dashboard

        return run_dashboard(session)
    front = importlib.import_module("lettaops.sandbox.front")  # by name: nothing else may know the sandbox
    if list_them:
        _list(session.output, front)
        return 0
    chosen = front.named(scenario) if scenario else None
    front.check_installed()
    if serve:
        front.serve(front.Options(scenario=chosen, keep=keep), lambda running: _tell(session.output, running))
        return 0
    _refuse_without_terminal(session)
    if if_needed:
        session.output.talk(f"lettaops: {missing}; here is a sandbox instead")
    session.output.talk("lettaops: making a sandbox: Postgres, a stand-in for the Letta server, a proxy")
    with front.sandbox(chosen, keep=keep) as running:
        status = _dashboard(session, running)
        if keep:
            session.output.talk(f"lettaops: its files stay in {running.directory}.kept")
    return status


def _dashboard(session: Session, running: Any) -> int:
    """The ordinary dashboard, with a configuration and a state of the sandbox's own; its exit status.

    A process of its own: it may have to end hard, and the sandbox is to be removed in any case.
    """
    options = session.options
    words = [*(("--read-only",) if options.read_only else ()), *(("--ascii",) if options.ascii else ())]
    own = {"LETTAOPS_CONFIG": running.configuration, "LETTAOPS_STATE_DIR": running.state}
    process = subprocess.Popen([sys.executable, "-m", "lettaops", *words], env=os.environ | own)
    for number in (signal.SIGINT, signal.SIGQUIT):  # the terminal sends them to both; they are meant for it
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _: process.send_signal(received))
    status = process.wait()
    return status if status >= 0 else 128 - status


def _missing(session: Session) -> Safe | None:
    """Why no deployment is found here; None when there is one, or several."""
    try:
        return asyncio.run(_look(session))
    except LettaopsError as error:
        return error.what


async def _look(session: Session) -> Safe | None:
    from lettaops.model.discovery import candidates
    from lettaops.sources.engine import Engine

    try:
        async with asyncio.timeout(_LOOK_SECONDS), Engine(session.target) as engine:
            rows = await engine.containers(all=True)
    except TimeoutError:
        raise DeadlineExceeded("the Docker engine doesn't answer") from None
    if candidates(rows, session.settings.profile.project):
        return None
    return clean("no Letta deployment is found here")


def _refuse_without_terminal(session: Session) -> None:
    from lettaops.terminal.capabilities import look_around

    if look_around(ascii=session.options.ascii).refusal:
        raise UsageError(
            "the dashboard needs a terminal, and this is none",
            not_done="Nothing was started.",
            next_step="`lettaops demo --serve` runs the sandbox alone",
        )


def _list(output: "Output", front: Any) -> None:
    for each in front.SCENARIOS.values():
        output.line(each.name)
        output.line(f"  {each.happens}")
        output.line(f"  Mended: {each.mend}")


def _tell(output: "Output", running: Any) -> None:
    output.json(msgspec.to_builtins(running))
