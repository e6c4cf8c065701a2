"""Rows of Letta's tables in the shapes of its API."""

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

import asyncpg
import msgspec

Row: TypeAlias = "asyncpg.Record"

AGENT_COLUMNS: Final = """id, name, system, agent_type, description, message_ids, metadata_, llm_config,
    embedding_config, tool_rules, message_buffer_autoclear, enable_sleeptime, last_run_completion,
    last_run_duration_ms, last_stop_reason, timezone, hidden, project_id, _created_by_id, _last_updated_by_id,
    created_at, updated_at"""
RUN_COLUMNS: Final = """id, status, created_at, completed_at, agent_id, conversation_id, background,
    metadata_, request_config, stop_reason, callback_url, callback_sent_at, callback_status_code,
    callback_error, ttft_ns, total_duration_ns"""
MESSAGE_COLUMNS: Final = "id, role, content, created_at, name, otid, step_id, run_id, is_err, sequence_id"


def agent(row: Row, blocks: Iterable[Row] = (), tags: Iterable[str] = ()) -> dict[str, object]:
    """An `AgentState`."""
    model, embedding = parsed(row["llm_config"]), parsed(row["embedding_config"])
    shown = [block(each) for each in blocks]
    return {
        "id": row["id"],
        "name": row["name"],
        "system": row["system"],
        "agent_type": row["agent_type"],
        "description": row["description"],
        "message_ids": parsed(row["message_ids"]),
        "metadata": parsed(row["metadata_"]),
        "llm_config": model,
        "embedding_config": embedding,
        "model": _field(model, "handle"),
        "embedding": _field(embedding, "handle"),
        "tool_rules": parsed(row["tool_rules"]),
        "memory": {"blocks": shown, "file_blocks": [], "prompt_template": ""},
        "blocks": shown,
        "tools": [],
        "sources": [],
        "tags": list(tags),
        "identity_ids": [],
        "message_buffer_autoclear": row["message_buffer_autoclear"],
        "enable_sleeptime": row["enable_sleeptime"],
        "last_run_completion": row["last_run_completion"],
        "last_run_duration_ms": row["last_run_duration_ms"],
        "last_stop_reason": row["last_stop_reason"],
        "timezone": row["timezone"],
        "hidden": row["hidden"],
        "project_id": row["project_id"],
        "created_by_id": row["_created_by_id"],
        "last_updated_by_id": row["_last_updated_by_id"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


def block(row: Row) -> dict[str, object]:
    """A `Block`."""
    kept = {
        name: row[name]
        for name in ("id", "label", "value", "limit", "description", "is_template", "read_only")
    }
    return kept | {"metadata": parsed(row["metadata_"])}


def run(row: Row) -> dict[str, object]:
    """A `Run`."""
    shown = {name: row[name] for name in row.keys() if name not in {"metadata_", "request_config"}}  # noqa: SIM118
    return shown | {"metadata": parsed(row["metadata_"]), "request_config": parsed(row["request_config"])}


def message(row: Row) -> dict[str, object]:
    """A message as the API's message types: user, assistant, tool or system."""
    kinds = {"user": "user_message", "assistant": "assistant_message", "tool": "tool_return_message"}
    parts = parsed(row["content"])
    words = "".join(str(_field(each, "text")) for each in parts) if isinstance(parts, list) else ""
    kept = {name: row[name] for name in ("id", "name", "otid", "step_id", "run_id", "is_err")}
    field = "tool_return" if row["role"] == "tool" else "content"
    return kept | {
        "date": row["created_at"],
        "message_type": kinds.get(row["role"], "system_message"),
        "seq_id": row["sequence_id"],
        field: words,
    }


def model(row: Row) -> dict[str, object]:
    """A `Model` of kind llm or embedding."""
    shown = {
        "handle": row["handle"],
        "name": row["name"],
        "display_name": row["display_name"],
        "provider_type": row["provider_type"],
        "provider_name": row["provider_name"],
        "provider_category": row["provider_category"],
        "model_type": row["model_type"],
        "model_endpoint_type": row["model_endpoint_type"],
        "model_endpoint": row["base_url"],
    }
    if row["model_type"] == "embedding":
        return shown | {
            "embedding_model": row["name"],
            "embedding_endpoint_type": row["model_endpoint_type"],
            "embedding_dim": row["embedding_dim"],
        }
    return shown | {
        "model": row["name"],
        "context_window": row["max_context_window"],
        "max_context_window": row["max_context_window"],
        "temperature": 1.0,
    }


def parsed(text: str | None) -> Any:
    """The value of a json column."""
    return msgspec.json.decode(text) if text is not None else None


def _field(value: object, name: str) -> object:
    return value.get(name) if isinstance(value, dict) else None
