"""The verbs about the database, as an operator types them, on an engine with a server and its API."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.fakes.engine import FakeEngine, Request, answer
from tests.fakes.web import FakeWeb
from tests.postgres.people import People
from tests.postgres.postmaster import PASSWORD, USER, Postmaster
from tests.unit.build import HOSTILE, is_clean
from tests.unit.programme import COMMAND, environment

SERVER = "5e" * 32
LABELS = {"com.docker.compose.project": "letta", "com.docker.compose.service": "letta_server"}
RUN = "run-123e4567-e89b-42d3-8456-426614174000"
AGENT = "agent-123e4567-e89b-42d3-8456-426614174000"


class Said(NamedTuple):
    """What a verb left."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


class Machine:
    """An engine with one Letta server on it, whose database is elsewhere."""

    def __init__(self, place: Path, database: Postmaster, engine: FakeEngine, letta: FakeWeb) -> None:
        self._place = place
        self.engine = engine
        self.letta = letta
        uri = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{database.port}/letta"
        inspected = {
            "Id": SERVER,
            "Name": "/letta-letta_server-1",
            "Config": {
                "Image": "letta/letta:latest",
                "Labels": LABELS,
                "Env": [f"LETTA_PG_URI={uri}", "LETTA_PG_POOL_SIZE=80", "LETTA_SERVER_PASSWORD=knock-knock"],
            },
            "State": {"Status": "running", "Pid": 1, "StartedAt": "2026-11-22T01:00:00Z"},
            "HostConfig": {"NetworkMode": "letta_default"},
            "NetworkSettings": {
                "Ports": {"8283/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(letta.port)}]},
                "Networks": {},
            },
        }
        row = {"Id": SERVER, "Names": ["/letta-letta_server-1"], "Image": "letta/letta:latest"}
        engine.on("/containers/json", answer([row | {"Labels": LABELS, "State": "running", "Status": "Up"}]))
        engine.on(f"/containers/{SERVER}/json", answer(inspected))
        letta.on("/v1/health/", answer({"version": "0.16.8", "status": "ok"}))
        letta.on("/v1/agents/count", answer(3))

    async def say(self, *words: str) -> Said:
        """Run lettaops with these words."""
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            "--host",
            f"unix://{self.engine.path}",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(self._place),
        )
        try:
            async with asyncio.timeout(30):
                out, err = await process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())


@pytest.fixture
async def machine(tmp_path: Path, postmaster: Postmaster) -> AsyncIterator[Machine]:
    """The machine, as long as the test lasts."""
    async with FakeEngine(tmp_path / "engine.sock") as engine, FakeWeb() as letta:
        yield Machine(tmp_path, postmaster, engine, letta)


async def test_pool_as_an_object(machine: Machine, people: People) -> None:
    await people.three_levels()
    said = await machine.say("pool", "--json")
    assert said.status == 0, said.err
    found = said.json
    assert found["schema"] == "lettaops/pool/1"
    assert (found["max_connections"], found["reserved"]) == (100, 3)
    assert {each["pid"] for each in found["sessions"]} == set(people.pids.values())
    assert [each["depth"] for each in found["tree"]] == [0, 1, 2, 3, 1]
    budget = found["budget"]
    assert (budget["state"], budget["ceiling"], budget["room"]) == ("unbounded", None, 90)
    assert "LETTA_PG_POOL_SIZE=80 is ignored" in budget["notes"][0]
    sizes = {each["name"]: each for each in budget["servers"][0]["settings"]}
    assert sizes["LETTA_PG_POOL_SIZE"] == {
        "name": "LETTA_PG_POOL_SIZE",
        "value": 80,
        "default": 25,
        "origin": "environment",
        "ignored": True,
    }
    assert budget["servers"][0]["version"] == "0.16.8"
    assert found["letta"]["agents"] == 3
    assert found["letta"]["schema_fits"] is True
    assert found["database"]["state"] == "live"
    assert found["activity"]["rates"]["transactions"] is not None
    assert PASSWORD not in said.out


async def test_pool_for_people(machine: Machine, people: People) -> None:
    await people.three_levels()
    said = await machine.say("pool")
    assert said.status == 0, said.err
    assert "nothing bounds Letta's sessions (pooling is off: each request connects anew)" in said.out
    assert "100 max_connections - 3 for superusers - 5 of others - 2 for lettaops = 90" in said.out
    assert f"{people.pids['a']}" in said.out
    assert "holds up 4" in said.out
    assert "schema 1c28e167b74f as the server wants it" in said.out
    assert "agents 3" in said.out


async def test_pool_without_a_database(machine: Machine, postmaster: Postmaster) -> None:
    postmaster.stop()
    said = await machine.say("pool")
    assert said.status == 1
    assert "nothing bounds Letta's sessions" in said.out
    assert "nothing listens" in said.err
    assert "Traceback" not in said.err
    as_json = await machine.say("pool", "--json")
    assert as_json.status == 1
    assert as_json.json["database"]["state"] == "down"
    assert as_json.json["max_connections"] is None


