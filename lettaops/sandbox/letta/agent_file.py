"""Agents as `.af` files: out of the database, and into it as copies with new ids."""

import uuid
from datetime import UTC, datetime
from email.parser import BytesParser
from typing import Any

import msgspec

from lettaops.sandbox.letta import REVISION, VERSION
from lettaops.sandbox.letta.database import Connection
from lettaops.sandbox.letta.records import parsed
from lettaops.sandbox.letta.talk import NoAgent


async def export_agent(connection: Connection, agent_id: str, *, scrub: bool) -> dict[str, object]:
    """The file of one agent: its blocks, and the messages that are in its context. Raises `NoAgent`."""
    row = await connection.fetchrow("SELECT * FROM agents WHERE id = $1 AND NOT is_deleted", agent_id)
    if row is None:
        raise NoAgent(agent_id)
    blocks = await connection.fetch(
        "SELECT block.* FROM block JOIN blocks_agents ON block_id = block.id WHERE agent_id = $1"
        " ORDER BY label",
        agent_id,
    )
    kept = parsed(row["message_ids"]) or []
    messages = await connection.fetch(
        "SELECT id, role, content, created_at FROM messages WHERE id = ANY($1) ORDER BY sequence_id", kept
    )
    return {
        "agents": [
            {
                "id": "agent-0",
                "name": row["name"],
                "system": row["system"],
                "agent_type": row["agent_type"],
                "description": row["description"],
                "llm_config": parsed(row["llm_config"]),
                "embedding_config": parsed(row["embedding_config"]),
                "block_ids": [f"block-{number}" for number in range(len(blocks))],
                "tool_ids": [],
                "in_context_message_ids": []
                if scrub
                else [f"message-{number}" for number in range(len(messages))],
                "messages": []
                if scrub
                else [
                    {
                        "id": f"message-{number}",
                        "role": each["role"],
                        "content": parsed(each["content"]),
                        "created_at": each["created_at"],
                    }
                    for number, each in enumerate(messages)
                ],
            }
        ],
        "groups": [],
        "blocks": [
            {
                "id": f"block-{number}",
                "label": each["label"],
                "value": each["value"],
                "limit": each["limit"],
                "description": each["description"],
            }
            for number, each in enumerate(blocks)
        ],
        "files": [],
        "sources": [],
        "tools": [],
        "mcp_servers": [],
        "skills": [],
        "metadata": {"revision_id": REVISION, "letta_version": VERSION},
        "created_at": datetime.now(UTC),
    }


async def import_agents(connection: Connection, document: object) -> list[str]:
    """Make the agents of a file; their new ids. Raises `ValueError` for a file that is none."""
    if not isinstance(document, dict) or not isinstance(document.get("agents"), list):
        raise ValueError("Invalid agent file: no agents")
    organization = await connection.fetchval("SELECT id FROM organizations ORDER BY created_at LIMIT 1")
    blocks = {
        each["id"]: each for each in document.get("blocks", []) if isinstance(each, dict) and "id" in each
    }
    return [
        await _import_one(connection, each, blocks, organization)
        for each in document["agents"]
        if isinstance(each, dict)
    ]


async def _import_one(
    connection: Connection, agent: dict[str, Any], blocks: dict[str, Any], organization: str
) -> str:
    identity = f"agent-{uuid.uuid4()}"
    await connection.execute(
        "INSERT INTO agents (id, name, system, agent_type, description, llm_config, embedding_config,"
        " message_ids, metadata_, tool_rules, organization_id)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, '[]', '{}', '[]', $8)",
        identity, agent.get("name"), agent.get("system"), agent.get("agent_type"), agent.get("description"),
        _json(agent.get("llm_config")), _json(agent.get("embedding_config")), organization,
    )  # fmt: skip
    for block in (blocks[each] for each in agent.get("block_ids", []) if each in blocks):
        number = f"block-{uuid.uuid4()}"
        await connection.execute(
            'INSERT INTO block (id, label, value, "limit", description, metadata_, organization_id)'
            " VALUES ($1, $2, $3, $4, $5, '{}', $6)",
            number, block["label"], block["value"], block.get("limit", 20000), block.get("description"),
            organization,
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO blocks_agents VALUES ($1, $2, $3)", identity, number, block["label"]
        )
    kept = []
    for message in agent.get("messages", []):
        kept.append(f"message-{uuid.uuid4()}")
        await connection.execute(
            "INSERT INTO messages (id, role, content, tool_calls, tool_returns, agent_id, organization_id)"
            " VALUES ($1, $2, $3, '[]', '[]', $4, $5)",
            kept[-1], message["role"], _json(message.get("content")), identity, organization,
        )  # fmt: skip
    await connection.execute("UPDATE agents SET message_ids = $2 WHERE id = $1", identity, _json(kept))
    return identity


def uploaded(content_type: str, body: bytes) -> bytes | None:
    """The content of the field `file` in a multipart form; None when there is none."""
    parser = BytesParser()
    form = parser.parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    for part in form.get_payload() if form.is_multipart() else ():
        if not isinstance(part, str) and part.get_param("name", header="content-disposition") == "file":
            content = part.get_payload(decode=True)
            return content if isinstance(content, bytes) else None
    return None


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
