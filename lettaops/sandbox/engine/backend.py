"""What the engine has: containers, commands in them, and what happened. The handlers of requests use it."""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Final

import msgspec

from lettaops.sandbox.engine import clock
from lettaops.sandbox.engine.container import Container
from lettaops.sandbox.engine.errors import BadRequest, NoSuch
from lettaops.sandbox.engine.events import Events
from lettaops.sandbox.engine.execs import Exec

_EXECS_KEPT: Final = 500

Filters = dict[str, list[str]]


class Backend:
    """One sandbox's things."""

    def __init__(self, network: str, events: Events) -> None:
        self.network = network
        self.events = events
        self.created_at = clock.now()
        self.containers: dict[str, Container] = {}
        self.execs: dict[str, Exec] = {}
        self._tasks: set[asyncio.Task[object]] = set()

    def find(self, reference: str) -> Container:
        """A container by its id, the beginning of it, or its name. Raises `NoSuch` and `BadRequest`."""
        name = reference.removeprefix("/")
        for each in self.containers.values():
            if name in (each.id, each.spec.name):
                return each
        matching = [each for each in self.containers.values() if name and each.id.startswith(name)]
        if len(matching) > 1:
            raise BadRequest(f"multiple IDs found with provided prefix: {name}")
        if not matching:
            raise NoSuch(f"No such container: {name}")
        return matching[0]

    def add_exec(self, command: Exec) -> None:
        """Keep a command; the oldest that have ended are forgotten."""
        self.execs[command.id] = command
        for old in list(self.execs.values())[:-_EXECS_KEPT]:
            if not old.running:
                del self.execs[old.id]

    def find_exec(self, identity: str) -> Exec:
        """Raises `NoSuch`."""
        found = self.execs.get(identity)
        if found is None:
            raise NoSuch(f"No such exec instance: {identity}")
        return found

    def in_background(self, work: Coroutine[object, object, object]) -> asyncio.Task[object]:
        """Let work go on whatever becomes of the connection that asked for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """End all containers at once, and what was begun in them."""
        await asyncio.gather(*(each.close() for each in self.containers.values()))
        if self._tasks:
            await asyncio.wait(self._tasks)


def filters_of(query: Mapping[str, str], known: frozenset[str]) -> Filters:
    """The filters of a request, in either of the two forms that clients send. Raises `BadRequest`."""
    text = query.get("filters", "")
    try:
        value = msgspec.json.decode(text) if text else {}
    except msgspec.DecodeError as error:
        raise BadRequest(f"invalid filter: {error}") from error
    found: Filters = {}
    for name, values in value.items() if isinstance(value, dict) else ():
        if name not in known:
            raise BadRequest(f"Invalid filter '{name}'")
        found[name] = [str(each) for each in values]  # a list, or an object whose names are the values
    return found


def has_labels(labels: Mapping[str, str], wanted: list[str]) -> bool:
    """Whether all of `name` or `name=value` are there."""
    for each in wanted:
        name, equals, value = each.partition("=")
        if name not in labels or (equals and labels[name] != value):
            return False
    return True
