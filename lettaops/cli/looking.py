"""One look at the stack's database, for the verbs that show it or act on it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from lettaops.cli.session import Session
from lettaops.model.database.picture import Part, Picture
from lettaops.model.errors import LettaopsError
from lettaops.model.source import Link
from lettaops.model.stack import Stack
from lettaops.monitor.ask import Asker
from lettaops.monitor.database.state import Subject
from lettaops.monitor.database.watch import DatabaseWatch
from lettaops.monitor.observe import observe
from lettaops.sources.engine import Engine


class Seen(NamedTuple):
    """The stack and a picture of its database."""

    engine: Engine
    stack: Stack
    picture: Picture


@asynccontextmanager
async def seen(session: Session, parts: Sequence[Part], *, rates: bool = False) -> AsyncIterator[Seen]:
    """Look once; the engine stays open within the block. What fails of the database is in the picture.

    Raises what `observe` raises.
    """
    async with Engine(session.target) as engine:
        stack = (await observe(engine, session.settings.profile.project)).stack
        versions = {}
        if Part.LETTA in parts:
            async with Asker(engine, password=session.settings.password()) as asker:
                answers = await asker.ask(stack)
            versions = {identity: each.version for identity, each in answers.servers.items()}
        subject = Subject(stack=stack, versions=versions)
        watch = DatabaseWatch(engine, lambda: subject, session.state)
        yield Seen(engine, stack, await watch.once(parts, rates=rates))


def look(session: Session, parts: Sequence[Part], *, rates: bool = False) -> Seen:
    """As `seen`, for verbs that only show: the engine is closed already."""

    async def once() -> Seen:
        async with seen(session, parts, rates=rates) as found:
            return found

    return asyncio.run(once())


def failure(picture: Picture) -> LettaopsError | None:
    """Why the database could not be read; None when it was."""
    if picture.status.link is Link.LIVE:
        return None
    return LettaopsError(
        picture.status.reason or "the database was not read", next_step=picture.status.next_step
    )
