"""The verbs that act on services: generated from the registry. Without `--yes` they show a preview first."""

import asyncio
import contextlib
import signal as signals
from typing import Final

import click

from lettaops.actions import ACTIONS, Action, Danger
from lettaops.cli.question import confirm
from lettaops.cli.session import Session
from lettaops.model.errors import Exit, LettaopsError
from lettaops.model.text import Safe, clean
from lettaops.model.units import duration
from lettaops.operations.execute import executor_on
from lettaops.operations.plan import Act, Plan, make_plan, plan_lines, so_already
from lettaops.sources.engine import Engine
from lettaops.sources.sockets import connections

MAX_GRACE_SECONDS: Final = 3600
_NOTHING: Final = "Nothing was done."


def _command(action: Action) -> click.Command:
    """The click command of one action."""
    takes_all = action.act is Act.RESTART

    @click.pass_obj
    def callback(
        session: Session,
        services: tuple[str, ...],
        yes: bool,
        timeout: int | None = None,
        signal: str = "",
        whole: bool = False,
        dry_run: bool = False,
    ) -> int:
        if whole or dry_run:
            from lettaops.cli.ordered import restart_in_order

            return restart_in_order(session, services, yes=yes, dry_run=dry_run, grace_s=timeout)
        if not services:
            raise click.UsageError("Name a SERVICE, or give --all." if takes_all else "Name a SERVICE.")
        return _act(session, action, services, yes=yes, grace_s=timeout, signal=signal)

    parameters: list[click.Parameter] = [
        click.Argument(["services"], nargs=-1, required=not takes_all, metavar="SERVICE…"),
        click.Option(["--yes"], is_flag=True, help="Do it without asking."),
    ]
    if takes_all:
        parameters += [
            click.Option(
                ["--all", "whole"],
                is_flag=True,
                help="All services, or those named, in order: each works before the next is touched.",
            ),
            click.Option(["--dry-run"], is_flag=True, help="Print the steps of --all; do nothing."),
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
    containers = [each.container for each in seen.stack.members]
    return make_plan(
        action.act,
        seen.stack,
        names,
        engine=session.target.name,
        grace_s=grace_s,
        signal=signal if action.takes_signal else "",
        connections=connections(containers) if session.target.is_local else None,
    )


async def _execute(session: Session, plan: Plan) -> int:
    output = session.output
    done, worst = 0, Exit.DONE
    async with executor_on(
        session.target, permission=session.permission, directory=session.state, operator=session.operator
    ) as executor:
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
    if action.danger is not Danger.NONE:
        typed = plan.steps[0].name if action.danger is Danger.TYPED else ""
        confirm(action.title, action.verb, typed=typed)


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
