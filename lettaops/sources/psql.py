"""Asks a database by the psql in its own container: for one whose port can't be reached from here."""

import re
import time
from typing import Final

from lettaops.model.database.failures import refusal, statement_failure
from lettaops.model.database.guest import SESSION_SETTINGS
from lettaops.model.errors import DeadlineExceeded, LettaopsError, Unreachable
from lettaops.model.pguri import DatabaseAddress
from lettaops.model.probe import Outcome, Probe
from lettaops.model.secrets import Secret
from lettaops.model.text import Safe, clean, clean_bytes
from lettaops.sources import tally
from lettaops.sources.engine import Engine
from lettaops.sources.engine.exec import ExecResult

WAY: Final = Safe("psql in its container")
ANSWER_SECONDS: Final = 6.0  # a process is started in the container, and it connects, before it asks
_CANNOT_RUN: Final = frozenset({126, 127})
_ARGUMENT: Final = re.compile(r"\$(\d)")
_ERROR: Final = re.compile(r"(?:ERROR|FATAL):\s+(?P<state>[0-9A-Z]{5}): (?P<words>.*)")
_CANNOT_CONNECT: Final = 2  # psql's exit status for every connection that it didn't get, or lost


class PsqlSession:
    """Asks each statement in a session of its own, with the same bounds as ours. Nothing stays open."""

    closed = False

    def __init__(self, engine: Engine, container_id: str, address: DatabaseAddress, *, where: Safe) -> None:
        self._engine = engine
        self._container_id = container_id
        self._address = address
        self.where = where

    async def ask(self, sql: str, *arguments: int, what: str, timeout: float = ANSWER_SECONDS) -> str:
        """As `sources.postgres.Session.ask`."""
        settings = " ".join(
            f"-c {name}={value}" for name, value in SESSION_SETTINGS.items() if name != "application_name"
        )
        # psql takes no arguments for a statement of its command line; whole numbers need no quoting.
        text = _ARGUMENT.sub(lambda found: str(int(arguments[int(found[1]) - 1])), sql)
        result = await _run(
            self._engine,
            self._container_id,
            self._address,
            ["-v", "VERBOSITY=verbose", "-c", text],
            {"PGOPTIONS": settings, "PGCLIENTENCODING": "UTF8"},
            timeout,
        )
        if result.exit_code == 0:
            tally.session_opened(self._address.database)
            tally.transactions_ended(self._address.database, 1)
            return result.stdout.decode("utf-8", "replace")
        raise self._failure(result, what)

    def close(self) -> None:
        """There is nothing to close."""

    def _failure(self, result: ExecResult, what: str) -> LettaopsError:
        said = result.stderr.decode("utf-8", "replace")
        found = _ERROR.search(said)
        last = clean(said.strip().splitlines()[-1] if said.strip() else "", 200)
        if result.exit_code in _CANNOT_RUN:
            return Unreachable(
                f"{self.where}: psql can't be run there: {last}",
                next_step="publish the database's port, or use an engine on this machine",
            )
        if result.exit_code == _CANNOT_CONNECT:
            return refusal(found["state"] if found else _state_by_words(last), last, self.where)
        if found is None:
            return Unreachable(f"{self.where}: psql ended with status {result.exit_code}: {last}")
        return statement_failure(found["state"], found["words"], what)


async def probe(
    engine: Engine, container_id: str, address: DatabaseAddress, *, timeout: float = 2.0
) -> Probe:
    """`SELECT 1` as the user of the address, over the container's own loopback. Never raises."""
    started = time.monotonic()
    try:
        result = await _run(engine, container_id, address, ["-c", "SELECT 1"], {}, timeout)
    except DeadlineExceeded:
        return Probe(outcome=Outcome.TIMEOUT, latency_ms=(time.monotonic() - started) * 1000, route=WAY)
    except LettaopsError as error:
        return Probe(outcome=Outcome.UNREACHED, detail=error.what, route=WAY)
    if result.exit_code == 0:
        tally.session_opened(address.database)
        tally.transactions_ended(address.database, 1)
        return Probe(outcome=Outcome.OK, latency_ms=(time.monotonic() - started) * 1000, route=WAY)
    said = clean(clean_bytes(result.stderr.strip().splitlines()[-1]) if result.stderr.strip() else "", 200)
    return Probe(outcome=_outcome(result.exit_code, said), detail=said, route=WAY)


async def _run(
    engine: Engine,
    container_id: str,
    address: DatabaseAddress,
    words: list[str],
    environment: dict[str, str | Secret],
    timeout: float,
) -> ExecResult:
    """psql without anybody's settings and questions, printing values only."""
    environment = {"PGCONNECT_TIMEOUT": "2", "PGAPPNAME": "lettaops", **environment}
    if address.password is not None:
        environment["PGPASSWORD"] = address.password
    command = ["psql", "-X", "-w", "-h", "127.0.0.1", "-U", address.user, "-d", address.database, "-tA"]
    return await engine.exec(container_id, [*command, *words], environment=environment, timeout=timeout)


def _outcome(exit_code: int, said: str) -> Outcome:
    """psql exits 2 for every failed connection and tells them apart in words only."""
    if exit_code in _CANNOT_RUN:
        return Outcome.UNREACHED
    return _BY_STATE.get(_state_by_words(said), Outcome.CLOSED)


_BY_STATE: Final = {
    "57P03": Outcome.STARTING,
    "53300": Outcome.FULL,
    "08001": Outcome.REFUSED,
    "28P01": Outcome.DENIED,
    "3D000": Outcome.DENIED,
    "28000": Outcome.DENIED,
}


def _state_by_words(said: str) -> str:
    """The SQLSTATE behind what psql says of a connection, which it doesn't tell; empty when unknown."""
    if "starting up" in said or "shutting down" in said or "recovery mode" in said:
        return "57P03"
    if "too many" in said or "remaining connection slots" in said:
        return "53300"
    if "refused" in said:
        return "08001"
    if "authentication failed" in said:
        return "28P01"
    if "does not exist" in said:
        return "3D000"
    if "no pg_hba.conf entry" in said or "rejects connection" in said:
        return "28000"
    return ""
