"""Runs of agents, as Letta's API tells of them."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

import msgspec

from lettaops.model.document import Document
from lettaops.model.text import Safe, clean

ID_LIMIT = 64


class RunStatus(StrEnum):
    """`status` of a run."""

    CREATED = "created"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "RunStatus":
        return cls.UNKNOWN

    @property
    def active(self) -> bool:
        """Whether it has still to end."""
        return self in {RunStatus.CREATED, RunStatus.RUNNING}


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of an agent. `background`: it goes on when its client is gone."""

    id: Safe
    agent_id: Safe
    status: RunStatus
    stop_reason: Safe = Safe()
    created_at: datetime | None = None
    completed_at: datetime | None = None
    background: bool = False
    error: Safe = Safe()

    @property
    def cancellable(self) -> bool:
        """Whether a cancel has an effect: it hasn't ended, or waits for somebody's approval."""
        return self.status.active or (
            self.status is RunStatus.COMPLETED and self.stop_reason == "requires_approval"
        )

    def age(self, now: datetime) -> float | None:
        """Seconds since it began; None when that isn't told."""
        return None if self.created_at is None else max(0.0, (now - self.created_at).total_seconds())


def run_from(document: Document) -> Run | None:
    """A run from the object that the API gives; None when it is none."""
    identity = clean(document.text("id"), ID_LIMIT)
    if not identity:
        return None
    return Run(
        id=identity,
        agent_id=clean(document.text("agent_id"), ID_LIMIT),
        status=RunStatus(document.text("status")),
        stop_reason=clean(document.text("stop_reason"), ID_LIMIT),
        created_at=document.time("created_at"),
        completed_at=document.time("completed_at"),
        background=document.flag("background"),
        error=clean(document.sub("metadata").text("error"), 200),
    )


def runs_from(value: object) -> tuple[Run, ...]:
    """The runs of a list, the newest first, as the API gives them."""
    documents: Iterable[object] = value if isinstance(value, list) else ()
    found = (run_from(Document(each)) for each in documents)
    return tuple(each for each in found if each is not None)
