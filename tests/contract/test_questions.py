"""What an engine says of itself and of its containers."""

import http.client
import json
import socket
from typing import Any

import pytest

from lettaops.model.engine import ContainerStatus
from lettaops.model.errors import NotFound
from lettaops.model.secrets import Secret
from lettaops.sources.engine import Engine
from lettaops.sources.engine_acts import EngineActs
from tests.contract.differences import Difference
from tests.contract.lab import STAYS, Lab, Wanted, client_of, one, target_of
from tests.contract.reading import until_ended

NOBODY = "f" * 64


def ask(lab: Lab, method: str, path: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one bare request."""
    connection = http.client.HTTPConnection("engine", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(20)
    connection.sock.connect(lab.host.removeprefix("unix://"))
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


async def test_versions_and_the_list(lab: Lab) -> None:
    container_id = one(lab, environment={"API_KEY": "hunter22", "A": "b"}, labels={"purpose": "test"})
    name = lab.containers["one"].name
    async with Engine(target_of(lab)) as engine:
        version = await engine.negotiate()
        assert version.engine
        assert version.os == "linux"
        assert await engine.ping() < 5
        row = next(each for each in await engine.containers() if each.id == container_id)
        assert (row.name, row.image, row.state) == (name, lab.image, ContainerStatus.RUNNING)
        assert row.status.startswith(("Up ", "Less"))
        container = await engine.inspect(container_id)
        assert (container.name, container.image, container.tty) == (name, lab.image, False)
        assert container.command == ("sh", "-c", STAYS)
        assert container.labels.items() >= {"purpose": "test"}.items()
        assert container.environment.secret("API_KEY") == Secret("hunter22")
        assert container.environment.get("A") == "b"
        assert container.state.status is ContainerStatus.RUNNING
        assert container.state.pid > 0
        assert container.state.started_at is not None
        assert container.state.finished_at is None
        assert not container.has_healthcheck
        assert container.log_driver == "json-file"
        assert (await engine.info()).integer("ContainersRunning")
        networks = {each.text("Name") for each in await engine.networks()}
        assert {each.network for each in container.attachments} <= networks
        if not lab.differs(Difference.ONE_NETWORK):
            assert networks >= {"bridge", "host", "none"}


async def test_a_container_goes_by_id_by_its_beginning_and_by_name(lab: Lab) -> None:
    container_id = one(lab)
    async with Engine(target_of(lab)) as engine:
        for reference in (container_id, container_id[:12], lab.containers["one"].name):
            assert (await engine.inspect(reference)).id == container_id


async def test_states_before_and_after_it_runs(lab: Lab) -> None:
    lab.make(
        Wanted(name="fresh", started=False),
        Wanted(name="done", script="sleep 0.1; exit 3"),
        Wanted(name="killed"),
    )
    ids = {name: made.id for name, made in lab.containers.items()}
    await EngineActs(target_of(lab)).kill(ids["killed"])
    async with Engine(target_of(lab)) as engine:
        await until_ended(engine, ids["done"])
        fresh, done, killed = [
            (await engine.inspect(ids[name])).state for name in ("fresh", "done", "killed")
        ]
        assert (fresh.status, fresh.started_at) == (ContainerStatus.CREATED, None)
        assert (done.exit_code, done.pid, done.oom_killed) == (3, 0, False)
        assert (killed.status, killed.exit_code) == (ContainerStatus.EXITED, 137)
        assert done.finished_at is not None
        assert done.started_at is not None
        assert done.finished_at >= done.started_at
        running = {each.id for each in await engine.containers(all=False)}
        assert not running & set(ids.values())
        rows = {each.id: each for each in await engine.containers()}
        assert rows[ids["fresh"]].status == "Created"
        assert rows[ids["done"]].status.startswith("Exited (3) ")
        assert {each.id for each in rows.values()} >= set(ids.values())


def test_filters_of_the_list(lab: Lab) -> None:
    lab.make(
        Wanted(name="blue", labels={"colour": "blue", "kind": "sky"}),
        Wanted(name="red", labels={"colour": "red"}),
        Wanted(name="gone", script="exit 4", labels={"colour": "red"}),
    )
    by_id = {made.id: name for name, made in lab.containers.items()}
    with client_of(lab) as client:
        client.containers.get(lab.containers["gone"].id).wait(timeout=20)
        client.containers.get(lab.containers["red"].id).pause()

        def found(everything: bool = True, **filters: Any) -> set[str]:
            rows = client.containers.list(all=everything, filters=filters)
            return {by_id[each.id] for each in rows if each.id in by_id}

        assert found() == {"blue", "red", "gone"}
        assert found(everything=False) == {"blue", "red"}
        assert found(label="colour=red") == {"red", "gone"}
        assert found(label=["colour", "kind=sky"]) == {"blue"}
        assert found(name=lab.containers["blue"].name) == {"blue"}
        assert found(name="^/?" + lab.containers["blue"].name[:-1]) == {"blue"}
        assert found(id=lab.containers["red"].id[:10]) == {"red"}
        assert found(status="exited") == {"gone"}
        assert found(everything=False, status="exited") == {"gone"}
        assert found(status="paused") == {"red"}
        assert found(status="running", label="colour") == {"blue"}
        assert found(label="colour=green") == set()
        client.containers.get(lab.containers["red"].id).unpause()


async def test_what_is_not_there(lab: Lab) -> None:
    lab.make(Wanted())
    async with Engine(target_of(lab)) as engine:
        for question in (
            engine.inspect(NOBODY),
            engine.stats(NOBODY),
            engine.exec(NOBODY, ["true"], timeout=5),
            EngineActs(target_of(lab)).start(NOBODY),
            engine.files(NOBODY, "/etc"),
        ):
            with pytest.raises(NotFound, match="No such container"):
                await question
        with pytest.raises(NotFound):
            async with engine.logs(NOBODY, follow=True, tail=1, timestamps=False, tty=False):
                pytest.fail("entered without a container")


async def test_files_out_of_a_container(lab: Lab) -> None:
    container_id = one(lab, files={"/srv/a.conf": b"listen 80;\n", "/srv/b.conf": b""}, started=False)
    async with Engine(target_of(lab)) as engine:
        assert await engine.files(container_id, "/srv/a.conf") == {"/srv/a.conf": b"listen 80;\n"}
        assert await engine.files(container_id, "/srv") == {
            "/srv/a.conf": b"listen 80;\n",
            "/srv/b.conf": b"",
        }
        with pytest.raises(NotFound, match="Could not find the file"):
            await engine.files(container_id, "/srv/c.conf")


def test_requests_without_a_version_and_with_one_that_is_not_spoken(lab: Lab) -> None:
    lab.make(Wanted())
    status, headers, body = ask(lab, "GET", "/_ping")
    assert (status, body) == (200, b"OK")
    newest = headers["api-version"]
    assert ask(lab, "HEAD", "/_ping")[::2] == (200, b"")
    assert ask(lab, "GET", "/containers/json")[0] == 200
    assert ask(lab, "GET", f"/v{newest}/containers/json")[0] == 200
    version = json.loads(ask(lab, "GET", "/version")[2])
    assert version["ApiVersion"] == newest
    for wrong, words in (("1.99", "too new"), ("1.1", "too old")):
        status, _, body = ask(lab, "GET", f"/v{wrong}/containers/json")
        assert status == 400
        assert words in body.decode()  # no JSON to very old clients
    status, _, body = ask(lab, "GET", "/nothing/here")
    assert (status, json.loads(body)) == (404, {"message": "page not found"})
    status, _, body = ask(lab, "GET", "/containers/json?filters=%7B%22colour%22%3A%5B%22red%22%5D%7D")
    assert status == 400
    assert "colour" in json.loads(body)["message"]
