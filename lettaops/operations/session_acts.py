"""Cancelling statements of database sessions, ending sessions: the plan, and how it is done and proven."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final

import msgspec

from lettaops.model.database.access import Server, identifier
from lettaops.model.database.failures import StatementFailed
from lettaops.model.database.picture import Picture
from lettaops.model.database.sessions import Owner, Session, State
from lettaops.model.document import Document
from lettaops.model.errors import Denied, LettaopsError, ProtocolError, Refused, Unproven, UsageError
from lettaops.model.stack import Stack
from lettaops.model.text import Safe, clean
from lettaops.model.units import duration
from lettaops.monitor.database.ways import Asking, enter, ways_to
from lettaops.operations.deed_plan import Deed, DeedPlan, DeedStep
from lettaops.operations.deeds import DeedExecutor, DeedResult
from lettaops.sources import sql
from lettaops.sources.engine import Engine

PROOF_SECONDS: Final = 5.0
_NOTHING: Final = "Nothing was done."
_AUTOVACUUM: Final = "autovacuum worker"
_RUNNING: Final = frozenset({State.ACTIVE, State.FASTPATH})


def plan_on_sessions(
    deed: Deed, picture: Picture, pids: Sequence[int], *, project: Safe, engine: Safe
) -> DeedPlan:
    """Plan a deed on the sessions with these pids, as the picture shows them.

    Raises `UsageError` for a pid that isn't there, `Refused` for a session that can't or mustn't be touched.
    """
    known = {each.pid: each for each in picture.sessions}
    chosen: list[Session] = []
    for pid in dict.fromkeys(pids):
        session = known.get(pid)
        if session is None:
            raise UsageError(
                f"there is no session with the pid {pid}",
                not_done=_NOTHING,
                next_step="see `lettaops sessions`",
            )
        _check(deed, session, picture.server)
        chosen.append(session)
    database = picture.server.database if picture.server is not None else Safe()
    behind = {each.pid: each.behind for each in picture.tree}
    return DeedPlan(
        deed=deed,
        project=project,
        engine=engine,
        where=clean(f"database {database} at {picture.way}"),
        steps=tuple(_step(deed, each, behind.get(each.pid, 0), engine, project) for each in chosen),
    )


class SessionActs:
    """Does plans on sessions, over a session of its own for as long as that takes."""

    def __init__(self, engine: Engine, stack: Stack, executor: DeedExecutor, *, major: int) -> None:
        self._engine = engine
        self._stack = stack
        self._executor = executor
        self._major = major
        self._session: Asking | None = None

    async def run(self, plan: DeedPlan) -> AsyncIterator[DeedResult]:
        """One result a step. Raises `Refused` or `Locked` before anything is touched."""

        async def do(step: DeedStep) -> Safe:
            return await self._do(plan.deed, step)

        try:
            async for result in self._executor.run(plan, do):
                yield result
        finally:
            if self._session is not None:
                self._session.close()
                self._session = None

    async def _do(self, deed: Deed, step: DeedStep) -> Safe:
        session = await self._entered()
        name = "cancel" if deed is Deed.CANCEL_SESSION else "terminate"
        numbers = step.numbers if deed is Deed.CANCEL_SESSION else step.numbers[:2]
        try:
            answer = await _ask(session, sql.statement(name, self._major), numbers, f"{name} {step.name}")
        except StatementFailed as error:
            if error.sqlstate == "42501":
                raise Denied(
                    error.what,
                    not_done=_NOTHING,
                    next_step="the role needs pg_signal_backend, or to be a superuser",
                ) from error
            raise
        if "sent" not in answer:
            statement = ", or its statement has" if deed is Deed.CANCEL_SESSION else ""
            raise Refused(
                f"{step.name} has ended{statement} since it was looked at",
                not_done="Nothing was done to whatever has its pid now.",
                next_step="look again and repeat",
            )
        if not answer.flag("sent"):
            raise LettaopsError(f"{step.name} could not be signalled", next_step="look again: has it ended?")
        return await self._prove(session, deed, step)

    async def _entered(self) -> Asking:
        """The session that the deeds are done over, opened for the first of them."""
        if self._session is None:
            try:
                _, self._session = await enter(ways_to(self._engine, self._stack))
            except LettaopsError as error:
                error.not_done = error.not_done or Safe(_NOTHING)
                raise
        return self._session

    async def _prove(self, session: Asking, deed: Deed, step: DeedStep) -> Safe:
        """Look until it shows. Raises `Unproven` when that isn't seen in time."""
        still = sql.statement("still", self._major)
        deadline, pause = time.monotonic() + PROOF_SECONDS, 0.01
        while True:
            answer = await _ask(session, still, step.numbers, f"{step.name} again")
            if not answer.flag("there"):
                return Safe("has ended")
            if deed is Deed.CANCEL_SESSION and not answer.flag("runs"):
                return Safe("had its statement cancelled")
            if time.monotonic() > deadline:
                raise Unproven(
                    f"{step.name} was signalled, but goes on",
                    next_step="it obeys at its next chance; a process that waits for a disk has none",
                )
            await asyncio.sleep(pause)
            pause = min(0.25, pause * 2)


