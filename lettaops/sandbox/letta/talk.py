"""A message to an agent: a run, its step and its messages in the database, and the events of a stream."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from lettaops.sandbox.letta.database import Connection, Database
from lettaops.sandbox.letta.logs import letta_logger

_WORDS: Final = (
    "there", "is", "no", "model", "here", "so", "these", "are", "the", "sandbox's", "own", "words", "one",
    "after", "the", "other", "until", "there", "are", "enough",
)  # fmt: skip
_AGENT_LOG = letta_logger("agents.letta_agent_v3")
_NOT_OVER: Final = ("created", "running")


class NoAgent(LookupError):
    """There is no agent with that id."""


class Talk:
    """One message and the answer to it. `begin` makes the run; `events` ends it, in whichever way."""

    def __init__(self, database: Database, agent_id: str, text: str, *, word_s: float) -> None:
        self.run_id = f"run-{uuid.uuid4()}"
        self._database = database
        self._agent_id = agent_id
        self._text = text
        self._word_s = word_s
        self._step_id = f"step-{uuid.uuid4()}"
        self._cancelled = asyncio.Event()
        self._began = time.monotonic_ns()

    def cancel(self) -> None:
        """End it before its next word."""
        self._cancelled.set()

    async def begin(self, *, background: bool = False) -> None:
        """Put the run into the database. Raises `NoAgent`, and what the database raises."""
        async with self._database.session() as connection:
            organization = await connection.fetchval(
                "SELECT organization_id FROM agents WHERE id = $1 AND NOT is_deleted", self._agent_id
            )
            if organization is None:
                raise NoAgent(self._agent_id)
            await connection.execute(
                "INSERT INTO runs (id, status, agent_id, background, metadata_, organization_id)"
                " VALUES ($1, 'running', $2, $3, '{}', $4)",
                self.run_id, self._agent_id, background, organization,
            )  # fmt: skip
        _AGENT_LOG.info("Run %s started for agent %s", self.run_id, self._agent_id)

    async def events(self) -> AsyncIterator[dict[str, object]]:
        """What happens, in the API's message types; the stop reason and the usage come last."""
        yield self._message(
            "reasoning_message", reasoning="The sandbox thinks of words.", source="reasoner_model"
        )
        said: list[str] = []
        count = 4 + len(self._text) % 16
        identity = f"message-{uuid.uuid4()}"
        first: int | None = None
        while len(said) < count and not self._cancelled.is_set():
            await self._pause()
            first = first or time.monotonic_ns() - self._began
            said.append(_WORDS[len(said) % len(_WORDS)])
            yield self._message("assistant_message", id=identity, content=f"{said[-1]} ")
        reason = "cancelled" if self._cancelled.is_set() else "end_turn"
        await self._end(reason, " ".join(said), identity, first)
        yield {"message_type": "stop_reason", "stop_reason": reason}
        yield self._usage(len(said))

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._word_s):
                await self._cancelled.wait()
        except TimeoutError:
            return

    async def _end(self, reason: str, said: str, identity: str, first: int | None) -> None:
        usage = self._usage(len(said.split()))
        async with self._database.session() as connection:
            organization = await connection.fetchval(
                "UPDATE runs SET status = $2, stop_reason = $3, completed_at = now(), updated_at = now(),"
                " ttft_ns = $4, total_duration_ns = $5 WHERE id = $1 RETURNING organization_id",
                self.run_id, "cancelled" if reason == "cancelled" else "completed", reason, first,
                time.monotonic_ns() - self._began,
            )  # fmt: skip
            if organization is None:  # the run was deleted in the meantime
                return
            await connection.execute(
                "INSERT INTO steps (id, run_id, agent_id, provider_name, model, context_window_limit,"
                " completion_tokens, prompt_tokens, total_tokens, stop_reason, status, organization_id)"
                " VALUES ($1, $2, $3, 'letta', 'letta-free', 30000, $4, $5, $6, $7, 'success', $8)",
                self._step_id, self.run_id, self._agent_id, usage["completion_tokens"],
                usage["prompt_tokens"], usage["total_tokens"], reason, organization,
            )  # fmt: skip
            for number, role, text in (
                (f"message-{uuid.uuid4()}", "user", self._text),
                (identity, "assistant", said),
            ):
                await self._store(connection, number, role, text, organization)
            await connection.execute(
                "UPDATE agents SET last_stop_reason = $2, updated_at = now() WHERE id = $1",
                self._agent_id,
                reason,
            )
        _AGENT_LOG.info("Run %s ended: %s", self.run_id, reason)

    async def _store(
        self, connection: Connection, identity: str, role: str, text: str, organization: str
    ) -> None:
        content = msgspec.json.encode([{"type": "text", "text": text}]).decode()
        await connection.execute(
            "INSERT INTO messages (id, role, content, tool_calls, tool_returns, step_id, run_id, agent_id,"
            " organization_id) VALUES ($1, $2, $3, '[]', '[]', $4, $5, $6, $7)",
            identity, role, content, self._step_id, self.run_id, self._agent_id, organization,
        )  # fmt: skip

    def _message(self, kind: str, **fields: Any) -> dict[str, object]:
        return {
            "id": f"message-{uuid.uuid4()}",
            "date": datetime.now(UTC),
            "message_type": kind,
            "step_id": self._step_id,
            "run_id": self.run_id,
        } | fields

    def _usage(self, words: int) -> dict[str, Any]:
        prompt = 900 + len(self._text) // 4
        return {
            "message_type": "usage_statistics",
            "completion_tokens": words,
            "prompt_tokens": prompt,
            "total_tokens": prompt + words,
            "step_count": 1,
            "run_ids": [self.run_id],
        }


class Talks:
    """The talks that go on now, to be cancelled by run."""

    def __init__(self, database: Database, *, word_s: float) -> None:
        self._database = database
        self._word_s = word_s
        self._current: dict[str, Talk] = {}

    async def begin(self, agent_id: str, text: str, *, background: bool = False) -> Talk:
        """Begin one. Raises what `Talk.begin` raises."""
        talk = Talk(self._database, agent_id, text, word_s=self._word_s)
        await talk.begin(background=background)
        self._current[talk.run_id] = talk
        return talk

    async def events(self, talk: Talk) -> AsyncIterator[dict[str, object]]:
        """Its events; it is forgotten when they end."""
        try:
            async for event in talk.events():
                yield event
        finally:
            self._current.pop(talk.run_id, None)

    async def cancel(self, agent_id: str, run_ids: list[str] | None) -> dict[str, str]:
        """Cancel runs of an agent, those that go on when none is named; run to `cancelled`."""
        async with self._database.session() as connection:
            rows = await connection.fetch(
                "UPDATE runs SET status = 'cancelled', stop_reason = 'cancelled',"
                " completed_at = coalesce(completed_at, now())"
                " WHERE agent_id = $1 AND (id = ANY($2) OR ($2 IS NULL AND status = ANY($3))) RETURNING id",
                agent_id, run_ids, list(_NOT_OVER),
            )  # fmt: skip
        for row in rows:
            if (talk := self._current.get(row["id"])) is not None:
                talk.cancel()
        return {row["id"]: "cancelled" for row in rows}
