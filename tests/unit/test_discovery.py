"""Which containers make up a deployment, and which database its server uses."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lettaops.model.discovery import build, candidates, role_of
from lettaops.model.engine import Container
from lettaops.model.engine_documents import container_from_inspect, container_from_list
from lettaops.model.recognise import repository
from lettaops.model.stack import Role, Shape, Stack
from tests.unit.build import (
    cache,
    container,
    damaged,
    database,
    exited,
    proxy,
    recorded,
    row_of,
    server,
    sidecar,
    stack_of,
)

V1_NAMES = {"letta_db": "letta_letta_db_1", "letta_server": "letta_letta_server_1"}


def found_in(*containers: Container, project: str | None = None) -> tuple[Stack, ...]:
    """Look at containers as the program does: the list first, then the candidates' own."""
    rows = [row_of(each) for each in containers]
    by_id = {each.id: each for each in containers}
    return tuple(
        build(candidate, [by_id[each] for each in candidate.container_ids])
        for candidate in candidates(rows, project)
    )


def roles(stack: Stack) -> list[tuple[str, Role]]:
    return [(each.name, each.role) for each in stack.members]


LETTAS_OWN = [("letta_nginx", Role.PROXY), ("letta_server", Role.SERVER), ("letta_db", Role.DATABASE)]


@pytest.mark.parametrize(
    "names",
    [
        ("letta-letta_db-1", "letta-letta_server-1", "letta-letta_nginx-1"),
        ("letta_letta_db_1", "letta_letta_server_1", "letta_letta_nginx_1"),
        ("my-postgres", "brain", "front"),
    ],
    ids=["compose v2", "compose v1", "container_name"],
)
def test_lettas_compose_stack_is_found_by_its_labels(names: tuple[str, str, str]) -> None:
    (stack,) = found_in(database(names[0]), server(names[1]), proxy(names[2]))
    assert stack.project == "letta"
    assert stack.shape is Shape.COMPOSE
    assert roles(stack) == LETTAS_OWN
    assert stack.database.container_id == stack.of(Role.DATABASE)[0].container.id
    assert not stack.database.problem
    assert stack.database.address is not None
    assert stack.database.address.host == "letta-db"


def test_a_stopped_stack_is_found_as_well() -> None:
    gone = exited(0)
    (stack,) = found_in(database(state=gone), server(state=gone), proxy(state=gone))
    assert stack.shape is Shape.COMPOSE
    assert stack.database.container_id == stack.of(Role.DATABASE)[0].container.id


@pytest.mark.parametrize("host", ["letta-db", "LETTA-DB", "pgvector_db", "letta_db", "letta-letta_db-1"])
def test_the_database_is_known_by_any_of_its_names(host: str) -> None:
    stack = stack_of(database(), server(uri=f"postgresql://u:p@{host}:5432/letta"))
    assert stack.database.container_id == stack.of(Role.DATABASE)[0].container.id
    assert not stack.database.problem


def test_the_database_is_known_by_its_address() -> None:
    one = database()
    stack = stack_of(one, server(uri=f"postgresql://u:p@{one.attachments[0].address}/letta"))
    assert stack.database.container_id == one.id


@pytest.mark.parametrize("host", ["letta-dbx", "localhost", "127.0.0.1"])
def test_a_host_that_nobody_answers_to_is_a_problem(host: str) -> None:
    stack = stack_of(database(), server(uri=f"postgresql://u:p@{host}:5432/letta"))
    assert host in stack.database.problem
    assert "letta-db" in stack.database.problem
    assert "letta_db" in stack.database.problem
    assert stack.shape is Shape.COMPOSE


def test_a_database_on_another_network_does_not_answer() -> None:
    stack = stack_of(database(networks=("elsewhere",)), server())
    assert "letta-db" in stack.database.problem


def test_a_server_on_the_hosts_network_reaches_a_published_database() -> None:
    one = database()
    on_host = server(
        uri="postgresql://u:p@localhost:5432/letta", networks=("host",), network_mode="host", ports=()
    )
    stack = stack_of(one, on_host)
    assert not stack.database.problem
    assert stack.database.container_id == one.id


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://${LETTA_PG_USER:-letta:letta@letta-db:5432/letta}",
        "postgresql://me:pw@db.example.com:5432/mine:letta@letta-db:5432/letta}",
        "letta",
        "mysql://u:p@letta-db/letta",
    ],
)
def test_a_garbled_uri_is_a_problem_and_the_database_is_still_shown(uri: str) -> None:
    one = database()
    stack = stack_of(one, server(uri=uri))
    assert "LETTA_PG_URI" in stack.database.problem
    assert stack.database.container_id == one.id
    assert "pw" not in stack.database.problem


