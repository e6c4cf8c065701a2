"""`lettaops runs`: which runs of agents there are, and cancelling them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from lettaops.cli.deed import action_of, executor, planned, told
from lettaops.cli.session import Session
from lettaops.model.database.runs import Run, RunStatus
from lettaops.model.errors import LettaopsError, NotFound, Unreachable, UsageError
from lettaops.model.recognise import SERVER_PORT
from lettaops.model.routes import routes_to
from lettaops.model.stack import Role, Stack
from lettaops.model.text import Safe, clean
from lettaops.model.units import UNKNOWN, duration
from lettaops.operations.deed_plan import Deed, DeedPlan
from lettaops.operations.run_acts import RunActs, plan_on_runs

if TYPE_CHECKING:
    from lettaops.sources.letta_runs import LettaRuns

SCHEMA: Final = "lettaops/runs/1"
_TITLES: Final = ("RUN", "STATUS", "AGE", "AGENT", "REASON")
_ACTIVE: Final = (RunStatus.CREATED, RunStatus.RUNNING)


class _Server(NamedTuple):
    """A server that answers, and its stack."""

    api: "LettaRuns"
    base: str
    stack: Stack


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One object.")
@click.option("--all", "everything", is_flag=True, help="Ended runs too, the newest hundred.")
@click.pass_context
def runs(context: click.Context, as_json: bool, everything: bool) -> None:
    """List the runs that haven't ended."""
    if context.invoked_subcommand is None:
        _list(context.obj, as_json=as_json, everything=everything)


@runs.command("list", help="List the runs that haven't ended.")
@click.option("--json", "as_json", is_flag=True, help="One object.")
@click.option("--all", "everything", is_flag=True, help="Ended runs too, the newest hundred.")
@click.pass_obj
def list_(session: Session, as_json: bool, everything: bool) -> None:
    """List runs."""
    _list(session, as_json=as_json, everything=everything)


@runs.command(help=action_of(Deed.CANCEL_RUN).help)
@click.argument("run_ids", nargs=-1, required=True, metavar="RUN…")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.pass_obj
def cancel(session: Session, run_ids: tuple[str, ...], yes: bool) -> int:
    """Cancel runs."""

    async def plan() -> DeedPlan:
        async with _server(session) as server:
            found = [await _known(server.api, each) for each in run_ids]
            return plan_on_runs(
                found,
                project=server.stack.project,
                engine=Safe(session.target.name),
                server=clean(server.base),
                now=datetime.now(UTC),
            )

    made = planned(session, Deed.CANCEL_RUN, plan, yes=yes)
    return asyncio.run(_cancel(session, made))


async def _cancel(session: Session, plan: DeedPlan) -> int:
    async with _server(session) as server:
        return await told(session, RunActs(server.api, executor(session)).run(plan))


async def _known(api: "LettaRuns", run_id: str) -> Run:
    try:
        return await api.run(run_id)
    except NotFound as error:
        raise UsageError(f"there is no run {clean(run_id, 80)}", next_step="see `lettaops runs`") from error


def _list(session: Session, *, as_json: bool, everything: bool) -> None:
    found = asyncio.run(_read(session, everything=everything))
    now = datetime.now(UTC)
    if as_json:
        session.output.json(
            {"schema": SCHEMA, "checked_at": now, "runs": [_object(each, now) for each in found]}
        )
        return
    if not found:
        session.output.talk("no run" if everything else "no run is active")
        return
    rows = [
        (
            each.id,
            each.status,
            duration(each.age(now)),
            each.agent_id,
            each.error or each.stop_reason or UNKNOWN,
        )
        for each in found
    ]
    session.output.table(_TITLES, rows, right=frozenset({2}))


async def _read(session: Session, *, everything: bool) -> tuple[Run, ...]:
    async with _server(session) as server:
        return await server.api.runs(() if everything else _ACTIVE)


@asynccontextmanager
async def _server(session: Session) -> "AsyncIterator[_Server]":
    """The first server of the stack that can be reached; all of them share the database."""
    from lettaops.monitor.observe import observe
    from lettaops.sources.engine import Engine
    from lettaops.sources.letta_runs import LettaRuns

    async with Engine(session.target) as engine:
        stack = (await observe(engine, session.settings.profile.project)).stack
    given = session.settings.password()
    error: LettaopsError = Unreachable("no Letta server runs here", next_step="see `lettaops status`")
    for member in stack.of(Role.SERVER):
        container = member.container
        if not container.state.running:
            continue
        password = given or container.environment.secret("LETTA_SERVER_PASSWORD") or stack.password
        host, local = session.target.host or "127.0.0.1", session.target.is_local
        for route in routes_to(container, SERVER_PORT, engine_host=host, local=local):
            async with LettaRuns(route.base, password) as api:
                try:
                    await api.runs(_ACTIVE)
                except Unreachable as unreached:
                    error = unreached
                    continue
                yield _Server(api, route.base, stack)
                return
    raise error


def _object(run: Run, now: datetime) -> dict[str, object]:
    return {
        "id": run.id,
        "agent_id": run.agent_id,
        "status": run.status,
        "stop_reason": run.stop_reason or None,
        "created_at": run.created_at,
        "completed_at": run.completed_at,
        "age_s": run.age(now),
        "background": run.background,
        "cancellable": run.cancellable,
        "error": run.error or None,
    }
