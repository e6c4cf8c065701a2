"""The background process behind `python -m tests.testbed up`."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .background import Background
from .cache import Cache
from .common import BedError, FileLock, require_root, wait_until
from .composed import PROXY_HOST
from .dockerd import PrivateDockerd
from .images import build_images, stale
from .stacks import LettaStack

CHECKOUT = Path(__file__).resolve().parents[2]
PROJECT = "letta"
# Building all images first takes most of it.
UP_TIMEOUT = 1800.0
DOWN_TIMEOUT = 120.0


@contextmanager
def engine(
    cache: Cache, report: Callable[[str], None] = lambda _line: None, *, patience: float = 0
) -> Iterator[PrivateDockerd]:
    """The persistent engine with all stand-in images built.

    One process at a time can have it; another one gets a BedError after `patience` seconds.
    """
    cache.compose()
    with PrivateDockerd(
        cache.engine, name="engine", keep_images=True, cli_config=cache.cli_config, patience=patience
    ) as daemon:
        if stale(daemon):
            # The build containers use the host's network, and have to find the package servers.
            daemon.dead_end_names = False
            daemon.restart()
            build_images(daemon, cache, report)
            daemon.dead_end_names = True
            daemon.restart()
        yield daemon


class Keeper:
    """Starts, finds and ends the one stack that runs in the background."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.log = cache.logs / "keeper.log"
        self._lock = FileLock(cache.root / "keeper.lock", "the background test stack")

    def state(self) -> dict[str, Any] | None:
        """What runs where; None unless the stack is up and its keeper alive."""
        if not self._alive() or not self.cache.state.exists():
            return None
        state: dict[str, Any] = json.loads(self.cache.state.read_text())
        return state

    def launch(self) -> None:
        """Start the keeper in the background and wait until its stack is healthy."""
        require_root()
        if self.state():
            return
        self.cache.state.unlink(missing_ok=True)
        self.log.write_bytes(b"")
        shown = 0

        def ready() -> bool:
            nonlocal shown
            lines = self.log.read_text(errors="replace").splitlines()
            for line in lines[shown:]:
                print(line, flush=True)
            shown = len(lines)
            return self.cache.state.exists()

        process = Background("the keeper of the test stack", self.log, ready)
        try:
            process.start([sys.executable, "-m", "tests.testbed", "keep"], UP_TIMEOUT, cwd=CHECKOUT)
        except BaseException:
            process.end(signal.SIGTERM, DOWN_TIMEOUT)
            raise

    def keep(self) -> None:
        """Own the engine and the stack until SIGTERM or SIGINT, then remove all of it."""
        if not self._lock.try_acquire():
            raise BedError("another keeper is at work")
        told = threading.Event()

        def stop(number: int, _frame: object) -> None:
            told.set()
            if not self.cache.state.exists():
                raise BedError(f"stopped by signal {number} while starting")

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)
        try:
            with engine(self.cache, lambda line: print(line, flush=True)) as daemon:
                stack = LettaStack(daemon, self.cache, PROJECT, fake_model=True)
                print("starting Letta", flush=True)
                with stack:
                    self._publish(daemon, stack)
                    told.wait()
        finally:
            self.cache.state.unlink(missing_ok=True)
            self._lock.release()

    def end(self) -> None:
        """End the keeper and everything it runs; also clears up after a keeper that was killed."""
        require_root()
        if self._alive():
            pid = int(self._lock.path.read_text().split()[-1])
            os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not self._alive(), f"keeper {pid} to end", DOWN_TIMEOUT, log=self.log)
        self.cache.state.unlink(missing_ok=True)
        leftover = PrivateDockerd(
            self.cache.engine, name="engine", keep_images=True, cli_config=self.cache.cli_config
        )
        if leftover.leftovers() or self.cache.engine.joinpath("claim.json").exists():
            with leftover:  # starting clears away processes and containers
                shutil.rmtree(self.cache.engine / "stacks" / PROJECT, ignore_errors=True)

    def images(self, report: Callable[[str], None]) -> None:
        """Build what is missing or changed and print the images."""
        with engine(self.cache, report) as daemon:
            report(daemon.docker("image", "ls").stdout.rstrip())

    def _alive(self) -> bool:
        """Whether a keeper holds its lock, which dies with it."""
        if not self._lock.try_acquire():
            return True
        self._lock.release()
        return False

    def _publish(self, daemon: PrivateDockerd, stack: LettaStack) -> None:
        environment = {
            "DOCKER_HOST": daemon.host,
            "DOCKER_CONFIG": str(self.cache.cli_config),
            "LETTA_URL": stack.url,
            "LETTA_PG_URI": stack.pg_uri,
            "FAKE_MODEL_URL": stack.model_url,
            "COMPOSE_FOLDER": str(stack.folder),
            "PROXY_URL": f"http://{PROXY_HOST}:{stack.ports.proxy}",
        }
        state = {
            "pid": os.getpid(),
            "environment": environment,
            "ports": dataclasses.asdict(stack.ports),
        }
        written = self.cache.state.with_suffix(".new")
        written.write_text(json.dumps(state, indent=2))
        written.replace(self.cache.state)
