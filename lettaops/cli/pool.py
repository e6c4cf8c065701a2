"""`lettaops pool`: what Letta may ask of its database against what that can give, and how the database is."""

from typing import Final

import click

from lettaops.cli.looking import failure, look
from lettaops.cli.output import Output
from lettaops.cli.session import Session
from lettaops.model.cells import wrap
from lettaops.model.database.activity import cache_hit_since_reset
from lettaops.model.database.picture import Part, Picture
from lettaops.model.database.sessions import Owner
from lettaops.model.errors import Exit
from lettaops.model.units import UNKNOWN, duration, percent, size

_TABLES: Final = 12  # rows of the list of tables


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One object.")
@click.pass_obj
def pool(session: Session, as_json: bool) -> int:
    """Show sessions and pool budget, waits, locks, sizes and pgvector.

    Exit status 1 when the database can't be read; what the settings alone tell is shown then.
    """
    found = look(session, tuple(Part), rates=True)
    picture = found.picture
    if as_json:
        from lettaops.cli.pool_json import document

        session.output.json(document(picture, found.stack, session.target.name))
    else:
        _print(session.output, picture, f"{found.stack.project} on {session.target.name}")
    error = failure(picture)
    if error is not None:
        session.output.error(error)
        return int(Exit.FAILED)
    return int(Exit.DONE)


def _print(output: Output, picture: Picture, title: str) -> None:
    server = picture.server
    if server is not None:
        title += f"  database {server.database}, PostgreSQL {server.words}, by {picture.way}"
    output.line(title)
    _budget(output, picture)
    if server is None:
        return
    _sessions(output, picture)
    _activity(output, picture)
    _horizon(output, picture)
    _tables(output, picture)
    _letta(output, picture)
    for missing in server.missing:
        output.talk(f"without {missing.privilege}: {missing.hidden} ({missing.remedy})")
    for part, reason in picture.faults.items():
        output.talk(f"{part} could not be read: {reason}")


def _budget(output: Output, picture: Picture) -> None:
    budget = picture.budget
    columns = output.columns or 110
    for line in wrap(budget.sentence, columns):
        output.line(line)
    for extra in (budget.arithmetic, f"first: {budget.change}" if budget.change else "", *budget.notes):
        if extra:
            for line in wrap(f"  {extra}", columns, indent="  "):
                output.line(line)
    rows = [
        (
            replica.name,
            setting.name,
            UNKNOWN if setting.value is None else _shown(setting.value),
            _shown(setting.default),
            setting.origin + (", ignored" if setting.ignored else ""),
        )
        for replica in budget.replicas
        for setting in replica.settings.settings
    ]
    if rows:
        output.line()
        output.table(("SERVER", "SETTING", "VALUE", "DEFAULT", "FROM"), rows, right=frozenset({2, 3}))


def _sessions(output: Output, picture: Picture) -> None:
    output.line()
    rows = [
        (
            each.owner,
            each.state + (" !" if each.state.in_transaction else ""),
            str(each.count),
            duration(each.longest_s),
        )
        for each in picture.groups
    ]
    output.table(("OWNER", "STATE", "SESSIONS", "LONGEST"), rows, right=frozenset({2, 3}))
    for knot in picture.tree:
        held = knot.session
        what = f"{held.client}, {held.state} {duration(held.state_s)}" if held is not None else knot.words
        holds = f" holds up {knot.behind}" if knot.depth == 0 else ""
        output.line(f"  {'  ' * knot.depth}{knot.pid}  {what}{holds}")


def _activity(output: Output, picture: Picture) -> None:
    now, counters = picture.rates, picture.counters
    output.line()
    output.line(
        f"transactions {_rate(now.transactions)}, rollbacks {_share(now.rollback_share)}, connects "
        f"{_rate(now.connects)}, cache hit {_share(now.cache_hit)}, WAL {_bytes(now.wal_bytes)}"
    )
    if counters is not None:
        timed, demanded = _count(counters.checkpoints_timed), _count(counters.checkpoints_requested)
        output.line(
            f"since the counters' reset: deadlocks {_count(counters.deadlocks)}, "
            f"temporary files {_count(counters.temp_files)} ({size(counters.temp_bytes)}), "
            f"cache hit {_share(cache_hit_since_reset(counters))}, "
            f"checkpoints {timed} by time and {demanded} on demand"
        )


