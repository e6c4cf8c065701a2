"""Fixtures of the unit tests: for each its own redactor and fake engine; hypothesis without a clock."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings

from lettaops.config.paths import StateDirectory
from lettaops.model import secrets
from lettaops.operations.audit import Operator
from lettaops.sources.engine import Engine
from tests.fakes.engine import FakeEngine
from tests.unit.build import operator

settings.register_profile("unit", deadline=None, max_examples=60, derandomize=True)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def _own_redactor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that one test registers is not struck out in another."""
    monkeypatch.setattr(secrets, "_redactor", secrets.Redactor())


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    """A private state directory that isn't made yet."""
    return StateDirectory(path=tmp_path / "state", shared=False)


@pytest.fixture
def me() -> Operator:
    """The operator of these tests."""
    return operator()


@pytest.fixture
async def fake(tmp_path: Path) -> AsyncIterator[FakeEngine]:
    """An engine that answers as it is told."""
    async with FakeEngine(tmp_path / "engine.sock") as running:
        yield running


@pytest.fixture
async def engine(fake: FakeEngine) -> AsyncIterator[Engine]:
    """The client of that engine."""
    async with Engine(fake.target) as client:
        yield client
