"""Showing what the sources tell, whatever fails on the way."""

import asyncio
import contextlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Protocol

import msgspec

from lettaops.dashboard import Dashboard
from lettaops.model.probe import Answers
from lettaops.model.secrets import presentable
from lettaops.model.source import Link, SourceStatus, backoff
from lettaops.model.units import duration
from lettaops.model.verdict import Assessment, Overall
from lettaops.monitor.snapshot import Snapshot
from lettaops.monitor.trends import Trends
from lettaops.operations.underway import Underway

from .base import OpsScreen
from .faults import Faults, root
from .notices import notice

_LASTED: Final = 30.0  # seconds after which an end of the sources is no repetition


class Host(Protocol):
    """The application, as far as it is needed here."""

    @property
    def current_screen(self) -> OpsScreen | None:
        """The screen that snapshots are for."""
        ...

    def shown(self, screen: OpsScreen) -> None:
        """A snapshot was given to a screen."""
        ...

    def say(self, words: str) -> None:
        """Show a line."""
        ...

    def tell_change(self, words: str, *, worse: bool) -> None:
        """Tell of another verdict."""
        ...


class Following:
    """What the sources told last, and what is made of it."""

    def __init__(self, host: Host, dashboard: Dashboard, faults: Faults) -> None:
        self.trends = Trends()
        self.underway: Mapping[str, Underway] = {}
        self._host = host
        self._dashboard = dashboard
        self._faults = faults
        self._overall: Overall | None = None

    async def run(self) -> None:
        """Show snapshots until cancelled. A fault costs one; sources that end are begun again."""
        attempts = 0
        while True:
            began = time.monotonic()
            try:
                async for snapshot in self._dashboard.snapshots():
                    self.show(snapshot)
                ended: Exception = RuntimeError("they ended without a word")
            except Exception as error:
                ended = error
            attempts = 1 if time.monotonic() - began > _LASTED else attempts + 1
            pause = backoff(attempts)
            self.show(self._without_sources(ended, pause))
            self._faults.say("the sources ended by a fault", ended)
            await asyncio.sleep(pause)

    def show(self, snapshot: Snapshot) -> None:
        """Give a snapshot to the screen. A screen that fails gets a card, and the verdict at least."""
        self.trends.remember(snapshot)
        self.underway = self._dashboard.underway()
        self._tell_change(snapshot.assessment)
        screen = self._host.current_screen
        if screen is None:
            return
        try:
            screen.apply(snapshot)
        except Exception as error:
            with contextlib.suppress(Exception):  # perhaps this is what fails
                screen.show_title(snapshot)
            self._faults.screen_failed(error)
        else:
            if self._faults.card and not screen.frozen:
                self._host.say(f"this screen shows current values again; {self._faults.card}")
                self._faults.card = ""
        self._host.shown(screen)

    def show_again(self) -> None:
        """Show the last snapshot anew: with what is being done now, and secrets as they are to be now."""
        if (last := self._dashboard.last) is not None:
            self.show(last)

    def _tell_change(self, assessment: Assessment) -> None:
        """Say so when the deployment got worse, or well again."""
        before = self._overall
        if before is not None or assessment.overall is not Overall.UNKNOWN:  # not known yet is no verdict
            self._overall = assessment.overall
        if (news := notice(before, assessment)) is not None:
            self._host.tell_change(news.words, worse=news.worse)

    def _without_sources(self, error: Exception, pause: float) -> Snapshot:
        """The last snapshot, with no word in it that the sources would have to stand for."""
        why = presentable(f"the sources ended ({root(error)!r}) and are begun again in {duration(pause)}")
        last = self._dashboard.last
        reached = last.engine if last is not None else SourceStatus()
        age = reached.age(time.monotonic())
        snapshot = last or Snapshot(
            taken_at=datetime.now(UTC),
            engine_name=self._dashboard.target.name,
            engine=reached,
            seen_age_s=age,
            stack=None,
            answers=Answers(),
            assessment=Assessment(overall=Overall.UNKNOWN, sentence=why),
        )
        assessment = msgspec.structs.replace(snapshot.assessment, overall=Overall.UNKNOWN, sentence=why)
        status = msgspec.structs.replace(reached, link=Link.DOWN, reason=why)
        return msgspec.structs.replace(snapshot, engine=status, seen_age_s=age, assessment=assessment)
