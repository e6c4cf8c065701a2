"""What a kind of job is: how its steps are made again from what its journal says."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import ClassVar

import msgspec

from lettaops.config.paths import StateDirectory
from lettaops.model.journal import Opened
from lettaops.model.secrets import Secret
from lettaops.model.text import Safe
from lettaops.operations.audit import Operator
from lettaops.operations.execute import Permission
from lettaops.operations.jobs.run import JobStep
from lettaops.operations.plan import Act
from lettaops.sources.target import EngineTarget


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """Where a job runs and for whom. `project`: as named on the command line, None when it was found."""

    target: EngineTarget
    project: str | None
    permission: Permission
    state: StateDirectory
    operator: Operator
    password: Secret | None = None


class JobPlan(msgspec.Struct, frozen=True, kw_only=True):
    """A job that may be begun. `lines` tell in words what it does to whom, beyond its steps.

    `locks`: container ids and their services' names, held while it runs.
    """

    kind: str
    title: Safe
    target: dict[str, str]
    arguments: dict[str, str]
    steps: tuple[JobStep, ...]
    lines: tuple[Safe, ...] = ()


class JobKind(ABC):
    """A kind of job. `act`: what the profile must allow."""

    name: ClassVar[str]
    act: ClassVar[Act]
    undo_on_failure: ClassVar[bool] = False

    @abstractmethod
    def locks(self, arguments: Mapping[str, str]) -> Sequence[tuple[str, str]]:
        """The container ids that nobody else may act on meanwhile, with their services' names."""

    @abstractmethod
    def open(self, opened: Opened, where: Surroundings) -> AbstractAsyncContextManager[Sequence[JobStep]]:
        """The steps, ready to run while the context lasts. Raises `LettaopsError`."""
