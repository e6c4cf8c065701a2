"""One look at a database: some parts in one statement, and each for itself where that fails."""

import time
from collections.abc import Sequence
from typing import Final

import msgspec

from lettaops.model.database.access import Server, server_from
from lettaops.model.database.failures import StatementFailed
from lettaops.model.database.picture import Part
from lettaops.model.document import Document
from lettaops.model.errors import ProtocolError
from lettaops.model.text import Safe
from lettaops.monitor.database.ways import Asking
from lettaops.sources import sql

SOON: Final = 5.0  # seconds until a part that was locked or slow is tried again
LATER: Final = 60.0  # and one that isn't there, or isn't allowed
_PASSING: Final = frozenset({"55P03", "57014"})


class Look:
    """Asks one session. A part that fails is left out of the others' statement until its time comes again."""

    def __init__(self, session: Asking) -> None:
        self._session = session
        self._major = sql.OLDEST
        self._again: dict[Part, float] = {}
        self.faults: dict[Part, Safe] = {}
        self.statements = 0

    async def server(self) -> tuple[Server, Document]:
        """Which server it is; the first thing to ask. Raises `LettaopsError` when it is too old."""
        document = await self._ask(
            sql.statement(Part.SERVER, sql.OLDEST), "what server it is and what we may see"
        )
        server = server_from(document)
        sql.statement(Part.SERVER, server.major)
        self._major = server.major
        return server, document

    async def read(self, parts: Sequence[Part]) -> dict[Part, Document]:
        """The parts that could be read; `faults` says why others could not.

        Raises what breaks the session.
        """
        now = time.monotonic()
        due = [each for each in parts if self._again.get(each, now) <= now]
        sound = [each for each in due if each not in self._again]
        doubtful = [each for each in due if each in self._again]
        found: dict[Part, Document] = {}
        if len(sound) > 1:
            try:
                document = await self._ask(sql.joined(sound, self._major), " and ".join(sound))
            except StatementFailed:
                doubtful += sound
            else:
                found |= {each: _part(document, each) for each in sound}
        else:
            doubtful += sound
        for part in doubtful:
            await self._alone(part, found)
        return found

    async def _alone(self, part: Part, found: dict[Part, Document]) -> None:
        try:
            document = await self._ask(sql.joined([part], self._major), part)
        except StatementFailed as error:
            self.faults[part] = error.what
            self._again[part] = time.monotonic() + (SOON if error.sqlstate in _PASSING else LATER)
        else:
            self.faults.pop(part, None)
            self._again.pop(part, None)
            found[part] = _part(document, part)

    async def _ask(self, statement: str, what: str) -> Document:
        self.statements += 1
        answer = await self._session.ask(statement, what=what)
        try:
            value = msgspec.json.decode(answer)
        except (msgspec.DecodeError, RecursionError) as error:
            raise ProtocolError(f"{self._session.where} gave no JSON for {what}") from error
        return Document(value)


def _part(document: Document, part: Part) -> Document:
    """A part of the joined answer; the list of sessions stays a field, because it is no object."""
    return document if part is Part.SESSIONS else document.sub(part)