def _horizon(output: Output, picture: Picture) -> None:
    horizon, longest = picture.horizon, picture.longest
    if longest is not None and longest.owner is not Owner.LETTAOPS:
        output.line(
            f"longest transaction: {duration(longest.transaction_s)}, session {longest.pid} "
            f"({longest.client})"
        )
    if horizon is None:
        return
    if horizon.holders:
        oldest = horizon.holders[0]
        kept = f"{oldest.transactions:,} transactions"
        output.line(f"oldest rows kept for {oldest.kind} {oldest.name}: {kept}")
    if horizon.wraparound is not None:
        wrap_ = horizon.wraparound
        forced = ", autovacuum is forced" if wrap_.forced else ""
        alarm = " ACT NOW: vacuum it" if wrap_.alarm else ""
        output.line(
            f"wraparound: {wrap_.left:,} {wrap_.counter} left in {wrap_.database} "
            f"(age {wrap_.age:,}{forced}){alarm}"
        )
    if horizon.prepared:
        output.line(
            f"prepared transactions: {horizon.prepared}, oldest {duration(horizon.oldest_prepared_s)}"
        )
    for standby in horizon.standbys:
        output.line(
            f"replica {standby.name} {standby.address}: {standby.state}, {size(standby.behind_bytes)} behind"
        )
    for slot in horizon.slots:
        state = "active" if slot.active else "not used"
        output.line(f"slot {slot.name}: {state}, keeps {size(slot.kept_bytes)} of WAL")


def _tables(output: Output, picture: Picture) -> None:
    sizes, vectors = picture.sizes, picture.vectors
    if sizes is not None:
        overdue = {each.name for each in sizes.overdue}
        rows = []
        for each in [table for table in sizes.tables if table.matters][:_TABLES]:
            grown = picture.growth.get(f"{each.schema}.{each.name}")
            rows.append(
                (
                    each.name,
                    _count(each.rows),
                    size(each.total),
                    f"{size(grown.bytes)} in {duration(grown.seconds)}"
                    if grown and grown.bytes > 0
                    else UNKNOWN,
                    _count(each.dead) + (" overdue" if each.name in overdue else ""),
                    f"{duration(each.vacuumed_s)} ago" if each.vacuumed_s is not None else "never",
                )
            )
        output.line()
        output.line(f"database {size(sizes.database)}")
        titles = ("TABLE", "ROWS ~", "SIZE", "GREW", "DEAD", "VACUUMED")
        output.table(titles, rows, right=frozenset({1, 2, 3, 4}))
        for running in sizes.running:
            share = f", {running.share:.0%} scanned" if running.share is not None else ""
            output.line(f"vacuum of {running.table}: {running.phase}{share}")
    if picture.traces:
        for line in wrap(picture.traces, output.columns or 110):
            output.line(line)
    if vectors is not None:
        output.line(f"pgvector {vectors.version or 'is not in this database'}")
        for column in vectors.columns:
            output.line(f"  {column.words or f'{column.table}.{column.column} has an index'}")


def _letta(output: Output, picture: Picture) -> None:
    letta = picture.letta
    if letta is None:
        return
    runs = letta.runs
    words = [f"agents {'about ' if letta.estimated else ''}{_count(letta.agents)}"]
    if runs is not None:
        words.append(f"runs active {runs.active}, stuck {runs.stuck}, waiting for approval {runs.waiting}")
    words.append(f"tokens within the hour {_count(letta.tokens_hour)}")
    output.line("Letta: " + ", ".join(words))
    schema = letta.schema
    verdict = {True: "as the server wants it", False: f"but the server wants {schema.wanted}", None: ""}
    output.line(f"schema {', '.join(schema.heads) or UNKNOWN} {verdict[schema.fits]}".rstrip())


def _rate(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1f}/s"


def _bytes(value: float | None) -> str:
    return UNKNOWN if value is None else f"{size(value)}/s"


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else percent(value * 100)


def _count(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


def _shown(value: int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
