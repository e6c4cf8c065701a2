"""The verbs that act on services: generated from the registry. Without `--yes` they show a preview first."""

import asyncio
import sys
from typing import Final

import click

from lettaops.actions import ACTIONS, Action, Danger
from lettaops.cli.output import Output
from lettaops.cli.session import Session
from lettaops.model.errors import Cancelled, Exit
from lettaops.model.units import duration
from lettaops.operations.execute import Executor
from lettaops.operations.plan import Plan, make_plan
from lettaops.sources.engine import Engine
from lettaops.sources.engine_acts import EngineActs

MAX_GRACE_SECONDS: Final = 3600


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
        return asyncio.run(_act(session, action, services, yes=yes, grace_s=timeout, signal=signal))

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
                ["--signal"], default="SIGKILL", show_default=True, metavar="S", help="Signal to send."
            )
        )
    return click.Command(action.verb, callback=callback, params=parameters, help=action.help)


async def _act(
    session: Session, action: Action, names: tuple[str, ...], *, yes: bool, grace_s: int | None, signal: str
) -> int:
    from lettaops.monitor.observe import observe

    output = session.output
    session.permission.check(action.act)
    async with Engine(session.target) as engine:
        seen = await observe(engine, session.settings.profile.project)
        plan = make_plan(
            action.act,
            seen.stack,
            names,
            engine=session.target.name,
            grace_s=grace_s,
            signal=signal if action.takes_signal else "",
        )
        if not yes:
            _preview(output, plan, action)
            _confirm(output, plan, action)
        executor = Executor(
            engine,
            EngineActs(session.target),
            permission=session.permission,
            directory=session.state,
            operator=session.operator,
        )
        done, worst = 0, Exit.DONE
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


def _preview(output: Output, plan: Plan, action: Action) -> None:
    """The plan, in words."""
    output.talk(f"{action.title} in {plan.project} on {plan.engine}:")
    for step in plan.steps:
        container = f"container {step.container_name} {step.container_id[:12]}"
        output.talk(f"  {step.name}  {step.state}  {container}  {step.image}")
        if action.takes_grace:
            output.talk(f"    - SIGKILL {step.grace_s} s after its stop signal, when it hasn't ended by then")
        for effect in step.effects:
            output.talk(f"    - {effect}")
    if plan.signal:
        output.talk(f"  signal {plan.signal}")


def _confirm(output: Output, plan: Plan, action: Action) -> None:
    """Ask where the act can cost something; without a terminal to see the plan on, nothing is done."""
    not_done = "Nothing was done."
    if not sys.stdin.isatty():
        raise Cancelled("this was the preview", not_done=not_done, next_step="repeat with --yes to do it")
    if action.danger is Danger.NONE:
        return
    if action.danger is Danger.TYPED:
        wanted = plan.steps[0].name
        if click.prompt(f"Type {wanted} to go on", default="", show_default=False, err=True) != wanted:
            raise Cancelled("another name was typed", not_done=not_done)
    elif not click.confirm(f"{action.title}?", err=True):
        raise Cancelled("not confirmed", not_done=not_done)


COMMANDS: Final = {action.verb: _command(action) for action in ACTIONS}
