"""Fixtures of the real test stack: a private engine, Letta itself, and a stack of stubs.

They need root on Debian and fail, never skip, when something is missing. Everything they
start is gone when the session ends; what a killed session left is cleared by the next one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from lettaops.sources.engine import Engine
from lettaops.sources.target import EngineTarget, resolve_target
from tests.testbed import keeper
from tests.testbed.cache import Cache
from tests.testbed.dockerd import PrivateDockerd, throwaway
from tests.testbed.stacks import LettaStack, StubStack
from tests.testbed.stub_images import import_stub_images

OTHER_RUN = 300.0  # seconds to wait for another run's end; then the error names its process


@pytest.fixture(scope="session")
def cache() -> Cache:
    """The download and image cache outside the checkout."""
    return Cache()


@pytest.fixture(scope="session")
def real_dockerd(cache: Cache) -> Iterator[PrivateDockerd]:
    """The engine with the stand-in images; builds them first if need be (some 6 minutes)."""
    with keeper.engine(cache, lambda line: print(line, flush=True), patience=OTHER_RUN) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def letta(real_dockerd: PrivateDockerd, cache: Cache) -> Iterator[LettaStack]:
    """Letta's own stack with the fake model server, up once for the session; tests want `stack`."""
    with LettaStack(real_dockerd, cache, "letta", fake_model=True) as running:
        yield running


@pytest.fixture
def stack(letta: LettaStack) -> Iterator[LettaStack]:
    """The Letta stack, healthy and unchanged before the test and put right after it."""
    letta.heal()
    yield letta
    letta.heal()


@pytest.fixture(scope="module")
def stub_engine(cache: Cache) -> Iterator[PrivateDockerd]:
    """A throw-away engine with the stub images; tests want `stub_dockerd`."""
    cache.compose()
    with throwaway(cache.daemons, name="stub", cli_config=cache.cli_config) as daemon:
        import_stub_images(daemon)
        yield daemon


@pytest.fixture
def stub_dockerd(stub_engine: PrivateDockerd) -> Iterator[PrivateDockerd]:
    """The throw-away engine, running and empty at the start; may be killed, frozen or stopped."""
    stub_engine.revive()
    yield stub_engine
    stub_engine.revive()
    stub_engine.remove_everything()


@pytest.fixture
def stub_stack(stub_dockerd: PrivateDockerd, cache: Cache) -> Iterator[StubStack]:
    """A new stack of stubs on the throw-away engine, which the test may break in any way."""
    stack = StubStack(stub_dockerd, cache, f"stub-{stub_dockerd.pid}")
    try:
        stack.up()
        yield stack
    finally:
        stub_dockerd.revive()
        stack.down()


@pytest.fixture(scope="module")
def lasting_engine(cache: Cache) -> Iterator[PrivateDockerd]:
    """An engine whose containers live on without it, as production engines are set up."""
    cache.compose()
    with throwaway(
        cache.daemons, name="lasting", cli_config=cache.cli_config, args=["--live-restore"]
    ) as daemon:
        import_stub_images(daemon)
        yield daemon


@pytest.fixture
def lasting(lasting_engine: PrivateDockerd, cache: Cache) -> Iterator[StubStack]:
    """A new stack of stubs on the engine whose end their containers survive."""
    lasting_engine.revive()
    with StubStack(lasting_engine, cache, "lasting") as stack:
        yield stack
        lasting_engine.revive()


@pytest.fixture
def target(stub_dockerd: PrivateDockerd) -> EngineTarget:
    """How to reach the throw-away engine."""
    return resolve_target(stub_dockerd.host, None, {}, Path("/nonexistent"))


@pytest.fixture
async def engine(target: EngineTarget) -> AsyncIterator[Engine]:
    """The client of the throw-away engine."""
    async with Engine(target) as client:
        yield client
