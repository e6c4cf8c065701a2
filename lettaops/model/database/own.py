"""What Letta itself keeps in the database: agents, runs, tokens, and the version of its schema."""

from collections.abc import Mapping
from typing import Final

import msgspec

from lettaops.model.database.pool_settings import Version
from lettaops.model.document import Document
from lettaops.model.text import Safe, clean

RUNS_SINCE_DAYS: Final = 7  # how far back runs are counted: by their only index that leads there
# A request to a model may take 600 s and a tool 180 s: a run without a step for longer than both hangs.
STUCK_AFTER_S: Final = 900
# The newest migration of each release, from its alembic/versions.
HEADS: Final[Mapping[Version, str]] = {
    (0, 16, 0): "d0880aae6cee",
    (0, 16, 1): "39577145c45d",
    (0, 16, 2): "27de0f58e076",
    (0, 16, 4): "a1b2c3d4e5f8",
    (0, 16, 5): "b2c3d4e5f6a8",
    (0, 16, 6): "b2c3d4e5f6a8",
    (0, 16, 7): "1c28e167b74f",
    (0, 16, 8): "1c28e167b74f",
}


class Runs(msgspec.Struct, frozen=True, kw_only=True):
    """Runs of the last `RUNS_SINCE_DAYS` days that haven't ended.

    `stuck`: of the active ones, those without any step for `STUCK_AFTER_S`. `waiting`: stopped until somebody
    approves a tool's use; they can be cancelled like active ones.
    """

    active: int = 0
    stuck: int = 0
    waiting: int = 0
    oldest_s: float | None = None

    @property
    def cancellable(self) -> int:
        """What a cancel has an effect on."""
        return self.active + self.waiting


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """The migration that the database is at, and the one that the server's version wants (empty: unknown)."""

    heads: tuple[Safe, ...] = ()
    wanted: Safe = Safe()

    @property
    def fits(self) -> bool | None:
        """Whether both are the same; None when one of them isn't known."""
        return None if not self.heads or not self.wanted else self.heads == (self.wanted,)


class LettaRows(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of Letta's own. `agents` with `estimated`: Postgres' estimate, because there are very many.

    `tokens_hour`: of the runs that began within the last hour.
    """

    agents: int | None = None
    estimated: bool = False
    runs: Runs | None = None
    tokens_hour: int | None = None
    schema: Schema = Schema()


def wanted_head(version: Version | None) -> Safe:
    """The migration that a server's version brings the database to; empty when that isn't known."""
    return Safe(HEADS.get(version, "")) if version is not None else Safe()


def letta_rows_from(document: Document, version: Version | None) -> LettaRows:
    """What the answer of the letta statement says."""
    runs = document.sub("runs")
    return LettaRows(
        agents=document.integer("agents"),
        estimated=document.flag("estimated"),
        runs=Runs(
            active=runs.integer("active") or 0,
            stuck=runs.integer("stuck") or 0,
            waiting=runs.integer("waiting") or 0,
            oldest_s=runs.number("oldest_s"),
        )
        if runs
        else None,
        tokens_hour=document.integer("tokens_hour"),
        schema=Schema(
            heads=tuple(clean(each, 64) for each in document.texts("alembic")), wanted=wanted_head(version)
        ),
    )
