"""`lettaops logs`: the logs of all services as one, or of some; once, or followed."""

import asyncio
import contextlib
import signal
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from lettaops.cli.log_output import Printer, Writer
from lettaops.cli.session import Session
from lettaops.model.errors import Exit, UsageError
from lettaops.model.frames import KEPT_BYTES
from lettaops.model.logs.level import Level, level_named
from lettaops.model.logs.pattern import Match
from lettaops.model.logs.query import AtLeast, Exclude, Include, Part, Query
from lettaops.model.moment import FORMS, nanoseconds, parse_moment
from lettaops.model.text import clean
from lettaops.operations.log_file import Form, NewFile

if TYPE_CHECKING:
    from lettaops.monitor.logs import FeedOptions

DEFAULT_TAIL: Final = 1000
WHOLE_LINE_BYTES: Final = 64 * 1024 * 1024  # of a line with --raw
TERMINATED: Final = 143  # as a shell gives for what SIGTERM ended
_LEVELS: Final = ", ".join(level.label for level in Level if level.label)


@click.command()
@click.argument("services", nargs=-1, metavar="[SERVICE…]")
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, over restarts and recreations.")
@click.option(
    "--tail",
    metavar="N",
    help=f"Lines from the end of each container's log, or `all`. [{DEFAULT_TAIL}; all with --since]",
)
@click.option("--since", metavar="T", help=f"No older lines: {FORMS}.")
@click.option("--grep", multiple=True, metavar="RE", help="Only records that hold this; again: that too.")
@click.option("--exclude", multiple=True, metavar="RE", help="No records that hold this.")
@click.option("--level", metavar="L", help=f"Only records of this level or graver: {_LEVELS}.")
@click.option("--json", "as_json", is_flag=True, help="One object a record.")
@click.option("--raw", is_flag=True, help="The bytes as they came, secrets too; never to a terminal.")
@click.option("-o", "--output", "path", type=click.Path(path_type=Path), help="Write to a new file (0600).")
@click.pass_obj
def logs(
    session: Session,
    services: tuple[str, ...],
    follow: bool,
    tail: str | None,
    since: str | None,
    grep: tuple[str, ...],
    exclude: tuple[str, ...],
    level: str | None,
    as_json: bool,
    raw: bool,
    path: Path | None,
) -> int:
    """The logs of all services, in the order of time; cleaned, with secrets masked.

    A record is a line with what belongs to it, such as a traceback. What reading has to say (a restart,
    lines that are missing) stands among the records on a terminal, in files and in JSON, else on stderr.

    Exit status: 0 done, 3 when not every log could be read, 1 when none could.
    """
    form = _form(session, as_json=as_json, raw=raw, to_file=path is not None)
    query = _query(grep, exclude, level)
    options = _options(services, follow=follow, tail=tail, since=since, whole=raw)
    if path is None:
        return asyncio.run(_read(session, options, query, Printer(session.output, form)))
    return asyncio.run(_read_into(session, options, query, path, form))


async def _read_into(session: Session, options: "FeedOptions", query: Query, path: Path, form: Form) -> int:
    """Read into a file, which keeps what came until Ctrl-C or SIGTERM end the following."""
    terminated = asyncio.Event()
    task = asyncio.current_task()

    def terminate() -> None:
        terminated.set()
        if task is not None:
            task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, terminate)
    with NewFile(path, form) as file:
        try:
            status = await _read(session, options, query, file)
        except asyncio.CancelledError:
            if options.follow:
                _keep(session, file)
            if not terminated.is_set():
                raise
            return TERMINATED
        _keep(session, file)
    return status


def _keep(session: Session, file: NewFile) -> None:
    file.keep()
    session.output.talk(f"{file.count} {file.form.things} written to {file.path}")


async def _read(session: Session, options: "FeedOptions", query: Query, writer: Writer) -> int:
    from lettaops.monitor.logs import LogFeed
    from lettaops.monitor.logs.records import Sieve, records_of
    from lettaops.sources.engine import Engine

    sieve = Sieve(query)
    async with (
        Engine(session.target) as engine,
        LogFeed(engine, options, project=session.settings.profile.project) as feed,
        contextlib.aclosing(
            records_of(feed, assembled=writer.form is not Form.RAW or bool(query.parts))
        ) as records,
    ):
        async for batch in records:
            if passing := sieve.passing(batch):
                writer.write(passing)
        if not feed.unreadable:
            return Exit.DONE
        return Exit.PARTIAL if feed.read else Exit.FAILED


def _form(session: Session, *, as_json: bool, raw: bool, to_file: bool) -> Form:
    if as_json and raw:
        raise UsageError("--json and --raw exclude each other")
    if as_json:
        return Form.JSON
    on_screen = session.output.is_tty and not to_file
    if raw and on_screen:
        raise UsageError(
            "--raw would hand a log's bytes to this terminal, which obeys them",
            next_step="give them to another program, or to a file with -o; without --raw they are cleaned",
        )
    return Form.RAW if raw else Form.SCREEN if on_screen else Form.TEXT


def _query(grep: tuple[str, ...], exclude: tuple[str, ...], level: str | None) -> Query:
    parts: list[Part] = [Include(Match(clean(each), regex=True)) for each in grep]
    parts += [Exclude(Match(clean(each), regex=True)) for each in exclude]
    if level is not None:
        least = level_named(level)
        if least is None:
            raise UsageError(f"there is no level {clean(level)}", next_step=f"known: {_LEVELS}")
        parts.append(AtLeast(least))
    return Query(parts=tuple(parts))


def _options(
    services: tuple[str, ...], *, follow: bool, tail: str | None, since: str | None, whole: bool
) -> "FeedOptions":
    from lettaops.monitor.logs import FeedOptions

    since_ns = None
    if since is not None:
        moment = parse_moment(since, datetime.now().astimezone())
        if moment is None:
            raise UsageError(f"--since {clean(since)} is no moment", next_step=f"known forms: {FORMS}")
        since_ns = nanoseconds(moment)
    return FeedOptions(
        services=services,
        tail=_tail(tail, since is not None),
        since_ns=since_ns,
        follow=follow,
        keep_bytes=WHOLE_LINE_BYTES if whole else KEPT_BYTES,
    )


def _tail(text: str | None, has_since: bool) -> int | None:
    if text is None:
        return None if has_since else DEFAULT_TAIL
    if text == "all":
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise UsageError(f"--tail {clean(text)} is no number of lines", next_step="give a number, or all")
    return int(text)
