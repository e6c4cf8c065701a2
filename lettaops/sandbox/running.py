"""What a sandbox is asked to be, and what it tells of itself when it is up."""

from typing import Final

import msgspec

from lettaops.sandbox.scenarios import Scenario

SCHEMA: Final = "lettaops/sandbox/1"
HEALTHY_SECONDS: Final = 60.0  # that it may take from its start until a request gets through


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A sandbox that is up. `directory` holds all of it; `configuration` and `state` are for lettaops."""

    schema: str
    pid: int
    engine: str
    project: str
    directory: str
    configuration: str
    state: str
    server: str
    websocket: str
    proxy: str
    scenario: str | None = None
    ready_after_s: float


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What to run. `keep`: its files stay at the end. `lifeline`: it ends when this descriptor does."""

    scenario: Scenario | None = None
    keep: bool = False
    lifeline: int | None = None
