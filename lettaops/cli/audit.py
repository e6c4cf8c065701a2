"""`lettaops audit`: the record of acts, and whether it is whole."""

import click

from lettaops.cli.output import Output
from lettaops.cli.session import Session
from lettaops.model.errors import Exit
from lettaops.operations.audit import AuditLog, Break, Record

SHOWN = 50
_TITLES = ("WHEN", "WHO", "FROM", "ACT", "SERVICE", "CONTAINER", "RESULT")


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One object with all records.")
@click.option(
    "--last",
    type=click.IntRange(1),
    metavar="N",
    help=f"How many records; {SHOWN} when absent, with --json all.",
)
@click.pass_context
def audit(context: click.Context, as_json: bool, last: int | None) -> None:
    """Show who did what to which container, and how it ended."""
    if context.invoked_subcommand is not None:
        return
    session: Session = context.obj
    log = AuditLog(session.state, session.operator)
    records = list(log.records())
    if last is not None or not as_json:
        records = records[-(last or SHOWN) :]
    if as_json:
        found = [
            each if isinstance(each, Record) else {"line": each.line, "broken": each.words}
            for each in records
        ]
        session.output.json({"schema": "lettaops/audit/1", "path": str(log.path), "records": found})
        return
    if not records:
        session.output.talk(f"no act was recorded in {log.path}")
        return
    session.output.table(_TITLES, [_row(each) for each in records])


@audit.command()
@click.option("--json", "as_json", is_flag=True, help="One object.")
@click.pass_obj
def verify(session: Session, as_json: bool) -> int:
    """Check the chain of the records. Exit status 6 when a record was changed, removed or cut off."""
    log = AuditLog(session.state, session.operator)
    count, breaks = log.verify()
    if as_json:
        found = [{"line": each.line, "words": each.words} for each in breaks]
        session.output.json(
            {"schema": "lettaops/audit-verify/1", "path": str(log.path), "records": count, "breaks": found}
        )
    else:
        _tell(session.output, str(log.path), count, breaks)
    return int(Exit.UNVERIFIED if breaks else Exit.DONE)


def _tell(output: Output, path: str, count: int, breaks: tuple[Break, ...]) -> None:
    if not breaks:
        output.line(f"{count} records in {path}, the chain is whole")
        return
    output.line(f"{count} records in {path}; the chain is broken in {len(breaks)} places:")
    for each in breaks:
        output.line(f"  line {each.line}: {each.words}")


def _row(record: Record | Break) -> tuple[str, ...]:
    if isinstance(record, Break):
        return ("?", "", "", "", "", "", f"line {record.line}: {record.words}")
    operator = record.operator
    who = f"{operator.sudo_user} as {operator.user}" if operator.sudo_user else str(operator.user)
    result = (
        "about to" if record.kind == "intent" else record.detail.get("words", record.detail.get("result", ""))
    )
    return (
        record.at,
        who,
        operator.from_address or operator.terminal,
        record.act,
        record.target.get("service", ""),
        record.target.get("container_id", "")[:12],
        result,
    )