@pytest.mark.parametrize("host", ["db.example.com", "10.0.0.5", "primary.internal"])
def test_a_database_elsewhere(host: str) -> None:
    for stack in (
        stack_of(server(uri=f"postgresql://u:p@{host}:6432/letta"), proxy()),
        stack_of(server(uri=f"postgresql://u:p@{host}:6432/letta"), proxy(), database()),
    ):
        assert stack.shape is Shape.EXTERNAL
        assert stack.database.container_id is None
        assert stack.database.address is not None
        assert (stack.database.address.host, stack.database.address.port) == (host, 6432)


@pytest.mark.parametrize("env", [(), ("LETTA_PG_URI=",), ("POSTGRES_USER=me", "POSTGRES_DB=mine")])
def test_a_single_container_has_its_database_inside(env: tuple[str, ...]) -> None:
    one = server("letta", uri=None, service="", env=env, networks=("bridge",))
    (stack,) = found_in(one)
    assert stack.project == "letta"
    assert stack.shape is Shape.SINGLE
    assert stack.database.embedded
    assert stack.database.container_id == one.id
    assert stack.database.address is not None
    assert stack.database.address.user == ("me" if len(env) == 2 else "letta")


def test_a_server_without_compose_takes_the_helpers_of_its_network_with_it() -> None:
    stack = found_in(
        server("letta", service="", networks=("own",)),
        database("letta-db", service="", aliases=("letta-db",), networks=("own",)),
        database("another-db", service="", networks=("bridge",)),
        cache("cache", service="", networks=("own", "bridge")),
        container("cron", image="alpine", networks=("own",)),
    )[0]
    assert [each.container.name for each in stack.members] == ["letta", "letta-db", "cache"]
    assert stack.database.container_id == stack.of(Role.DATABASE)[0].container.id


def test_two_servers_without_compose_are_two_deployments() -> None:
    stacks = found_in(
        server("one", uri=None, service="", networks=("a",)),
        server("two", uri=None, service="", networks=("a",)),
    )
    assert [[each.container.name for each in stack.members] for stack in stacks] == [["one"], ["two"]]


def test_scaled_servers_each_have_their_row() -> None:
    (stack,) = found_in(database(), proxy(), server("letta-letta_server-2"), server("letta-letta_server-1"))
    assert [each.container.name for each in stack.of(Role.SERVER)] == [
        "letta-letta_server-1",
        "letta-letta_server-2",
    ]
    assert len(stack.named("letta_server")) == 2
    assert len(stack.named("letta-letta_server-2")) == 1


def test_two_projects_are_two_deployments() -> None:
    staging: dict[str, Any] = {"project": "staging", "networks": ("staging_default",)}
    first, second = found_in(
        database(), server(), database("staging-letta_db-1", **staging), server("staging-x", **staging)
    )
    assert (first.project, second.project) == ("letta", "staging")
    assert second.database.container_id == second.of(Role.DATABASE)[0].container.id
    assert len(first.members) == len(second.members) == 2


def test_unrelated_containers_are_left_out() -> None:
    (stack,) = found_in(
        database(),
        server(),
        container("shop-web-1", image="nginx", service="web", project="shop"),
        container("shop-db-1", image="postgres:16", service="db", project="shop"),
        container("portainer", image="portainer/portainer-ce"),
    )
    assert roles(stack) == LETTAS_OWN[1:]


@pytest.mark.parametrize("project", ["shop", "portainer"])
def test_a_project_that_is_named_is_shown_letta_or_not(project: str) -> None:
    (stack,) = found_in(
        server(),
        container("shop-web-1", image="nginx", service="web", project="shop"),
        container("shop-db-1", image="postgres:16", service="db", project="shop"),
        container("portainer", image="portainer/portainer-ce", networks=("bridge",)),
        project=project,
    )
    assert stack.shape is Shape.OTHER
    assert stack.project == project
    assert not stack.of(Role.SERVER)
    if project == "shop":
        assert roles(stack) == [("web", Role.PROXY), ("db", Role.DATABASE)]


def test_a_project_that_is_not_there_is_not_found() -> None:
    assert found_in(server(), project="nowhere") == ()
    assert found_in(container("web", image="nginx")) == ()


def test_what_compose_run_made_is_not_part_of_the_stack() -> None:
    one_off = server("letta-letta_server-run-1")
    one_off.labels.update({type(one_off.name)("com.docker.compose.oneoff"): type(one_off.name)("True")})
    (stack,) = found_in(server(), database(), one_off)
    assert [each.container.name for each in stack.of(Role.SERVER)] == ["letta-letta_server-1"]


