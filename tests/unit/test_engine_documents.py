"""Documents of the engine: recorded ones give the right values, damaged ones never an error."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lettaops.model.engine import ContainerStatus, StatsSample, cpu_percent
from lettaops.model.engine_documents import (
    container_from_inspect,
    container_from_list,
    event_from,
    stats_from,
)
from lettaops.model.secrets import Secret
from tests.unit.build import HOSTILE, JSON_VALUES, damaged, identity, is_clean, recorded

DECODERS: list[tuple[Callable[[object], object], Any]] = [
    (container_from_inspect, recorded("inspect_20.10_compose_running")),
    (container_from_inspect, recorded("inspect_20.10_exited_oom")),
    (container_from_inspect, recorded("inspect_podman")),
    (container_from_list, recorded("list_20.10")[0]),
    (event_from, recorded("events")[0]),
    (stats_from, recorded("stats_v1")),
    *((container_from_inspect, each) for each in recorded("inspect_recorded_20.10")),
]


@given(st.data(), st.sampled_from(DECODERS))
@settings(max_examples=300)
def test_a_damaged_document_is_no_error(data: st.DataObject, case: tuple[Any, Any]) -> None:
    decode, document = case
    decode(data.draw(damaged(document)))


@given(JSON_VALUES, st.sampled_from([decode for decode, _ in DECODERS]))
def test_anything_else_than_a_document_is_no_error(value: Any, decode: Callable[[object], object]) -> None:
    decode(value)


@pytest.mark.parametrize(
    "document",
    [
        {"Config": {"ExposedPorts": {"9" * 5000 + "/tcp": {}, "²/tcp": {}, "80/tcp": {}}}},
        {"NetworkSettings": {"Ports": {"80/tcp": [{"HostPort": "9" * 5000}, {"HostPort": "99999"}]}}},
        {"NetworkSettings": {"Ports": {"80/tcp": [{"HostPort": "8080"}, {"HostPort": ""}]}}},
    ],
)
def test_a_port_that_can_not_be_is_left_out(document: dict[str, Any]) -> None:
    found = container_from_inspect(document)
    assert set(found.exposed) <= {80}
    assert {port.host_port for port in found.ports} <= {8080}


def test_an_exit_code_that_can_not_be_is_not_known() -> None:
    assert event_from({"Actor": {"Attributes": {"exitCode": "9" * 5000}}}).exit_code is None


def test_a_running_container_of_compose() -> None:
    found = container_from_inspect(recorded("inspect_20.10_compose_running"))
    assert found.id == identity("letta-letta_db-1")
    assert (found.name, found.service, found.project) == ("letta-letta_db-1", "letta_db", "letta")
    assert found.image == "ankane/pgvector:v0.5.1"
    assert found.command == ("docker-entrypoint.sh", "postgres")
    assert found.state.status is ContainerStatus.RUNNING
    assert found.state.pid == 21347
    assert found.state.started_at == datetime(2026, 11, 21, 22, 48, 1, 123456, tzinfo=UTC)
    assert found.state.finished_at is None, "the engine's zero time is no time"
    assert found.state.health is not None
    assert found.state.health.status == "healthy"
    assert found.state.health.last_output == "/var/run/postgresql:5432 - accepting connections"
    assert found.has_healthcheck
    assert found.memory_limit_bytes == 512 * 1024**2
    assert found.stop_grace_s == 10
    assert [(port.container_port, port.host_ip, port.host_port) for port in found.ports] == [
        (5432, "0.0.0.0", 5432),
        (5432, "::", 5432),
    ]
    assert found.exposed == (5432,)
    assert [(mount.kind, mount.destination, mount.writable) for mount in found.mounts] == [
        ("bind", "/var/lib/postgresql/data", True),
        ("bind", "/docker-entrypoint-initdb.d/init.sql", False),
    ]
    (place,) = found.attachments
    assert (place.network, place.address, place.gateway) == ("letta_default", "172.20.0.2", "172.20.0.1")
    assert "letta-db" in place.aliases
    assert found.environment.get("POSTGRES_USER") == "letta"
    assert found.environment.secret("POSTGRES_PASSWORD") == Secret("sesame-open")
    assert "sesame" not in repr(found)
    assert not found.one_off
    assert found.log_driver == "json-file"


def test_a_container_that_ran_out_of_memory() -> None:
    found = container_from_inspect(recorded("inspect_20.10_exited_oom"))
    assert found.state.status is ContainerStatus.EXITED
    assert (found.state.exit_code, found.state.oom_killed, found.state.pid) == (137, True, 0)
    assert found.state.finished_at == datetime(2026, 11, 21, 23, 4, 5, tzinfo=UTC)
    assert found.state.health is None
    assert not found.has_healthcheck
    assert found.ports == ()
    assert found.stop_grace_s == 30
    assert found.exposed == (4317, 4318, 5432, 6379, 8283)
    assert found.environment.get("AZURE_API_VERSION") == ""
    assert found.mounts[0].kind == "volume"


def test_a_container_in_a_restart_loop() -> None:
    found = container_from_inspect(recorded("inspect_20.10_restarting"))
    assert found.state.status is ContainerStatus.RESTARTING
    assert not found.state.running
    assert (found.restart_count, found.restart_policy) == (7, "unless-stopped")


def test_an_unhealthy_container_says_its_last_words_without_colours() -> None:
    found = container_from_inspect(recorded("inspect_20.10_unhealthy")).state.health
    assert found is not None
    assert (found.status, found.failing_streak, found.last_exit_code) == ("unhealthy", 12, 2)
    assert found.last_output == "/var/run/postgresql:5432 - no response"


def test_the_names_that_newer_engines_tell_apart() -> None:
    found = container_from_inspect(recorded("inspect_1.44_dnsnames"))
    assert {"letta-db", "pgvector_db", "letta_db"} <= set(found.attachments[0].aliases)
    assert found.state.started_at == datetime(2026, 11, 21, 22, 48, 1, 123456, tzinfo=UTC)
    assert str(found.state.started_at).endswith("+00:00"), "times are kept in UTC"


def test_podman_leaves_the_status_out() -> None:
    found = container_from_inspect(recorded("inspect_podman"))
    assert found.state.status is ContainerStatus.RUNNING
    assert found.state.health is None
    assert not found.has_healthcheck, "an empty health object is Podman's way to say that there is none"
    assert found.command == ("docker-entrypoint.sh", "postgres")
    assert [(port.host_ip, port.host_port) for port in found.ports] == [("", 5432)]
    assert found.memory_limit_bytes is None


def test_a_healthcheck_that_was_switched_off_is_none() -> None:
    assert not container_from_inspect({"Config": {"Healthcheck": {"Test": ["NONE"]}}}).has_healthcheck


@pytest.mark.parametrize("status", ["", "hibernating", None, 7])
def test_a_state_of_the_future_is_unknown(status: object) -> None:
    assert container_from_inspect({"State": {"Status": status}}).state.status is ContainerStatus.UNKNOWN


def test_rows_of_the_list() -> None:
    first, second = map(container_from_list, recorded("list_20.10"))
    assert (first.name, first.service, first.project) == ("letta-letta_db-1", "letta_db", "letta")
    assert first.ports == (5432,)
    assert first.state is ContainerStatus.RUNNING
    assert first.created_at == datetime.fromtimestamp(1795301279, UTC)
    assert (second.name, second.service, second.project) == ("cron", "cron", "")
    assert second.state is ContainerStatus.EXITED
    assert second.labels == {}


def test_events() -> None:
    die, unhealthy, network = map(event_from, recorded("events"))
    assert (die.type, die.action, die.name, die.exit_code) == (
        "container",
        "die",
        "letta-letta_server-1",
        137,
    )
    assert die.id == identity("letta-letta_server-1")
    assert die.time_ns == 1795302245000000001
    assert (unhealthy.action, unhealthy.detail) == ("health_status", "unhealthy")
    assert unhealthy.exit_code is None
    assert unhealthy.time_ns == 1795302246 * 10**9
    assert (network.type, network.action) == ("network", "disconnect")


def test_an_id_that_is_none_can_not_get_into_a_request() -> None:
    for value in ("../../images", "abc/../x", "ABC", HOSTILE, "a b", "%2e"):
        assert container_from_inspect({"Id": value}).id == ""
        assert container_from_list({"Id": value}).id == ""


def test_hostile_words_come_out_clean() -> None:
    document = recorded("inspect_20.10_compose_running")
    document["Name"] = f"/{HOSTILE}"
    document["Config"]["Labels"]["com.docker.compose.service"] = HOSTILE
    document["Config"]["Image"] = HOSTILE
    document["State"]["Error"] = HOSTILE
    document["State"]["Health"]["Log"][1]["Output"] = HOSTILE
    document["NetworkSettings"]["Networks"]["letta_default"]["Aliases"] = [HOSTILE]
    found = container_from_inspect(document)
    assert found.state.health is not None
    words = (found.name, found.service, found.image, found.state.error, found.state.health.last_output)
    for each in (*words, *found.attachments[0].aliases):
        assert each
        assert is_clean(each)


def test_memory_is_told_without_the_page_cache() -> None:
    assert stats_from(recorded("stats_v1")).memory_bytes == 80 * 1024**2, "less total_inactive_file"
    assert stats_from(recorded("stats_v2")).memory_bytes == 80 * 1024**2, "less inactive_file"
    bare = stats_from({"memory_stats": {"usage": 100, "stats": {"inactive_file": 400}}})
    assert bare.memory_bytes == 100, "a cache larger than the whole is nonsense"


def test_counters_of_a_running_container() -> None:
    found = stats_from(recorded("stats_v1"))
    assert (found.cpu_ns, found.system_cpu_ns, found.online_cpus) == (20_500_000_000, 1_002_000_000_000, 2)
    assert (found.received_bytes, found.sent_bytes) == (1024, 512)
    assert (found.read_bytes, found.written_bytes) == (5120, 8192)
    assert (found.pids, found.memory_limit_bytes) == (12, 512 * 1024**2)
    assert found.read_at == datetime(2026, 11, 21, 23, 10, 6, tzinfo=UTC)


def test_a_stopped_container_uses_nothing_that_is_known() -> None:
    for document in (recorded("stats_stopped"), {"name": "/x", "id": "abc"}):
        found = stats_from(document)
        assert found.read_at is None
        assert (found.memory_bytes, found.memory_limit_bytes, found.system_cpu_ns) == (None, None, None)
        assert (found.received_bytes, found.read_bytes, found.pids) == (None, None, None)
        assert cpu_percent(found, stats_from(recorded("stats_v1"))) is None
        assert cpu_percent(stats_from(recorded("stats_v1")), found) is None


def at(cpu: int | None, system: int | None, cores: int | None = 2) -> StatsSample:
    return StatsSample(cpu_ns=cpu, system_cpu_ns=system, online_cpus=cores)


@pytest.mark.parametrize(
    ("before", "now", "percent"),
    [
        # half a second of one core in one second of two cores
        (at(20_000_000_000, 1_000_000_000_000), at(20_500_000_000, 1_002_000_000_000), 50.0),
        (at(0, 0, 4), at(4_000_000_000, 4_000_000_000, 4), 400.0),
        (at(5, 100), at(5, 200), 0.0),
        (at(5, 100), at(5, 100), None),
        (at(500, 100), at(5, 200), None),
        (at(5, 200), at(6, 100), None),
        (at(None, 100), at(6, 200), None),
        (at(5, None), at(6, 200), None),
        (at(5, 100), at(6, 200, None), None),
    ],
    ids=["half", "all", "idle", "same sample", "restarted", "clock back", "first", "no system", "no cores"],
)
def test_cpu_between_two_samples(before: StatsSample, now: StatsSample, percent: float | None) -> None:
    assert cpu_percent(before, now) == percent


def test_recordings_of_a_real_engine() -> None:
    """Docker 20.10.24: five containers of five states, as its inspect call gave them, without GraphDriver."""
    found = {str(each.name): each for each in map(container_from_inspect, recorded("inspect_recorded_20.10"))}
    states = {name: each.state.status for name, each in found.items()}
    assert states == {
        "fresh": ContainerStatus.CREATED,
        "looping": ContainerStatus.RUNNING,
        "letta-letta_server-1": ContainerStatus.RUNNING,
        "letta-letta_nginx-1": ContainerStatus.PAUSED,
        "letta-letta_db-1": ContainerStatus.EXITED,
    }
    assert found["looping"].restart_count == 3
    assert found["looping"].restart_policy == "always"
    assert found["letta-letta_db-1"].state.exit_code == 137
    server = found["letta-letta_server-1"]
    assert (server.project, server.service) == ("letta", "letta_server")
    assert isinstance(server.environment.secret("LETTA_PG_URI"), Secret)
    assert 8283 in {port.container_port for port in server.ports}