async def test_sessions_are_listed_and_hostile_ones_are_clean(machine: Machine, people: People) -> None:
    await people.come("evil", server_settings={"application_name": HOSTILE.replace("\x00", "")})
    people.begin("evil", f"select pg_sleep(60) /* {HOSTILE.replace(chr(0), '')} */")
    await people.until("evil", "state = 'active'")
    await people.lock("idler")
    said = await machine.say("sessions")
    assert said.status == 0, said.err
    assert is_clean(said.out.replace("\n", ""))
    line = next(each for each in said.out.splitlines() if str(people.pids["idler"]) in each)
    assert "idle in transaction !" in line
    assert "pg_sleep" in said.out
    assert "pg_sleep" not in (await machine.say("sessions", "--no-queries")).out
    found = (await machine.say("sessions", "--json")).json
    assert found["schema"] == "lettaops/sessions/1"
    assert {each["pid"] for each in found["sessions"]} == set(people.pids.values())
    everything = (await machine.say("sessions", "--json", "--all")).json["sessions"]
    assert {"checkpointer", "client backend"} <= {each["kind"] for each in everything}


async def test_sessions_are_ended_by_pid(machine: Machine, people: People, tmp_path: Path) -> None:
    await people.lock("victim")
    await people.lock("other")
    pid = str(people.pids["victim"])
    refused = await machine.say("--read-only", "sessions", "terminate", pid, "--yes")
    assert refused.status == 5
    unasked = await machine.say("sessions", "terminate", pid)
    assert unasked.status == 9
    assert "what its transaction did is undone" in unasked.err
    assert "sessions terminate needs --yes" in unasked.err
    idle = await machine.say("sessions", "cancel", pid, "--yes")
    assert idle.status == 5
    assert "there is nothing to cancel" in idle.err
    assert (await machine.say("sessions", "terminate", "1", "--yes")).status == 2
    await people.until("victim", "state = 'idle in transaction'")
    done = await machine.say("sessions", "terminate", pid, "--yes")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"session {pid} has ended (")
    await people.until("other", "state = 'idle in transaction'")
    record = await machine.say("audit")
    assert "session.terminate" in record.out
    assert f"session {pid}" in record.out


def run(status: str, reason: str | None = None, identity: str = RUN) -> dict[str, Any]:
    return {
        "id": identity,
        "agent_id": AGENT,
        "status": status,
        "stop_reason": reason,
        "created_at": "2026-11-22T01:00:00Z",
        "metadata": {"error": HOSTILE},
    }


async def test_runs_are_listed(machine: Machine) -> None:
    machine.letta.on("/v1/runs/", answer([run("running")]))
    said = await machine.say("runs", "list", "--json")
    assert said.status == 0, said.err
    assert said.json["schema"] == "lettaops/runs/1"
    (found,) = said.json["runs"]
    assert (found["id"], found["status"], found["cancellable"]) == (RUN, "running", True)
    request = machine.letta.asked("/v1/runs/")[-1]
    assert request.headers["authorization"] == "Bearer knock-knock"
    table = await machine.say("runs")
    assert RUN in table.out
    assert is_clean(table.out.replace("\n", ""))


async def test_a_run_is_cancelled_and_seen_to_be(machine: Machine) -> None:
    status = "running"
    asked: list[bytes] = []

    async def one(request: Request) -> None:
        await answer(run(status))(request)

    async def cancel(request: Request) -> None:
        nonlocal status
        asked.append(request.body)
        status = "cancelled"
        await answer({RUN: "cancelled"})(request)

    machine.letta.on("/v1/runs/", answer([run("running")]))
    machine.letta.on(f"/v1/runs/{RUN}", one)
    machine.letta.on(f"/v1/agents/{AGENT}/messages/cancel", cancel)
    said = await machine.say("runs", "cancel", RUN, "--yes")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(f"{RUN} is cancelled")
    assert json.loads(asked[0]) == {"run_ids": [RUN]}
    # Once more: Letta would say "cancelled" again, though there is nothing left to cancel.
    again = await machine.say("runs", "cancel", RUN, "--yes")
    assert again.status == 5
    assert "has ended already" in again.err
    assert len(asked) == 1


async def test_a_cancel_that_is_taken_and_does_nothing_is_not_called_done(machine: Machine) -> None:
    machine.letta.on("/v1/runs/", answer([run("running")]))
    seen = 0

    async def one(request: Request) -> None:
        nonlocal seen
        seen += 1
        await answer(run("running") if seen < 3 else run("completed", "end_turn"))(request)

    machine.letta.on(f"/v1/runs/{RUN}", one)
    machine.letta.on(f"/v1/agents/{AGENT}/messages/cancel", answer({RUN: "cancelled"}))
    said = await machine.say("runs", "cancel", RUN, "--yes")
    assert said.status == 1
    assert "ended before the cancel reached it (completed, end_turn)" in said.out


@pytest.mark.parametrize(
    ("reply", "status", "words"),
    [
        (answer({"detail": "Unauthorized"}, 401), 1, "status 401, Unauthorized"),
        (answer({"detail": "Agent run tracking is disabled"}, 400), 1, "run tracking is disabled"),
        (answer({"detail": "An unknown error occurred"}, 500), 1, "status 500"),
    ],
)
async def test_what_the_api_refuses(machine: Machine, reply: Any, status: int, words: str) -> None:
    machine.letta.on("/v1/runs/", reply)
    said = await machine.say("runs")
    assert said.status == status
    assert words in said.err
    assert "Traceback" not in said.err


async def test_a_run_that_is_not_there(machine: Machine) -> None:
    machine.letta.on("/v1/runs/", answer([]))
    machine.letta.on(f"/v1/runs/{RUN}", answer({"detail": "not found"}, 404))
    said = await machine.say("runs", "cancel", RUN, "--yes")
    assert said.status == 2
    assert f"there is no run {RUN}" in said.err
    odd = await machine.say("runs", "cancel", "../agents", "--yes")
    assert odd.status == 2
    assert "is no id" in odd.err
    assert (await machine.say("runs")).err.strip() == "no run is active"
