"""Asking every service of a stack whether it does what it is for, all at once, each within its deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self, TypeVar

from lettaops.model.engine import Container
from lettaops.model.errors import LettaopsError, NotFound
from lettaops.model.nginx import NGINX_FOLDER, configuration, host_for, server_blocks
from lettaops.model.pguri import DatabaseAddress
from lettaops.model.probe import Answers, Outcome, Probe, ServerProbe
from lettaops.model.recognise import SERVER_PORT
from lettaops.model.routes import Route, routes_to
from lettaops.model.secrets import Secret
from lettaops.model.stack import CACHE_PORT, DATABASE_PORT, Member, Role, Stack
from lettaops.model.text import clean
from lettaops.sources import psql, redis
from lettaops.sources.daemon_thread import in_daemon_thread
from lettaops.sources.engine import Engine
from lettaops.sources.letta import LettaApi

if TYPE_CHECKING:
    from lettaops.sources.postgres import PostgresProbes

PROBE_SECONDS: Final = 2.0
_PROXY_PORTS: Final = (80, 8080, 443, 8283)
Reply = TypeVar("Reply")
_STOCK_HOST: Final = "letta.localhost"  # server_name of the nginx.conf that Letta ships


class Asker:
    """Asks the members of a stack; use as an asynchronous context manager.

    Keeps what makes the next round cheap: connections, and the Host that each proxy wants.
    """

    def __init__(self, engine: Engine, *, password: Secret | None = None) -> None:
        self._engine = engine
        self._letta = LettaApi(timeout=PROBE_SECONDS)
        self._password = password
        self._hosts: dict[tuple[str, str], str] = {}
        self._postgres: PostgresProbes | None = None
        self._doubtful = False  # whether a server couldn't use its database the last time

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._letta.close()
        if self._postgres is not None:
            self._postgres.close()

    async def ask(self, stack: Stack) -> Answers:
        """The answers of all members that run. Takes `PROBE_SECONDS` at most, and a little. Never raises."""
        await self._prepare(stack)
        answers = await self._answers(stack)
        deep = (each.database for each in answers.servers.values())
        self._doubtful = any(probe is not None and not probe.ok for probe in deep)
        return answers

    async def _prepare(self, stack: Stack) -> None:
        """Import what only databases need, before any question: our own work is no latency of a service."""
        if self._postgres is None and stack.database.address is not None:
            self._postgres = await in_daemon_thread(_postgres_probes)

    async def _answers(self, stack: Stack) -> Answers:
        running = [each for each in stack.members if _may_answer(each.container)]
        servers: dict[str, ServerProbe] = {}
        proxies: dict[str, Probe] = {}
        databases: dict[str, Probe] = {}
        caches: dict[str, Probe] = {}
        external: list[Probe] = []
        async with asyncio.TaskGroup() as group:
            for member in running:
                match member.role:
                    case Role.SERVER:
                        group.create_task(_into(servers, member, self._server(member, stack)))
                    case Role.PROXY:
                        group.create_task(_into(proxies, member, self._proxy(member)))
                    case Role.DATABASE:
                        group.create_task(_into(databases, member, self._database(member, stack)))
                    case Role.CACHE:
                        group.create_task(_into(caches, member, self._cache(member)))
            outside = stack.database
            if outside.address is not None and outside.container_id is None:
                group.create_task(self._external(outside.address.host, stack, external))
        return Answers(
            servers=servers,
            proxies=proxies,
            databases=databases,
            caches=caches,
            database=external[0] if external else None,
        )

    async def _server(self, member: Member, stack: Stack) -> ServerProbe:
        password = (
            self._password or member.container.environment.secret("LETTA_SERVER_PASSWORD") or stack.password
        )
        routes = self._routes(member.container, SERVER_PORT)
        answer = ServerProbe(health=_unreached("its port 8283 is not published"))
        for route in routes:
            answer = await self._letta.server(route.base, password, route=route.words)
            if not answer.health.absent:
                return answer
        return answer

    async def _proxy(self, member: Member) -> Probe:
        ports = [port for port in _PROXY_PORTS if self._routes(member.container, port)]
        if not ports:
            return _unreached("none of its ports is published")
        host = await self._host(member.container, ports[0])
        return await _first(
            self._routes(member.container, ports[0]),
            lambda route: self._letta.proxy(route.base, host, route=route.words),
        )

    async def _host(self, container: Container, port: int) -> str:
        """The Host that the proxy passes on, by its configuration; looked up once a start."""
        key = (container.id, str(container.state.started_at))
        if key not in self._hosts:
            try:
                files = await self._engine.files(container.id, NGINX_FOLDER, timeout=PROBE_SECONDS / 2)
            except NotFound:  # not an nginx
                files = {}
            except LettaopsError:
                return _STOCK_HOST
            blocks = server_blocks(configuration(files))
            self._hosts[key] = host_for(blocks, port) or _STOCK_HOST
        return self._hosts[key]

    async def _database(self, member: Member, stack: Stack) -> Probe:
        address = stack.database.address if stack.database.container_id == member.container.id else None
        if address is None:
            return _unreached("its credentials aren't known: no LETTA_PG_URI names it")
        probe = await _first(
            self._routes(member.container, DATABASE_PORT),
            lambda route: self._select(address, route.host, route.port, route.words),
        )
        if probe.outcome is Outcome.UNREACHED:
            return await psql.probe(self._engine, member.container.id, address, timeout=PROBE_SECONDS)
        return probe

    async def _external(self, host: str, stack: Stack, into: list[Probe]) -> None:
        address = stack.database.address
        if address is not None:
            words = f"{host}:{address.port}"
            into.append(await self._select(address, host, address.port, words))

    async def _select(self, address: DatabaseAddress, host: str, port: int, route: str) -> Probe:
        self._postgres = self._postgres or _postgres_probes()
        return await self._postgres.probe(
            address, host, port, route=route, timeout=PROBE_SECONDS, renew=self._doubtful
        )

    async def _cache(self, member: Member) -> Probe:
        return await _first(
            self._routes(member.container, CACHE_PORT),
            lambda route: redis.probe(route.host, route.port, route=route.words, timeout=PROBE_SECONDS),
        )

    def _routes(self, container: Container, port: int) -> tuple[Route, ...]:
        target = self._engine.target
        return routes_to(container, port, engine_host=target.host or "127.0.0.1", local=target.is_local)


def _postgres_probes() -> "PostgresProbes":
    from lettaops.sources.postgres import PostgresProbes

    return PostgresProbes()


def _may_answer(container: Container) -> bool:
    return container.state.running


async def _into(found: dict[str, Reply], member: Member, asked: Awaitable[Reply]) -> None:
    found[member.container.id] = await asked


async def _first(routes: tuple[Route, ...], ask: Callable[[Route], Awaitable[Probe]]) -> Probe:
    """Ask on each way until something answers there."""
    probe = _unreached("no port of it is published")
    for route in routes:
        probe = await ask(route)
        if not probe.absent:
            break
    return probe


def _unreached(words: str) -> Probe:
    return Probe(outcome=Outcome.UNREACHED, detail=clean(words))
