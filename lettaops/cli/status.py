"""`lettaops status`: what is up, what is not, and why."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

import click

from lettaops.cli.output import Output
from lettaops.cli.session import Session
from lettaops.model.errors import Exit
from lettaops.model.signs import sign
from lettaops.model.source import Link
from lettaops.model.verdict import Overall
from lettaops.monitor.rows import ServiceRow, service_rows

if TYPE_CHECKING:
    from lettaops.monitor.snapshot import Snapshot
    from lettaops.monitor.watch import StackWatch

_EXITS: Final = {
    Overall.HEALTHY: Exit.DONE,
    Overall.DEGRADED: Exit.WARNING,
    Overall.DOWN: Exit.CRITICAL,
    Overall.UNKNOWN: Exit.UNKNOWN,
}
_TITLES: Final = (" ", "SERVICE", "VERDICT", "UP", "RESTARTS", "CPU", "MEMORY", "PROBE", "WHY")
FIRST_ANSWERS_SECONDS: Final = 2.5
_NUMBERS: Final = frozenset({3, 4, 5, 6, 7})


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One object; with --watch one a line.")
@click.option("--watch", is_flag=True, help="Go on, and print again whenever something changes.")
@click.pass_obj
def status(session: Session, as_json: bool, watch: bool) -> int:
    """Every service with its verdict, the reason for it, and what its probe said.

    Exit status: 0 healthy, 10 degraded, 11 down, 12 unknown.
    """
    if watch:
        asyncio.run(_watch(session, as_json=as_json))  # until Ctrl-C, or nobody reads any more
    snapshot = asyncio.run(_once(session))
    show(session.output, snapshot, as_json=as_json)
    return int(_EXITS[snapshot.assessment.overall])


async def _once(session: Session) -> "Snapshot":
    async with _watching(session) as watch:
        return await watch.once()


async def _watch(session: Session, *, as_json: bool) -> None:
    output = session.output
    async with _watching(session) as watch, asyncio.TaskGroup() as group:
        running = group.create_task(watch.run())
        closed = await _print(output, watch, as_json=as_json)
        if closed is None:  # the snapshots ended with the task: it says why
            await running
        running.cancel()
    if closed is not None:
        raise closed


async def _print(output: Output, watch: "StackWatch", *, as_json: bool) -> OSError | None:
    """Print what is new until nobody reads it any more, or it can't be written."""
    last = None
    await _first_answers(watch)
    try:
        async for snapshot in watch.changes():
            essence = _essence(snapshot)
            if output.is_tty and not as_json:
                output.home()
                show(output, snapshot, as_json=False)
            elif essence != last:
                show(output, snapshot, as_json=as_json)
                if not as_json:
                    output.line()
            last = essence
    except OSError as error:
        return error
    return None


async def _first_answers(watch: "StackWatch") -> None:
    """Wait until there is something to tell: services not asked yet would be news that isn't any."""
    before = watch.snapshot.answers
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FIRST_ANSWERS_SECONDS):
            while True:
                snapshot = watch.snapshot
                link = snapshot.engine.link
                missing = link is Link.LIVE and snapshot.stack is None
                if snapshot.answers is not before or missing or link not in {Link.CONNECTING, Link.LIVE}:
                    return
                await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def _watching(session: Session) -> "AsyncIterator[StackWatch]":
    from lettaops.monitor.ask import Asker
    from lettaops.monitor.watch import StackWatch
    from lettaops.sources.engine import Engine

    password = session.settings.password()
    async with Engine(session.target) as engine, Asker(engine, password=password) as asker:
        yield StackWatch(engine, asker, project=session.settings.profile.project)


def _essence(snapshot: "Snapshot") -> object:
    """What makes a snapshot worth printing again: verdicts and reasons, not ages and latencies."""
    assessment = snapshot.assessment
    states = tuple(
        (each.member.container.id, each.verdict, _frame(each.reason)) for each in assessment.judgements
    )
    return (assessment.overall, snapshot.engine.link, states)


def _frame(reason: str) -> str:
    """A reason without its numbers."""
    return "".join(char for char in reason if not char.isdigit())


def show(output: Output, snapshot: "Snapshot", *, as_json: bool) -> None:
    """Print a snapshot as a table, or as one object (`lettaops/status/1`)."""
    if as_json:
        from lettaops.cli.status_json import document

        output.json(document(snapshot))
        return
    assessment = snapshot.assessment
    stack = snapshot.stack
    name = f"{stack.project} ({stack.shape})" if stack is not None else "no stack seen"
    clock = snapshot.taken_at.astimezone().strftime("%H:%M:%S")
    overall = f"{sign(assessment.overall).symbol} {assessment.overall.upper()}"
    output.head(f"{name} on {snapshot.engine_name}", f"{overall}  {clock}")
    output.paragraph(assessment.sentence)
    if snapshot.engine.link is not Link.LIVE and snapshot.engine.next_step:
        output.paragraph(snapshot.engine.next_step, indent="  ")
    if assessment.judgements:
        output.line()
        output.table(_TITLES, [_cells(each) for each in service_rows(snapshot)], right=_NUMBERS)


def _cells(row: ServiceRow) -> tuple[str, ...]:
    return (
        row.sign.symbol,
        row.name,
        row.verdict,
        row.uptime,
        str(row.restarts),
        row.cpu,
        row.memory,
        row.probe,
        row.reason,
    )
