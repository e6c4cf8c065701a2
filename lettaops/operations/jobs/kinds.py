"""All kinds of jobs, by the name that journals have them under."""

from typing import Final

from lettaops.operations.jobs.kind import JobKind
from lettaops.operations.jobs.restart import OrderedRestart

KINDS: Final[dict[str, JobKind]] = {each.name: each for each in (OrderedRestart(),)}
