"""A container's healthcheck, run again and again."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from lettaops.sandbox.engine import clock
from lettaops.sandbox.spec import Healthcheck

STARTING: Final = "starting"
HEALTHY: Final = "healthy"
UNHEALTHY: Final = "unhealthy"
_KEPT: Final = 5
_OUTPUT_BYTES: Final = 4096
# While a container is starting it is asked more often than its interval says, as newer engines do;
# what fails on top of the interval's own questions doesn't count.
_EAGER_SECONDS: Final = 0.5
_TIMED_OUT: Final = -1

Probe = Callable[[tuple[str, ...], float], Awaitable[tuple[int, bytes] | None]]


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the healthcheck; times in nanoseconds since 1970."""

    began: int
    ended: int
    exit_code: int
    output: bytes


class HealthMonitor:
    """Asks, and keeps the answer. `probe` runs a command for at most some seconds, None: it took longer."""

    def __init__(self, check: Healthcheck, probe: Probe, tell: Callable[[str], None]) -> None:
        self.status = STARTING
        self.failing_streak = 0
        self.results: deque[CheckResult] = deque(maxlen=_KEPT)
        self._check = check
        self._probe = probe
        self._tell = tell
        self._task: asyncio.Task[None] | None = None
        self._frozen = False

    def start(self) -> None:
        """Ask from now on; the container was just started."""
        self.status, self.failing_streak = STARTING, 0
        self._task = asyncio.create_task(self._ask_on())

    async def stop(self) -> None:
        """Ask no more. Engines call a container unhealthy that doesn't run."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            self.status = UNHEALTHY

    def freeze(self, frozen: bool) -> None:
        """Pause, or go on."""
        self._frozen = frozen

    async def _ask_on(self) -> None:
        began = time.monotonic()
        due = began + self._check.interval_s
        while True:
            now = time.monotonic()
            eager = min(due, now + _EAGER_SECONDS) if self.status == STARTING else due
            await asyncio.sleep(max(0.0, eager - now))
            if self._frozen:
                due = time.monotonic() + self._check.interval_s
                continue
            counts = time.monotonic() >= due
            result = await self._ask()
            self.results.append(result)
            if counts:
                due = time.monotonic() + self._check.interval_s
            grace = time.monotonic() - began < self._check.start_period_s and self.status == STARTING
            self._judge(result, counts=counts and not grace)

    async def _ask(self) -> CheckResult:
        began = clock.now()
        answer = await self._probe(self._check.argv, self._check.timeout_s)
        if answer is None:
            output = f"Health check exceeded timeout ({self._check.timeout_s:g}s)".encode()
            answer = _TIMED_OUT, output
        return CheckResult(
            began=began, ended=clock.now(), exit_code=answer[0], output=answer[1][:_OUTPUT_BYTES]
        )

    def _judge(self, result: CheckResult, *, counts: bool) -> None:
        before = self.status
        if result.exit_code == 0:
            self.status, self.failing_streak = HEALTHY, 0
        elif counts:
            self.failing_streak += 1
            if self.failing_streak >= self._check.retries:
                self.status = UNHEALTHY
        if self.status != before:
            self._tell(f"health_status: {self.status}")
