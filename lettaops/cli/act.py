"""The verbs that act on services: generated from the registry. Without `--yes` they show a preview first."""

import asyncio
import contextlib
import signal as signals
import sys
from typing import Final

import click

from lettaops.actions import ACTIONS, Action, Danger
from lettaops.cli.session import Session
from lettaops.model.errors import Cancelled, Exit, LettaopsError
from lettaops.model.text import Safe, clean
from lettaops.model.units import duration
from lettaops.operations.execute import Executor
from lettaops.operations.plan import Plan, make_plan, plan_lines, so_already
from lettaops.sources.engine import Engine
from lettaops.sources.engine_acts import EngineActs

MAX_GRACE_SECONDS: Final = 3600
_NOTHING: Final = "Nothing was done."


def _command(action: Action) -> click.Command:
    """The click command of one action."""

    @click.pass_obj
    def callback(
        session: Session,
        services: tuple[str, ...],
        yes: bool,
        timeout: int | None = None,
        signal: str = "",
    ) -> int:
        return _act(session, action, services, yes=yes, grace_s=timeout, signal=signal)

    parameters: list[click.Parameter] = [
        click.Argument(["services"], nargs=-1, required=True, metavar="SERVICE…"),
        click.Option(["--yes"], is_flag=True, help="Do it without asking."),
    ]
    if action.takes_grace:
        parameters.append(
            click.Option(
                ["--timeout"],
                type=click.IntRange(0, MAX_GRACE_SECONDS),
                metavar="S",
                help="Seconds between the stop signal and SIGKILL; the container's own setting when absent.",
            )
        )
    if action.takes_signal:
        parameters.append(
            click.Option(
                ["--signal"],
                default="SIGKILL",
                show_default=True,
                metavar="S",
                callback=_signal_name,
                help="Signal to send.",
            )
        )
    return click.Command(action.verb, callback=callback, params=parameters, help=action.help)


def _act(
    session: Session, action: Action, names: tuple[str, ...], *, yes: bool, grace_s: int | None, signal: str
) -> int:
    """Plan, ask, do. The question is asked outside any event loop: there Ctrl-C works at once."""
    output = session.output
    session.permission.check(action.act)
    try:
        plan = asyncio.run(_plan(session, action, names, grace_s=grace_s, signal=signal))
    except LettaopsError as error:
        error.not_done = error.not_done or Safe(_NOTHING)
        raise
    if not any(step.changes for step in plan.steps):
        for step in plan.steps:
            output.line(f"{step.name} {so_already(plan, step)}")
        return int(Exit.DONE)
    if not yes:
        for line in plan_lines(action.title, plan):
            output.talk(line)
        _confirm(plan, action)
    return asyncio.run(_execute(session, plan))


async def _plan(
    session: Session, action: Action, names: tuple[str, ...], *, grace_s: int | None, signal: str
) -> Plan:
    from lettaops.monitor.observe import observe

    async with Engine(session.target) as engine:
        seen = await observe(engine, session.settings.profile.project)
    return make_plan(
        action.act,
        seen.stack,
        names,
        engine=session.target.name,
        grace_s=grace_s,
        signal=signal if action.takes_signal else "",
    )


async def _execute(session: Session, plan: Plan) -> int:
    output = session.output
    done, worst = 0, Exit.DONE
    async with Engine(session.target) as engine:
        executor = Executor(
            engine,
            EngineActs(session.target),
            permission=session.permission,
            directory=session.state,
            operator=session.operator,
        )
        async for result in executor.run(plan):
            joint = " " if result.exit is Exit.DONE else ": "
            output.line(f"{result.step.name}{joint}{result.words} ({duration(result.duration_s)})")
            if result.exit is Exit.DONE:
                done += 1
            else:
                worst = result.exit
                if result.next_step:
                    output.talk(f"  {result.next_step}")
    left = len(plan.steps) - done - (worst is not Exit.DONE)
    if left:
        output.talk(f"lettaops: {left} more were not touched")
    return int(Exit.PARTIAL if done and worst is not Exit.DONE else worst)


def _confirm(plan: Plan, action: Action) -> None:
    """Ask where the act can cost something; where nobody can be asked, nothing is done."""
    if action.danger is Danger.NONE:
        return
    if not sys.stdin.isatty():
        raise Cancelled(f"{action.verb} needs --yes: nobody can be asked here", not_done=_NOTHING)
    try:
        if action.danger is Danger.TYPED:
            wanted = plan.steps[0].name
            if click.prompt(f"Type {wanted} to go on", default="", show_default=False, err=True) != wanted:
                raise Cancelled("another name was typed", not_done=_NOTHING)
        elif not click.confirm(f"{action.title}?", err=True):
            raise Cancelled("not confirmed", not_done=_NOTHING)
    except click.Abort as error:  # Ctrl-C or the end of the input
        sys.stderr.write("\n")
        raise Cancelled("cancelled", not_done=_NOTHING) from error


def _signal_name(context: click.Context, parameter: click.Parameter, value: str) -> str:
    """The name of a signal that is given as SIGTERM, term or 15."""
    if value.isascii() and value.isdigit():
        with contextlib.suppress(ValueError):
            return signals.Signals(int(value)).name
    name = f"SIG{value.upper().removeprefix('SIG')}"
    if name in signals.Signals.__members__:
        return name
    raise click.BadParameter(
        f"{clean(value, 40)} is no signal; known: {', '.join(each.name for each in signals.Signals)}",
        context,
        parameter,
    )


COMMANDS: Final = {action.verb: _command(action) for action in ACTIONS}
