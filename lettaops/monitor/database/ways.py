"""The ways to a stack's database, and a session on the first that is open."""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, Protocol

from lettaops.model.database.failures import Full
from lettaops.model.errors import DeadlineExceeded, Denied, LettaopsError, Unreachable
from lettaops.model.pguri import DatabaseAddress
from lettaops.model.routes import routes_to
from lettaops.model.stack import DATABASE_PORT, Stack
from lettaops.model.text import Safe, clean
from lettaops.sources.engine import Engine
from lettaops.sources.psql import WAY, PsqlSession

_NO_ADDRESS: Final = "the database's address and password aren't known: no LETTA_PG_URI names it"


class Asking(Protocol):
    """A session that answers statements: `sources.postgres.Session`, `sources.psql.PsqlSession`."""

    where: Safe

    async def ask(self, sql: str, *arguments: int, what: str) -> str: ...
    def close(self) -> None: ...


class Way(NamedTuple):
    """One way to the database. `lasting`: its session stays open between two questions."""

    words: Safe
    lasting: bool
    enter: Callable[[], Awaitable[Asking]]


def ways_to(engine: Engine, stack: Stack) -> tuple[Way, ...]:
    """Published ports, then container addresses, then psql inside the container.

    Raises `Unreachable` when there is none: no address, or its container doesn't run.
    """
    route = stack.database
    if route.address is None:
        raise Unreachable(route.problem or _NO_ADDRESS, next_step="see `lettaops status`")
    if route.container_id is None:
        return (_by_network(route.address, route.address.host, route.address.port),)
    member = stack.member(route.container_id)
    if member is None or not member.container.state.running:
        name, state = (member.name, member.container.state.status) if member else ("its container", "gone")
        raise Unreachable(f"{name} is {state}", next_step="see `lettaops status`")
    target = engine.target
    ports = dict.fromkeys((DATABASE_PORT, route.address.port))
    routes = [
        each
        for port in ports
        for each in routes_to(
            member.container, port, engine_host=target.host or "127.0.0.1", local=target.is_local
        )
    ]
    ways = [_by_network(route.address, each.host, each.port) for each in dict.fromkeys(routes)]
    return (*ways, _by_psql(engine, route.container_id, route.address))


async def enter(ways: tuple[Way, ...]) -> tuple[Way, Asking]:
    """A session on the first way that is open.

    A refusal on one way is no refusal on all: pg_hba.conf tells them apart. But a database that is full or
    frozen on one way is so on all, and would only get more to do. Raises the refusal, else the first error.
    """
    errors: list[LettaopsError] = []
    for way in ways:
        try:
            return way, await way.enter()
        except (Full, DeadlineExceeded):
            raise
        except LettaopsError as error:
            errors.append(error)
    raise next((each for each in errors if isinstance(each, Denied)), errors[0])


def _by_network(address: DatabaseAddress, host: str, port: int) -> Way:
    words = clean(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

    async def enter() -> Asking:
        from lettaops.sources.postgres import open_session

        return await open_session(address, host, port, where=words)

    return Way(words, True, enter)


def _by_psql(engine: Engine, container_id: str, address: DatabaseAddress) -> Way:
    async def enter() -> Asking:
        session = PsqlSession(engine, container_id, address, where=WAY)
        await session.ask("select 1", what="whether psql can enter")
        return session

    return Way(WAY, False, enter)
