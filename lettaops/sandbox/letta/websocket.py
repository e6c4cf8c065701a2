"""The WebSocket server that Letta had on port 8282 before 0.16: no password, no pings of its own."""

from typing import Any, Final

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from lettaops.sandbox.letta.logs import say
from lettaops.sandbox.letta.talk import NoAgent, Talks

WAIT_SECONDS: Final = 30.0  # as in Letta's own example of a client


class WebSocketServer:
    """Answers the old protocol's messages."""

    def __init__(self, talks: Talks) -> None:
        self._talks = talks

    async def start(self, host: str, port: int) -> Server:
        """Listen. Raises OSError."""
        return await serve(self._client, host, port, max_size=1 << 20, server_header=None)

    async def _client(self, connection: ServerConnection) -> None:
        try:
            async for text in connection:
                await self._answer(connection, text)
        except ConnectionClosed:
            say("[server] connection with client was closed")

    async def _answer(self, connection: ServerConnection, text: str | bytes) -> None:
        try:
            message = msgspec.json.decode(text)
        except msgspec.DecodeError:
            message = None
        if not isinstance(message, dict) or "type" not in message:
            await _send(
                connection, type="command_response", status=f"Error: bad data from client - {text!r:.80}"
            )
        elif message["type"] == "command" and message.get("command") == "create_agent":
            await _send(
                connection, type="command_response", status="Error: Failed to init agent - not in the sandbox"
            )
        elif message["type"] == "user_message":
            await self._talk(connection, message)
        else:
            await _send(
                connection, type="server_error", message=f"unrecognized client package data type: {message}"
            )

    async def _talk(self, connection: ServerConnection, message: dict[str, Any]) -> None:
        if not message.get("agent_id"):
            words = "agent_name was not specified in the request"
            await _send(connection, type="agent_response_error", message=words)
            return
        await _send(connection, type="agent_response_start")
        try:
            talk = await self._talks.begin(str(message["agent_id"]), str(message.get("message", "")))
            said = [event async for event in self._talks.events(talk)]
        except (NoAgent, OSError, RuntimeError) as error:
            await _send(
                connection, type="agent_response_error", message=f"server.user_message failed with: {error}"
            )
            return
        thought = "".join(str(each["reasoning"]) for each in said if "reasoning" in each)
        words = "".join(str(each["content"]) for each in said if "content" in each)
        await _send(connection, type="agent_response", message_type="internal_monologue", message=thought)
        await _send(connection, type="agent_response", message_type="assistant_message", message=words)
        await _send(connection, type="agent_response_end")


async def _send(connection: ServerConnection, **fields: str) -> None:
    await connection.send(msgspec.json.encode(fields).decode())
