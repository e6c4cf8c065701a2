"""Sessions of a Postgres database. The one module that imports asyncpg."""

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final, Self, TypeAlias

import asyncpg

from lettaops.model.database.failures import no_answer, refusal, statement_failure
from lettaops.model.database.guest import SESSION_SETTINGS, STATEMENT_SECONDS
from lettaops.model.errors import LettaopsError, ProtocolError, Unreachable
from lettaops.model.pguri import DatabaseAddress
from lettaops.model.probe import Outcome
from lettaops.model.text import Safe, clean
from lettaops.sources import tally

CONNECT_SECONDS: Final = 3.0
ANSWER_SECONDS: Final = STATEMENT_SECONDS + 0.5  # the server's own limit should come first
_DIAL_SECONDS: Final = 0.5
_LEAVE_SECONDS: Final = 0.1  # for a cancel request to leave before its connection is dropped

_CANNOT_CONNECT_NOW: Final = "57P03"
_BY_STATE: Final = {
    "28": Outcome.DENIED,
    "3D": Outcome.DENIED,
    "42501": Outcome.DENIED,
    "53": Outcome.FULL,
    "57P": Outcome.CLOSED,  # it is being shut down, or a session of it crashed
    "58": Outcome.BROKEN,  # its files
    "XX": Outcome.BROKEN,  # its data, or itself
    "F0": Outcome.BROKEN,  # its configuration
}
# What asyncpg raises. The internal error is one of sessions too that are cut at the wrong moment.
FAILURES: Final = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    ValueError,
    EOFError,
)
if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record]


class Session:
    """A read-only session with bounds. Whatever breaks it closes it: open another one then."""

    def __init__(self, connection: "Connection", where: Safe, database: Safe) -> None:
        self._connection = connection
        self._database = database
        self.where = where

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """Whether it can't be asked any more."""
        return self._connection.is_closed()

    async def ask(self, sql: str, *arguments: int, what: str, timeout: float = ANSWER_SECONDS) -> str:
        """The one value that a statement gives, as text. `what` names it in errors.

        Raises `StatementFailed` where only the statement failed; `Unreachable`, `DeadlineExceeded` or another
        error of a broken session, which is closed then.
        """
        try:
            async with asyncio.timeout(timeout):
                value = await self._connection.fetchval(sql, *arguments)
        except TimeoutError as error:
            await asyncio.sleep(_LEAVE_SECONDS)
            self.close()
            raise no_answer(self.where, timeout) from error
        except asyncpg.PostgresError as error:
            if self._connection.is_closed() or _ends_session(error.sqlstate or ""):
                self.close()
                raise refusal(error.sqlstate or "", str(error), self.where) from error
            tally.transactions_ended(self._database, 1)
            raise statement_failure(error.sqlstate or "", str(error), what) from error
        except FAILURES as error:
            self.close()
            raise Unreachable(
                f"the session with {self.where} broke: {clean(str(error), 160)}",
                next_step="is it restarting?",
            ) from error
        tally.transactions_ended(self._database, 1)
        if not isinstance(value, str):
            raise ProtocolError(f"{self.where} gave no text for {what}")
        return value

    def close(self) -> None:
        """Drop it without a farewell, which a frozen server would not take."""
        with contextlib.suppress(OSError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            self._connection.terminate()


async def open_session(
    address: DatabaseAddress, host: str, port: int, *, where: Safe, timeout: float = CONNECT_SECONDS
) -> Session:
    """A session as the user of the address; `host` and `port` say how the database is reached from here.

    Raises `Denied` (`WrongPassword`), `Full`, `Unreachable` or `DeadlineExceeded`.
    """
    try:
        async with asyncio.timeout(timeout):
            connection = await connect(address, host, port, timeout=timeout)
    except TimeoutError as error:
        if await _takes_connections(host, port):
            raise no_answer(where, timeout) from error
        raise Unreachable(f"{where} can't be reached: no way leads there from here") from error
    except asyncpg.PostgresError as error:
        raise refusal(error.sqlstate or "", str(error), where) from error
    except FAILURES as error:
        raise _unreached(error, where) from error
    return Session(connection, where, address.database)


async def connect(address: DatabaseAddress, host: str, port: int, *, timeout: float) -> "Connection":
    """A read-only session with bounds. `host` and `port` say how the database is reached from here.

    Raises one of `FAILURES`; `outcome` and `open_session` tell those apart.
    """
    connection = await asyncpg.connect(
        host=host,
        port=port,
        user=str(address.user) or None,  # asyncpg takes no subclass of str
        password=address.password.reveal() if address.password else "",
        database=str(address.database) or None,
        timeout=timeout,
        statement_cache_size=0,  # behind a pooler each statement may meet another session
        server_settings=SESSION_SETTINGS,
    )
    tally.session_opened(address.database)
    return connection


async def _takes_connections(host: str, port: int) -> bool:
    """Whether anybody is there: a frozen server's kernel still takes connections."""
    try:
        async with asyncio.timeout(_DIAL_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except OSError:  # a TimeoutError is one
        return False
    writer.close()
    return True


def _ends_session(sqlstate: str) -> bool:
    """Whether this state says that the server ended the session, or never began it."""
    return sqlstate[:2] in {"08", "28", "53"} or sqlstate.startswith("57P")


def _unreached(error: Exception, where: Safe) -> LettaopsError:
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(f"nothing listens at {where}", next_step="does the database run?")
    if type(error).__name__ == "gaierror":
        return Unreachable(f"{where}: the name can't be resolved", next_step="is it known on this machine?")
    return Unreachable(f"{where} can't be reached: {clean(str(error), 160)}")


def outcome(error: Exception) -> Outcome:
    """The outcome of a failed connection, by SQLSTATE class where the server gave one."""
    if isinstance(error, ConnectionRefusedError):
        return Outcome.REFUSED
    if isinstance(error, asyncpg.PostgresConnectionError | ConnectionError):
        return Outcome.CLOSED
    if type(error).__name__ == "gaierror":
        return Outcome.UNRESOLVED
    if isinstance(error, OSError):
        return Outcome.UNREACHED
    state = (getattr(error, "sqlstate", None) or "") if isinstance(error, asyncpg.PostgresError) else ""
    if state == _CANNOT_CONNECT_NOW:
        return Outcome.STARTING
    known = (each for prefix, each in _BY_STATE.items() if state.startswith(prefix))
    return next(known, Outcome.GARBAGE)
