"""One look at the engine: which stack is there, and the states of its containers."""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from lettaops.model.discovery import Candidate, build, candidates
from lettaops.model.engine import Container, ContainerSummary
from lettaops.model.errors import NotFound, UsageError
from lettaops.model.stack import Stack
from lettaops.model.text import clean
from lettaops.sources.engine import Engine

MAX_NAMED: Final = 12  # projects


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """The stack found, and the rows of the host's other containers."""

    stack: Stack
    others: tuple[ContainerSummary, ...] = ()


async def observe(engine: Engine, project: str | None) -> Observation:
    """List the containers, choose the stack, inspect its members.

    Raises `UsageError` when there is none, or several and none was named; what the engine raises besides.
    """
    rows = await engine.containers(all=True)
    candidate = choose(candidates(rows, project), project, rows)
    found = await asyncio.gather(*(_inspect(engine, each) for each in candidate.container_ids))
    stack = build(candidate, [each for each in found if each is not None])
    members = {each.container.id for each in stack.members}
    return Observation(stack=stack, others=tuple(row for row in rows if row.id not in members))


def choose(found: Sequence[Candidate], project: str | None, rows: Sequence[ContainerSummary]) -> Candidate:
    """The one candidate to show. Raises `UsageError` when that isn't clear."""
    if len(found) == 1:
        return found[0]
    if found:
        choices = " or ".join(f"--project {each.project}" for each in found)
        raise UsageError(f"there are {len(found)} Letta deployments here", next_step=f"name one: {choices}")
    count = len(rows)
    if project is not None:
        seen = sorted({each.project for each in rows if each.project})
        more = f" and {len(seen) - MAX_NAMED} more" if len(seen) > MAX_NAMED else ""
        raise UsageError(
            f"there is no project {clean(project)} among the {count} containers of this engine",
            next_step=f"projects seen: {', '.join(seen[:MAX_NAMED])}{more}"
            if seen
            else "no container here belongs to a compose project",
        )
    raise UsageError(
        f"none of the {count} containers of this engine looks like a Letta server",
        next_step="name its compose project or container with --project, or another engine with --host",
    )


async def _inspect(engine: Engine, container_id: str) -> Container | None:
    try:
        return await engine.inspect(container_id)
    except NotFound:  # removed since it was listed
        return None