async def _ask(session: Asking, statement: str, numbers: tuple[int, ...], what: str) -> Document:
    answer = await session.ask(statement, *numbers, what=what)
    try:
        return Document(msgspec.json.decode(answer))
    except msgspec.DecodeError as error:
        raise ProtocolError(f"{session.where} gave no JSON for {what}") from error


def _check(deed: Deed, session: Session, server: Server | None) -> None:
    """Raises `Refused` where the deed can't work, or mustn't."""
    name = f"session {session.pid}"
    if session.owner is Owner.LETTAOPS:
        raise Refused(f"{name} is lettaops' own", not_done=_NOTHING)
    if session.owner is Owner.BACKGROUND and session.kind != _AUTOVACUUM:
        step = f"act on session {session.leader}, which it works for" if session.leader else ""
        raise Refused(
            f"{name} is a process of the database itself ({session.kind})", not_done=_NOTHING, next_step=step
        )
    if server is not None and not (server.superuser or server.signals_all or session.user == server.role):
        raise Refused(
            f"{name} belongs to the role {session.user}, and {server.role} may signal only its own",
            not_done=_NOTHING,
            next_step=f"GRANT pg_signal_backend TO {identifier(server.role)}",
        )
    if session.hidden or session.started_us is None:
        raise Refused(
            f"{name} is hidden from us, so it can't be made sure that it is the one that is meant",
            not_done=_NOTHING,
            next_step=f"GRANT pg_monitor TO {identifier(server.role)}" if server is not None else "",
        )
    if deed is Deed.CANCEL_SESSION and session.state not in _RUNNING:
        raise Refused(
            f"{name} runs no statement ({session.state}): there is nothing to cancel",
            not_done=_NOTHING,
            next_step="terminate ends its transaction, and with it the locks that it holds"
            if session.state.in_transaction
            else "terminate ends the session itself",
        )


def _step(deed: Deed, session: Session, behind: int, engine: Safe, project: Safe) -> DeedStep:
    since = f" for {duration(session.state_s)}" if session.state_s is not None else ""
    application = f" ({session.application})" if session.application else ""
    who = f"{session.user} from {session.client}{application}" if session.is_client else session.kind
    query = f": {session.query}" if session.query else ""
    return DeedStep(
        name=clean(f"session {session.pid}"),
        identity=f"{engine}/{project}/session {session.pid}/{session.started_us}",
        detail=clean(f"{who}, {session.state}{since}{query}", 400),
        numbers=(session.pid, session.started_us or 0, session.statement_us or 0),
        effects=tuple(clean(each) for each in _effects(deed, session, behind)),
    )


def _effects(deed: Deed, session: Session, behind: int) -> list[str]:
    """What others will notice."""
    words: list[str] = []
    if deed is Deed.CANCEL_SESSION:
        words.append("its statement ends with an error; what becomes of its transaction, its client decides")
    elif session.transaction_s is not None:
        words.append("its connection is cut; what its transaction did is undone, and its locks are free")
    else:
        words.append("its connection is cut; no transaction is open in it")
    if session.owner is Owner.LETTA:
        words.append("it is Letta's: the request it works for fails, an agent's step may be lost")
    if session.kind == _AUTOVACUUM:
        words.append("autovacuum begins the table anew, later")
    if behind:
        words.append(f"{behind} session{'s that wait' if behind > 1 else ' that waits'} for it can go on")
    return words
