"""The last runs of a container's own healthcheck, from its inspect document. Pure."""

from datetime import datetime
from typing import Final

import msgspec

from lettaops.model.brief import brief
from lettaops.model.document import Document
from lettaops.model.secrets import presentable
from lettaops.model.text import Safe

RUNS: Final = 5  # as many as engines keep
_OUTPUT: Final = 400  # characters of one run's output; engines keep 4096


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `output` is one line, without secrets."""

    at: datetime | None = None
    exit_code: int | None = None
    output: Safe = Safe()


def health_runs(document: object) -> tuple[Run, ...]:
    """The last runs in `State.Health.Log` of an inspect document, newest first. Lenient, never raises."""
    checks = list(Document(document).sub("State").sub("Health").subs("Log"))[-RUNS:]
    return tuple(
        Run(
            at=check.time("End") or check.time("Start"),
            exit_code=check.integer("ExitCode"),
            # On one line first: what is taken for a secret ends at a space.
            output=brief(presentable(" ".join(check.raw("Output").split())), _OUTPUT),
        )
        for check in reversed(checks)
    )