@pytest.mark.parametrize(
    ("given", "role"),
    [
        ({"image": "letta/letta:latest"}, Role.SERVER),
        ({"image": "letta/letta:0.16.8@sha256:abc", "command": "./letta/server/startup.sh"}, Role.SERVER),
        ({"image": "registry.example.com:5000/mirror/letta", "command": "letta server"}, Role.SERVER),
        ({"image": "letta/letta:latest", "command": "docker-entrypoint.sh python3 /f.py"}, Role.OTHER),
        ({"image": "letta/letta:latest", "command": "sleep 9", "service": "job"}, Role.OTHER),
        ({"image": "sha256:1234", "exposed": (8283,), "env": ("LETTA_PG_URI=x",)}, Role.SERVER),
        ({"image": "sha256:1234", "exposed": (8283,)}, Role.OTHER),
        ({"image": "custom", "service": "letta_server"}, Role.SERVER),
        ({"image": "pgvector/pgvector:0.8.1-pg15"}, Role.DATABASE),
        ({"image": "localhost:5000/postgres"}, Role.DATABASE),
        ({"image": "valkey/valkey:8"}, Role.CACHE),
        ({"image": "caddy"}, Role.PROXY),
        ({"image": "nginx.example.com/tools/cron"}, Role.OTHER),
        ({"image": "letta/lettabot"}, Role.OTHER),
        ({"image": ""}, Role.OTHER),
    ],
)
def test_the_role_of_a_container(given: dict[str, Any], role: Role) -> None:
    assert role_of(container("x", **given)) is role


def test_a_model_server_of_lettas_image_does_not_make_a_deployment() -> None:
    assert found_in(server("fake", service="", command="docker-entrypoint.sh python3 /f.py")) == ()


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("letta/letta:latest", "letta/letta"),
        ("nginx", "nginx"),
        ("nginx:1.27", "nginx"),
        ("registry.example.com:5000/a/b:c", "a/b"),
        ("localhost/postgres:16", "postgres"),
        ("ghcr.io/x/y@sha256:00", "x/y"),
        ("Letta/Letta", "letta/letta"),
    ],
)
def test_an_image_is_compared_without_host_and_tag(image: str, name: str) -> None:
    assert repository(image) == name


def test_recorded_documents_make_a_stack() -> None:
    one = container_from_inspect(recorded("inspect_20.10_compose_running"))
    two = container_from_inspect(recorded("inspect_20.10_exited_oom"))
    stack = stack_of(one, two)
    assert roles(stack) == LETTAS_OWN[1:]
    assert stack.database.container_id == one.id
    assert stack.database.address is not None
    assert "sesame" not in repr(stack)


@given(
    st.lists(damaged(recorded("list_20.10")[0]), max_size=3),
    st.lists(
        damaged(recorded("inspect_20.10_compose_running"))
        | damaged(recorded("inspect_20.10_exited_oom"))
        | damaged(recorded("inspect_podman")),
        max_size=3,
    ),
    st.sampled_from((None, "letta", "")),
)
@settings(max_examples=150)
def test_discovery_never_fails(rows: list[Any], documents: list[Any], project: str | None) -> None:
    decoded = [container_from_inspect(each) for each in documents]
    summaries = [container_from_list(each) for each in rows] + [row_of(each) for each in decoded]
    for candidate in candidates(summaries, project):
        stack = build(candidate, decoded)
        assert len(stack.members) <= len(decoded)


def test_a_sidecar_has_a_row_too() -> None:
    (stack,) = found_in(server(), database(), sidecar())
    assert roles(stack)[-1] == ("otel", Role.OTHER)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, True),
        ({"exposed": (5432, 5433)}, False),
        ({"exposed": ()}, False),
        ({"command": "docker-entrypoint.sh postgres -p 5433"}, False),
        ({"command": "docker-entrypoint.sh postgres -c port=5433"}, False),
        ({"command": "docker-entrypoint.sh postgres --port=6000"}, True),
        ({"env": ("PGPORT=5433",)}, False),
    ],
)
def test_a_port_of_the_uri_on_which_the_database_does_not_listen(
    changes: dict[str, Any], wrong: bool
) -> None:
    asker = server(uri="postgresql://letta:letta@letta-db:5433/letta")
    route = stack_of(database(**changes), asker).database
    assert route.container_id == database().id
    assert ("LETTA_PG_URI names port 5433, but Postgres in letta_db listens on" in route.problem) is wrong
    assert not stack_of(database(), server()).database.problem
