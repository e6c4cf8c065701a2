"""Asks a database by the psql in its own container: for one whose port can't be reached from here."""

import time

from lettaops.model.errors import DeadlineExceeded, LettaopsError
from lettaops.model.pguri import DatabaseAddress
from lettaops.model.probe import Outcome, Probe
from lettaops.model.secrets import Secret
from lettaops.model.text import Safe, clean, clean_bytes
from lettaops.sources.engine import Engine

_ROUTE = Safe("psql in its container")
_CANNOT_RUN = frozenset({126, 127})


async def probe(
    engine: Engine, container_id: str, address: DatabaseAddress, *, timeout: float = 2.0
) -> Probe:
    """`SELECT 1` as the user of the address, over the container's own loopback. Never raises."""
    started = time.monotonic()
    environment: dict[str, str | Secret] = {"PGCONNECT_TIMEOUT": "2", "PGAPPNAME": "lettaops"}
    if address.password is not None:
        environment["PGPASSWORD"] = address.password
    command = [
        "psql",
        "-X",
        "-w",
        "-h",
        "127.0.0.1",
        "-U",
        address.user,
        "-d",
        address.database,
        "-tAc",
        "SELECT 1",
    ]
    try:
        result = await engine.exec(container_id, command, environment=environment, timeout=timeout)
    except DeadlineExceeded:
        return Probe(outcome=Outcome.TIMEOUT, latency_ms=(time.monotonic() - started) * 1000, route=_ROUTE)
    except LettaopsError as error:
        return Probe(outcome=Outcome.UNREACHED, detail=error.what, route=_ROUTE)
    if result.exit_code == 0:
        return Probe(outcome=Outcome.OK, latency_ms=(time.monotonic() - started) * 1000, route=_ROUTE)
    said = clean(clean_bytes(result.stderr.strip().splitlines()[-1]) if result.stderr.strip() else "", 200)
    return Probe(outcome=_outcome(result.exit_code, said), detail=said, route=_ROUTE)


def _outcome(exit_code: int, said: str) -> Outcome:
    """psql exits 2 for every failed connection and tells them apart in words only."""
    if exit_code in _CANNOT_RUN:
        return Outcome.UNREACHED
    if "starting up" in said or "shutting down" in said or "recovery mode" in said:
        return Outcome.STARTING
    if "too many" in said or "remaining connection slots" in said:
        return Outcome.FULL
    if "refused" in said:
        return Outcome.REFUSED
    if "authentication failed" in said or "does not exist" in said or "no pg_hba.conf entry" in said:
        return Outcome.DENIED
    return Outcome.CLOSED
