"""The endpoints. Those that need the database ask it; `/v1/health/` never does."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from lettaops.sandbox.letta import VERSION, records
from lettaops.sandbox.letta.agent_file import export_agent, import_agents, uploaded
from lettaops.sandbox.letta.database import Database
from lettaops.sandbox.letta.listing import Listing, truth
from lettaops.sandbox.letta.streams import server_sent
from lettaops.sandbox.letta.talk import NoAgent, Talk, Talks

Endpoint = Callable[[Request], Awaitable[Response]]


def json(value: object, status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


class Routes:
    """The endpoints of one server on its database."""

    def __init__(self, database: Database, talks: Talks, *, keepalive_s: float) -> None:
        self._database = database
        self._talks = talks
        self._keepalive_s = keepalive_s

    async def health(self, request: Request) -> Response:
        """Always well: it looks at nothing."""
        return json({"version": VERSION, "status": "ok"})

    def count(self, table: str) -> Endpoint:
        """The endpoint that counts the rows of a table."""

        async def endpoint(request: Request) -> Response:
            async with self._database.session() as connection:
                query = f"SELECT count(*) FROM {table} WHERE NOT is_deleted"  # noqa: S608 - one of our own names
                return json(await connection.fetchval(query))

        return endpoint

    async def agents(self, request: Request) -> Response:
        """Agents, with their blocks and tags unless `include_relationships` is empty."""
        listing = Listing("agents", records.AGENT_COLUMNS, limit=50)
        listing.where("name = {}", request.query_params.get("name"))
        listing.where("name ILIKE '%' || {} || '%'", request.query_params.get("query_text"))
        listing.where("last_stop_reason = {}", request.query_params.get("last_stop_reason"))
        async with self._database.session() as connection:
            rows = await listing.fetch(connection, request)
            if request.query_params.get("include_relationships") == "":
                return json([records.agent(row) for row in rows])
            return json([await self._whole(connection, row) for row in rows])

    async def agent(self, request: Request) -> Response:
        """One agent."""
        async with self._database.session() as connection:
            row = await connection.fetchrow(
                f"SELECT {records.AGENT_COLUMNS} FROM agents WHERE id = $1 AND NOT is_deleted",  # noqa: S608 - ours
                request.path_params["agent_id"],
            )
            if row is None:
                raise NoAgent(request.path_params["agent_id"])
            return json(await self._whole(connection, row))

    async def delete_agent(self, request: Request) -> Response:
        """Delete an agent with all that hangs on it."""
        async with self._database.session() as connection:
            identity = request.path_params["agent_id"]
            await connection.execute("DELETE FROM agents_tags WHERE agent_id = $1", identity)
            if await connection.fetchval("DELETE FROM agents WHERE id = $1 RETURNING id", identity) is None:
                raise NoAgent(identity)
        return json({"message": f"Agent id={identity} successfully deleted"})

    async def messages(self, request: Request) -> Response:
        """Messages of an agent."""
        listing = Listing("messages", records.MESSAGE_COLUMNS, limit=100)
        listing.where("agent_id = {}", request.path_params["agent_id"])
        async with self._database.session() as connection:
            return json([records.message(row) for row in await listing.fetch(connection, request)])

    async def send(self, request: Request) -> Response:
        """A message to an agent: the whole answer, or a stream where `streaming` is true."""
        body = await _body(request)
        if body is None:
            return json(
                {"detail": [{"loc": ["body"], "msg": "not a JSON object", "type": "json_invalid"}]}, 422
            )
        talk = await self._begin(request, body)
        if body.get("streaming"):
            return self._stream(talk)
        events = [event async for event in self._talks.events(talk)]
        *messages, reason, usage = events
        return json({"messages": messages, "stop_reason": reason, "usage": usage})

    async def send_streaming(self, request: Request) -> Response:
        """The same as a stream, always."""
        body = await _body(request)
        return self._stream(await self._begin(request, body or {}))

    async def cancel(self, request: Request) -> Response:
        """Cancel runs of an agent."""
        body = await _body(request) or {}
        return json(await self._talks.cancel(request.path_params["agent_id"], body.get("run_ids")))

    async def export(self, request: Request) -> Response:
        """An agent as a file."""
        async with self._database.session() as connection:
            scrub = truth(request.query_params.get("scrub_messages")) or False
            return json(await export_agent(connection, request.path_params["agent_id"], scrub=scrub))

    async def import_file(self, request: Request) -> Response:
        """Agents from a file, as copies."""
        content = uploaded(request.headers.get("content-type", ""), await request.body())
        if content is None:
            return json(
                {"detail": [{"loc": ["body", "file"], "msg": "Field required", "type": "missing"}]}, 422
            )
        try:
            document = msgspec.json.decode(content)
        except msgspec.DecodeError:
            return json({"detail": "Invalid agent file: not JSON"}, 400)
        async with self._database.session() as connection:
            return json({"agent_ids": await import_agents(connection, document)})

    def models(self, kind: str) -> Endpoint:
        """The endpoint that lists models of a kind."""

        async def endpoint(request: Request) -> Response:
            async with self._database.session() as connection:
                rows = await connection.fetch(
                    "SELECT handle, provider_models.name, display_name, model_type, model_endpoint_type,"
                    " max_context_window, embedding_dim, providers.name AS provider_name, provider_type,"
                    " provider_category, base_url FROM provider_models"
                    " JOIN providers ON providers.id = provider_id"
                    " WHERE model_type = $1 AND enabled ORDER BY handle",
                    kind,
                )
                return json([records.model(row) for row in rows])

        return endpoint

    async def providers(self, request: Request) -> Response:
        """Providers that users brought; those of the environment are in the database only."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                "SELECT id, name, provider_type, provider_category, base_url, organization_id, updated_at,"
                " last_synced FROM providers WHERE provider_category = 'byok' ORDER BY created_at"
            )
            return json([dict(row) for row in rows])

    async def runs(self, request: Request) -> Response:
        """Runs by status, agent and so on."""
        parameters = request.query_params
        listing = Listing("runs", records.RUN_COLUMNS, limit=100)
        statuses = (
            ["created", "running"] if truth(parameters.get("active")) else parameters.getlist("statuses")
        )
        listing.where("status = ANY({})", statuses or None)
        listing.where("agent_id = {}", parameters.get("agent_id"))
        listing.where("background = {}", truth(parameters.get("background")))
        listing.where("stop_reason = {}", parameters.get("stop_reason"))
        async with self._database.session() as connection:
            return json([records.run(row) for row in await listing.fetch(connection, request)])

    async def run(self, request: Request) -> Response:
        """One run."""
        identity = request.path_params["run_id"]
        async with self._database.session() as connection:
            row = await connection.fetchrow(f"SELECT {records.RUN_COLUMNS} FROM runs WHERE id = $1", identity)  # noqa: S608 - ours
        return json(records.run(row)) if row else json({"detail": f"Run not found with id='{identity}'"}, 404)

    async def steps(self, request: Request) -> Response:
        """Always an error, as in 0.16.8, whose types don't fit here."""
        raise ValueError(
            "Argument order does not match type typing.Optional[str]; is True of type <class 'bool'>"
        )

    async def _begin(self, request: Request, body: dict[str, Any]) -> Talk:
        background = bool(body.get("background"))
        return await self._talks.begin(request.path_params["agent_id"], said_in(body), background=background)

    def _stream(self, talk: Talk) -> Response:
        events = server_sent(self._talks, talk, self._keepalive_s)
        return StreamingResponse(
            events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"}
        )

    async def _whole(self, connection: Any, row: Any) -> dict[str, object]:
        blocks = await connection.fetch(
            'SELECT id, label, value, "limit", description, is_template, read_only, metadata_ FROM block'
            " JOIN blocks_agents ON block_id = id WHERE agent_id = $1 ORDER BY label",
            row["id"],
        )
        tags = await connection.fetch(
            "SELECT tag FROM agents_tags WHERE agent_id = $1 ORDER BY tag", row["id"]
        )
        return records.agent(row, blocks, [each["tag"] for each in tags])


def said_in(body: dict[str, Any]) -> str:
    """The words of a request: of its last message, or of the short form `input`."""
    messages = body.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else {"content": body.get("input", "")}
    content = last.get("content", "") if isinstance(last, dict) else ""
    if isinstance(content, list):
        return " ".join(str(each.get("text", "")) for each in content if isinstance(each, dict))
    return str(content)


async def _body(request: Request) -> dict[str, Any] | None:
    content = await request.body()
    try:
        body = msgspec.json.decode(content) if content else {}
    except msgspec.DecodeError:
        return None
    return body if isinstance(body, dict) else None
