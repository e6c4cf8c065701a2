"""Asking databases again and again whether they answer."""

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from lettaops.model.pguri import DatabaseAddress
from lettaops.model.probe import Outcome, Probe
from lettaops.model.text import clean
from lettaops.sources import tally
from lettaops.sources.postgres.connection import FAILURES, connect, outcome

if TYPE_CHECKING:
    from lettaops.sources.postgres.connection import Connection

RENEW_EVERY: Final = 10.0  # seconds


class PostgresProbes:
    """Asks over one session for each database, which is kept for the next question.

    A session costs both sides much more than the question, but only a new one shows whether there is a
    slot and whether the password still holds: every `RENEW_EVERY` seconds one takes the place of the old.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int], _Kept] = {}

    def close(self) -> None:
        """End all sessions."""
        for kept in self._kept.values():
            kept.close()
        self._kept.clear()

    async def probe(
        self,
        address: DatabaseAddress,
        host: str,
        port: int,
        *,
        route: str,
        timeout: float = 2.0,
        renew: bool = False,
    ) -> Probe:
        """`SELECT 1`, and the time its answer takes; `renew`: in a session that is made now. Never raises."""
        started = time.monotonic()
        label = clean(route)
        try:
            async with asyncio.timeout(timeout):
                seconds = await self._select(address, host, port, timeout, renew=renew)
        except TimeoutError:
            elapsed = (time.monotonic() - started) * 1000
            return Probe(outcome=Outcome.TIMEOUT, latency_ms=elapsed, route=label)
        except FAILURES as error:
            return Probe(outcome=outcome(error), detail=clean(str(error), 200), route=label)
        return Probe(outcome=Outcome.OK, latency_ms=seconds * 1000, route=label)

    async def _select(
        self, address: DatabaseAddress, host: str, port: int, timeout: float, *, renew: bool
    ) -> float:
        key = (host, port)
        old = self._kept.pop(key, None)  # kept again once it has answered: a broken one never is
        try:
            if old is not None and not renew and old.fits(address):
                with contextlib.suppress(*FAILURES):
                    seconds = await old.select()
                    self._keep(key, old)
                    return seconds
            # The old one ends after the new one is there: the slot that it leaves proves no other.
            new = _Kept(await connect(address, host, port, timeout=timeout), address)
        finally:
            if old is not None and self._kept.get(key) is not old:
                old.close()
        try:
            seconds = await new.select()
        except BaseException:
            new.close()
            raise
        self._keep(key, new)
        return seconds

    def _keep(self, key: tuple[str, int], kept: "_Kept") -> None:
        other = self._kept.get(key)
        if other is not None:  # of a question at the same time
            other.close()
        self._kept[key] = kept


class _Kept:
    """A session, as whom it was made, and when."""

    def __init__(self, connection: "Connection", address: DatabaseAddress) -> None:
        self._connection = connection
        self._address = address
        self._made = time.monotonic()

    def fits(self, address: DatabaseAddress) -> bool:
        """Whether it stands for a new one with this address."""
        young = time.monotonic() - self._made < RENEW_EVERY
        return young and address == self._address and not self._connection.is_closed()

    async def select(self) -> float:
        """Seconds that the smallest question takes. Raises one of `FAILURES`."""
        asked = time.monotonic()
        await self._connection.execute("SELECT 1")
        seconds = time.monotonic() - asked
        tally.transactions_ended(self._address.database, 1)
        return seconds

    def close(self) -> None:
        """Drop it without a farewell, which a frozen server would not take."""
        with contextlib.suppress(OSError):
            self._connection.terminate()
