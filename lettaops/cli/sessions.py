"""`lettaops sessions`: who is in the database, and cancelling or ending sessions."""

import asyncio
from typing import Final

import click

from lettaops.cli.deed import action_of, executor, planned, told
from lettaops.cli.looking import failure, look, seen
from lettaops.cli.pool_json import knot_object, session_object
from lettaops.cli.session import Session
from lettaops.model.database.picture import Part, Picture
from lettaops.model.database.sessions import Owner
from lettaops.model.database.sessions import Session as DatabaseSession
from lettaops.model.text import Safe
from lettaops.model.units import UNKNOWN, duration
from lettaops.operations.deed_plan import Deed, DeedPlan
from lettaops.operations.session_acts import SessionActs, plan_on_sessions
from lettaops.sources import sql

SCHEMA: Final = "lettaops/sessions/1"
_TITLES: Final = ("PID", "OWNER", "STATE", "SINCE", "TRANSACTION", "WAITS", "CLIENT", "APPLICATION", "QUERY")
_NUMBERS: Final = frozenset({0, 3, 4})
_PARTS: Final = (Part.SESSIONS,)


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One object.")
@click.option("--all", "everything", is_flag=True, help="With processes of the database, and lettaops' own.")
@click.option("--no-queries", is_flag=True, help="Without the texts of statements, which hold users' data.")
@click.pass_context
def sessions(context: click.Context, as_json: bool, everything: bool, no_queries: bool) -> int | None:
    """List the database's sessions; those that hold others up come first.

    Exit status 1 when the database can't be read.
    """
    if context.invoked_subcommand is not None:
        return None
    session: Session = context.obj
    picture = look(session, _PARTS).picture
    error = failure(picture)
    if error is not None:
        raise error
    shown = [
        each
        for each in picture.sessions
        if everything or each.owner not in {Owner.LETTAOPS, Owner.BACKGROUND}
    ]
    if as_json:
        session.output.json(
            {
                "schema": SCHEMA,
                "checked_at": picture.taken_at,
                "way": picture.way,
                "sessions": [session_object(each, query=not no_queries) for each in shown],
                "tree": [knot_object(each) for each in picture.tree],
                "missing": [each.privilege for each in picture.server.missing] if picture.server else [],
            }
        )
        return None
    _print(session, picture, shown, no_queries=no_queries)
    return None


def _print(session: Session, picture: Picture, shown: list[DatabaseSession], *, no_queries: bool) -> None:
    depths = {knot.pid: (at, knot.depth) for at, knot in enumerate(picture.tree)}
    last = (len(depths), 0)
    shown.sort(key=lambda each: depths.get(each.pid, last)[0])
    rows = []
    for each in shown:
        _, depth = depths.get(each.pid, last)
        query = "" if no_queries else each.query
        rows.append(_row(each, depth, query))
    session.output.table(_TITLES, rows, right=_NUMBERS)
    for knot in picture.tree:
        if knot.depth == 0:
            who = f"session {knot.pid}" if knot.session is not None else knot.words
            session.output.talk(f"{who} holds up {knot.behind}")
    if picture.server is not None:
        for missing in picture.server.missing:
            session.output.talk(f"without {missing.privilege}: {missing.hidden} ({missing.remedy})")


def _row(each: DatabaseSession, depth: int, query: str) -> tuple[str, ...]:
    state = f"{each.state} !" if each.state.in_transaction else str(each.state)
    return (
        str(each.pid),
        str(each.owner),
        state,
        duration(each.state_s),
        duration(each.transaction_s),
        ("↳ " * depth) + (each.waits or ("" if depth else UNKNOWN)),
        each.client or UNKNOWN,
        each.application or UNKNOWN,
        query,
    )


@sessions.command(help=action_of(Deed.CANCEL_SESSION).help)
@click.argument("pids", nargs=-1, required=True, type=int, metavar="PID…")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.pass_obj
def cancel(session: Session, pids: tuple[int, ...], yes: bool) -> int:
    """Cancel statements."""
    return _act(session, Deed.CANCEL_SESSION, pids, yes=yes)


@sessions.command(help=action_of(Deed.TERMINATE_SESSION).help)
@click.argument("pids", nargs=-1, required=True, type=int, metavar="PID…")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@click.pass_obj
def terminate(session: Session, pids: tuple[int, ...], yes: bool) -> int:
    """End sessions."""
    return _act(session, Deed.TERMINATE_SESSION, pids, yes=yes)


def _act(session: Session, deed: Deed, pids: tuple[int, ...], *, yes: bool) -> int:
    major = sql.OLDEST

    async def plan() -> DeedPlan:
        nonlocal major
        async with seen(session, _PARTS) as found:
            error = failure(found.picture)
            if error is not None:
                raise error
            if found.picture.server is not None:
                major = found.picture.server.major
            return plan_on_sessions(
                deed,
                found.picture,
                pids,
                project=found.stack.project,
                engine=Safe(session.target.name),
            )

    made = planned(session, deed, plan, yes=yes)
    return asyncio.run(_do(session, made, major))


async def _do(session: Session, plan: DeedPlan, major: int) -> int:
    from lettaops.monitor.observe import observe
    from lettaops.sources.engine import Engine

    async with Engine(session.target) as engine:
        stack = (await observe(engine, session.settings.profile.project)).stack
        acts = SessionActs(engine, stack, executor(session), major=major)
        return await told(session, acts.run(plan))
