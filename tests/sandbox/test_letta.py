"""The stand-in for the Letta server answers, fails and talks as Letta 0.16.8 does."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from lettaops.sandbox.place import free_ports
from tests.sandbox.living import Sandbox, get, wait_until

LAST_EVENTS = ["stop_reason", "usage_statistics"]


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {sandbox.password}"}
    with httpx.Client(
        base_url=sandbox.told["server"], headers=headers, timeout=30, trust_env=False
    ) as client:
        yield client


@pytest.fixture
def agent(api: httpx.Client) -> str:
    return str(api.get("/v1/agents/", params={"limit": 1}).json()[0]["id"])


def events_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """The events of a stream, without the mark of its end."""
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("path", ["/v1/health/", "/v1/ready/", "/latest/health/"])
def test_health_needs_no_password(sandbox: Sandbox, path: str) -> None:
    answer = get(sandbox.told["server"] + path)
    assert (answer.status_code, answer.json()) == (200, {"version": "0.16.8", "status": "ok"})


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer wrong"}, {"authorization": "bearer {}"}, {"x-bare-password": "{}"}],
)
def test_everything_else_does(sandbox: Sandbox, headers: dict[str, str]) -> None:
    filled = {name: value.format(sandbox.password) for name, value in headers.items()}
    answer = get(f"{sandbox.told['server']}/v1/agents/count", headers=filled)
    assert (answer.status_code, answer.json()) == (401, {"detail": "Unauthorized"})
    assert "www-authenticate" not in answer.headers


def test_the_other_header_works_too(sandbox: Sandbox) -> None:
    headers = {"x-bare-password": f"password {sandbox.password}"}
    assert get(f"{sandbox.told['server']}/v1/agents/count", headers=headers).status_code == 200


def test_a_path_without_its_slash_is_redirected(api: httpx.Client, sandbox: Sandbox) -> None:
    answer = api.get("/v1/health")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"{sandbox.told['server']}/v1/health/"


def test_an_unknown_path_is_answered_in_json(api: httpx.Client) -> None:
    answer = api.get("/v1/nothing")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})


def test_counts_are_numbers(api: httpx.Client, sandbox: Sandbox) -> None:
    tables = {"agents": "agents", "tools": "tools", "blocks": "block", "folders": "sources"}
    for path, table in tables.items():
        counted = api.get(f"/v1/{path}/count").json()
        assert counted == len(sandbox.psql(f"TABLE {table}").splitlines())


def test_agents_have_what_the_api_requires(api: httpx.Client) -> None:
    for found in api.get("/v1/agents/").json():
        required = {
            "id",
            "name",
            "system",
            "agent_type",
            "llm_config",
            "memory",
            "blocks",
            "tools",
            "sources",
            "tags",
        }
        assert required <= set(found)
        assert found["model"] == "letta/letta-free"
        assert {each["label"] for each in found["blocks"]} == {"persona", "human"}


def test_lists_go_on_after_an_id(api: httpx.Client) -> None:
    everything = [each["id"] for each in api.get("/v1/agents/", params={"order": "asc"}).json()]
    rest = api.get("/v1/agents/", params={"order": "asc", "after": everything[4], "limit": 3}).json()
    assert [each["id"] for each in rest] == everything[5:8]


def test_a_message_becomes_a_run(api: httpx.Client, agent: str) -> None:
    body = {"messages": [{"role": "user", "content": "Good morning."}]}
    answer = api.post(f"/v1/agents/{agent}/messages", json=body).json()
    assert answer["stop_reason"]["stop_reason"] == "end_turn"
    run = api.get(f"/v1/runs/{answer['usage']['run_ids'][0]}").json()
    assert (run["status"], run["agent_id"]) == ("completed", agent)
    assert run["ttft_ns"] < run["total_duration_ns"]
    kept = api.get(f"/v1/agents/{agent}/messages", params={"limit": 20}).json()
    assert "Good morning." in [each.get("content") for each in kept if each["run_id"] == run["id"]]


def test_a_stream_ends_with_reason_and_usage(api: httpx.Client, agent: str) -> None:
    body = {"input": "Hello.", "streaming": True}
    answer = api.post(f"/v1/agents/{agent}/messages", json=body)
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = events_of(answer)
    assert [each["message_type"] for each in events[-2:]] == LAST_EVENTS
    assert events[1]["message_type"] == "assistant_message"


def test_a_run_can_be_cancelled(api: httpx.Client, agent: str) -> None:
    body = {"input": "a long one, and longer still", "streaming": True}
    with api.stream("POST", f"/v1/agents/{agent}/messages", json=body) as answer:
        lines = answer.iter_lines()
        run = json.loads(next(lines).removeprefix("data: "))["run_id"]
        assert api.get("/v1/runs/", params={"active": "true"}).json()
        cancelled = api.post(f"/v1/agents/{agent}/messages/cancel", json={"run_ids": [run]}).json()
        assert cancelled == {run: "cancelled"}
        assert any('"stop_reason":"cancelled"' in line for line in lines)
    wait_until(lambda: api.get(f"/v1/runs/{run}").json()["status"] == "cancelled", "a cancelled run")


def test_an_unknown_agent_is_not_found(api: httpx.Client) -> None:
    answer = api.post("/v1/agents/agent-none/messages", json={"input": "x"})
    assert (answer.status_code, answer.json()) == (404, {"detail": "Agent not found"})


def test_an_exported_agent_comes_back_as_a_copy(api: httpx.Client, agent: str) -> None:
    exported = api.get(f"/v1/agents/{agent}/export")
    document = exported.json()
    assert set(document) >= {"agents", "groups", "blocks", "files", "sources", "tools", "mcp_servers"}
    before = api.get("/v1/agents/count").json()
    (copy,) = api.post("/v1/agents/import", files={"file": ("a.af", exported.content)}).json()["agent_ids"]
    try:
        assert api.get("/v1/agents/count").json() == before + 1
        original, found = (api.get(f"/v1/agents/{each}").json() for each in (agent, copy))
        assert found["name"] == original["name"]
        assert [each["value"] for each in found["blocks"]] == [each["value"] for each in original["blocks"]]
        assert len(found["message_ids"]) == len(document["agents"][0]["messages"])
    finally:
        assert api.delete(f"/v1/agents/{copy}").status_code == 200
    assert api.get("/v1/agents/count").json() == before


def test_what_is_no_agent_file_is_refused(api: httpx.Client) -> None:
    assert api.post("/v1/agents/import", files={"file": ("a.af", b"nonsense")}).status_code == 400
    assert api.post("/v1/agents/import", files={"other": ("a.af", b"{}")}).status_code == 422


def test_steps_fail_as_they_do(api: httpx.Client) -> None:
    answer = api.get("/v1/steps/")
    assert answer.status_code == 400
    assert "does not match type" in answer.json()["detail"]


def test_models_and_providers(api: httpx.Client) -> None:
    assert "letta/letta-free" in [each["handle"] for each in api.get("/v1/models/").json()]
    assert api.get("/v1/providers/").json() == []  # those of the environment are not listed
    assert "/v1/agents/count" in api.get("/openapi.json").json()["paths"]


async def test_the_old_websocket_protocol(sandbox: Sandbox, agent: str) -> None:
    async with connect(sandbox.told["websocket"], proxy=None) as socket, asyncio.timeout(30):
        await socket.send(json.dumps({"type": "ping"}))
        assert json.loads(await socket.recv())["type"] == "server_error"
        await socket.send(json.dumps({"type": "user_message", "message": "hello", "agent_id": agent}))
        kinds = [json.loads(await socket.recv()) for _ in range(4)]
    assert [each["type"] for each in kinds] == [
        "agent_response_start",
        "agent_response",
        "agent_response",
        "agent_response_end",
    ]
    assert [each["message_type"] for each in kinds[1:3]] == ["internal_monologue", "assistant_message"]


async def test_the_api_has_no_websocket(sandbox: Sandbox) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with connect(sandbox.told["server"].replace("http", "ws") + "/v1/agents/", proxy=None):
            pass
    assert caught.value.response.status_code == 403


def run_server(sandbox: Sandbox, **variables: str) -> subprocess.Popen[str]:
    """Another server on the sandbox's database, with some settings changed."""
    spec = sandbox.container("letta_server")
    port, other = free_ports(2)
    environ = {"PATH": os.environ["PATH"], **spec["environment"], **spec["process_environment"]}
    environ |= {"SANDBOX_HTTP": f"127.0.0.1:{port}", "SANDBOX_WEBSOCKET": f"127.0.0.1:{other}", **variables}
    return subprocess.Popen(
        [sys.executable, "-m", "lettaops.sandbox.letta"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_pool_wants_tls_and_the_server_does_not_start(sandbox: Sandbox) -> None:
    uri = sandbox.container("letta_server")["environment"]["LETTA_PG_URI"].replace(
        "letta-db-nossl", "letta-db"
    )
    with run_server(sandbox, LETTA_PG_URI=uri) as process:
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 3
    assert "Database connection error (attempt 1/3)" in said
    assert 'PostgreSQL server at "letta-db:5432" rejected SSL upgrade' in said
    assert "ERROR:    Application startup failed. Exiting." in said


def test_a_wrong_name_for_the_database_ends_the_server(sandbox: Sandbox) -> None:
    uri = sandbox.container("letta_server")["environment"]["LETTA_PG_URI"].replace(
        "letta-db-nossl", "nobody-db"
    )
    with run_server(sandbox, LETTA_PG_URI=uri) as process:
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 1
    assert "Name or service not known" in said
    assert "ERROR: Database migration failed!" in said


def test_without_a_pool_each_request_connects(sandbox: Sandbox) -> None:
    address = "127.0.0.99"
    clients = "SELECT client_addr FROM pg_stat_activity WHERE client_addr IS NOT NULL"
    with run_server(sandbox, LETTA_DISABLE_SQLALCHEMY_POOLING="true", SANDBOX_ADDRESS=address) as process:
        assert process.stdout is not None
        try:
            lines = iter(process.stdout.readline, "")
            assert any("Uvicorn running on" in line for line in lines)
            wait_until(lambda: address not in sandbox.psql(clients), "no session that is kept")
        finally:
            process.terminate()
            process.communicate(timeout=30)
        assert process.returncode == 0
