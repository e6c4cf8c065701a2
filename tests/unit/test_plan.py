"""What an act would do, told before it is done."""

from typing import Any

import pytest

from lettaops.model.engine import Container, ContainerState, ContainerStatus
from lettaops.model.errors import Exit, Refused, UsageError
from lettaops.model.stack import Stack
from lettaops.model.text import Safe
from lettaops.operations.plan import Act, Plan, make_plan, plan_lines
from tests.unit.build import (
    HOSTILE,
    cache,
    container,
    database,
    exited,
    is_clean,
    proxy,
    server,
    sidecar,
    stack_of,
)

PAUSED = ContainerState(status=ContainerStatus.PAUSED)
STATES = {
    "running": ContainerState(status=ContainerStatus.RUNNING),
    "exited": exited(0),
    "paused": PAUSED,
    "created": ContainerState(status=ContainerStatus.CREATED),
    "restarting": ContainerState(status=ContainerStatus.RESTARTING),
    "dead": ContainerState(status=ContainerStatus.DEAD),
    "removing": ContainerState(status=ContainerStatus.REMOVING),
}


def full(*more: Container, **changes: Any) -> Stack:
    return stack_of(database(), server(**changes), proxy(), cache(), *more)


def plan(act: Act, stack: Stack, *names: str, **more: Any) -> Plan:
    return make_plan(act, stack, names, engine=Safe("unix:///var/run/docker.sock"), **more)


def effects(act: Act, stack: Stack, *names: str, **more: Any) -> str:
    return "\n".join(word for step in plan(act, stack, *names, **more).steps for word in step.effects)


@pytest.mark.parametrize(
    ("act", "name", "said"),
    [
        (Act.STOP, "letta_db", "letta_server loses its database until it is started"),
        (Act.RESTART, "letta_db", "letta_server loses its database until it is back"),
        (Act.PAUSE, "letta_db", "letta_server loses its database until it is unpaused"),
        (Act.KILL, "letta_db", "Postgres recovers from its log at the next start"),
        (Act.STOP, "letta_server", "agents can't be reached until it is started"),
        (Act.STOP, "letta_server", "letta_nginx answers 502 until it is started"),
        (Act.RESTART, "letta_server", "requests and streams that run now are cut"),
        (Act.STOP, "letta_nginx", "clients that come through it get no answer until it is started"),
        (Act.RESTART, "redis", "letta_server can't cancel runs or stream in the background until it is back"),
    ],
)
def test_what_others_will_notice(act: Act, name: str, said: str) -> None:
    assert said in effects(act, full(), name)


@pytest.mark.parametrize(
    ("act", "names"), [(Act.START, ("letta_server",)), (Act.STOP, ("otel",)), (Act.UNPAUSE, ("letta_db",))]
)
def test_nothing_is_claimed_where_nothing_is_lost(act: Act, names: tuple[str, ...]) -> None:
    state = PAUSED if act is Act.UNPAUSE else exited(0)
    stack = stack_of(database(state=state), server(state=state), proxy(), sidecar())
    assert effects(act, stack, *names) == ""


def test_a_database_that_the_server_does_not_use_is_not_missed() -> None:
    away = server(uri="postgresql://u:p@db.example.com/letta")
    assert "loses its database" not in effects(Act.STOP, stack_of(database(), away), "letta_db")


def test_a_single_container_takes_its_database_with_it() -> None:
    stack = stack_of(server("letta", uri=None, service=""), project="letta", compose=False)
    assert "Postgres inside it is killed" in effects(Act.RESTART, stack, "letta")
    assert "Postgres inside it is killed" not in effects(Act.PAUSE, stack, "letta")


def replicas(**second: Any) -> Stack:
    return stack_of(
        database(), server("letta-letta_server-1"), server("letta-letta_server-2", **second), proxy()
    )


def test_one_replica_of_two_is_no_outage() -> None:
    said = effects(Act.STOP, replicas(), "letta-letta_server-1")
    assert "the other replicas go on" in said
    assert "502" not in said


def test_all_replicas_at_once_are_an_outage() -> None:
    said = effects(Act.STOP, replicas(), "letta_server")
    assert len(plan(Act.STOP, replicas(), "letta_server").steps) == 2
    assert "go on" not in said
    assert "agents can't be reached" in said
    assert "502" in said


def test_the_last_replica_that_runs_is_an_outage() -> None:
    said = effects(Act.STOP, replicas(state=exited(1)), "letta-letta_server-1")
    assert "go on" not in said
    assert "agents can't be reached" in said


def test_replicas_are_named_once_as_those_who_lose_their_database() -> None:
    assert "letta_server lose their database" in effects(Act.STOP, replicas(), "letta_db")


@pytest.mark.parametrize("act", [Act.STOP, Act.KILL])
def test_a_container_that_removes_itself_is_told(act: Act) -> None:
    assert "REMOVES it, and its anonymous volumes" in effects(act, full(auto_remove=True), "letta_server")


def test_a_restart_does_not_remove_it() -> None:
    said = effects(Act.RESTART, full(auto_remove=True), "letta_server")
    assert "REMOVES" not in said
    assert "a restart keeps it; the engine removes it when it next ends" in said


@pytest.mark.parametrize(
    ("policy", "act", "said"),
    [
        ("always", Act.STOP, "stays stopped until the engine restarts"),
        ("unless-stopped", Act.STOP, "stays stopped"),
        ("always", Act.KILL, "stays down"),
        ("no", Act.STOP, ""),
        ("always", Act.RESTART, ""),
    ],
)
def test_what_a_restart_policy_makes_of_it(policy: str, act: Act, said: str) -> None:
    found = effects(act, full(restart_policy=Safe(policy)), "letta_server")
    assert said in found
    assert ("restart policy" in found) is bool(said)


def test_another_signal_than_sigkill_promises_nothing() -> None:
    stack = full(restart_policy=Safe("always"))
    hup = effects(Act.KILL, stack, "letta_db", signal="SIGHUP")
    assert "what SIGHUP does is up to its process" in hup
    assert "transactions that run now are lost" not in hup
    assert "stays down" not in effects(Act.KILL, stack, "letta_server", signal="HUP")
    for signal in ("", "SIGKILL", "kill", "9"):
        assert "transactions that run now are lost" in effects(Act.KILL, stack, "letta_db", signal=signal)


def test_nothing_will_change_is_told() -> None:
    assert "runs already" in effects(Act.START, full(), "letta_server")
    assert "stopped already" in effects(Act.STOP, full(state=exited(0)), "letta_server")
    assert (
        effects(Act.PAUSE, full(state=PAUSED), "letta_server") == "it is paused already: nothing will change"
    )


@pytest.mark.parametrize(
    ("act", "state", "words"),
    [
        (Act.START, "paused", "letta_server is paused: it can't be started"),
        (Act.START, "removing", "letta_server is being removed: it can't be started"),
        (Act.RESTART, "paused", "letta_server is paused: it can't be restarted"),
        (Act.STOP, "created", "letta_server is not started yet: it can't be stopped"),
        (Act.KILL, "exited", "letta_server is stopped: it can't be killed"),
        (Act.PAUSE, "exited", "letta_server is stopped: it can't be paused"),
        (Act.PAUSE, "restarting", "letta_server is restarting: it can't be paused"),
        (Act.UNPAUSE, "running", "letta_server is running: it can't be unpaused"),
    ],
)
def test_a_state_that_forbids_the_act(act: Act, state: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        plan(act, full(state=STATES[state]), "letta_server")
    assert caught.value.exit is Exit.REFUSED
    assert caught.value.what == words
    assert caught.value.not_done == "Nothing was done."
    assert ("unpause" in caught.value.next_step) is (state == "paused" and act is not Act.PAUSE)


@pytest.mark.parametrize(
    ("act", "state"),
    [
        (Act.START, "created"),
        (Act.START, "exited"),
        (Act.STOP, "restarting"),
        (Act.STOP, "paused"),
        (Act.RESTART, "exited"),
        (Act.KILL, "paused"),
        (Act.UNPAUSE, "paused"),
    ],
)
def test_a_state_that_allows_the_act(act: Act, state: str) -> None:
    (step,) = plan(act, full(state=STATES[state]), "letta_server").steps
    assert step.state == state


def test_one_that_can_not_keeps_all_from_being_touched() -> None:
    stack = stack_of(database(), server(state=exited(0)), proxy())
    with pytest.raises(Refused, match="letta_server"):
        plan(Act.KILL, stack, "letta_db", "letta_server")


def test_a_name_that_is_none_tells_the_names() -> None:
    with pytest.raises(UsageError) as caught:
        plan(Act.STOP, full(), "letta_server", HOSTILE)
    assert is_clean(caught.value.what)
    assert caught.value.next_step == "known: letta_db, letta_nginx, letta_server, redis"


def test_steps_are_bound_to_containers_in_the_order_of_the_words() -> None:
    stack = full()
    one = server()
    found = plan(Act.RESTART, stack, "letta_server", one.name, one.short_id, "letta_db", grace_s=25)
    assert [step.name for step in found.steps] == ["letta_server", "letta_db"]
    assert found.steps[0].container_id == one.id
    assert found.steps[0].container_name == one.name
    assert {step.grace_s for step in found.steps} == {25}


def test_the_containers_own_grace_counts_when_none_is_given() -> None:
    stack = stack_of(database(), server(stop_grace_s=30))
    assert [step.grace_s for step in plan(Act.STOP, stack, "letta_server", "letta_db").steps] == [30, 10]
    assert plan(Act.STOP, stack, "letta_server", grace_s=0).steps[0].grace_s == 0


def test_a_hostile_name_comes_out_clean() -> None:
    stack = stack_of(
        server("letta-db-user", service="letta_server"), container("x", image="nginx", service=HOSTILE)
    )
    for step in plan(Act.STOP, stack, "letta_server").steps:
        assert all(is_clean(word) for word in step.effects)


def test_the_plan_in_lines_tells_of_sigkill_only_where_something_is_stopped() -> None:
    def lines(act: Act, **changes: Any) -> str:
        return "\n".join(plan_lines("Title", plan(act, full(**changes), "letta_server")))

    assert lines(Act.STOP).startswith(
        "Title in letta on unix:///var/run/docker.sock:\n  letta_server  running"
    )
    assert "letta/letta:latest" in lines(Act.STOP)
    assert "SIGKILL 10 s" in lines(Act.STOP)
    assert "SIGKILL 10 s" in lines(Act.RESTART)
    for quiet in (lines(Act.STOP, state=exited(0)), lines(Act.RESTART, state=exited(0)), lines(Act.PAUSE)):
        assert "SIGKILL" not in quiet


@pytest.mark.parametrize(
    ("act", "count", "said"),
    [
        (Act.STOP, 12, "12 open connections are cut"),
        (Act.RESTART, 1, "1 open connection is cut"),
        (Act.KILL, 0, "no connection is open"),
        (Act.STOP, None, "how many connections this cuts is not known here"),
    ],
)
def test_the_plan_in_lines_tells_how_many_connections_are_cut(act: Act, count: int | None, said: str) -> None:
    stack = full()
    counted = {server().id: count} if count is not None else {}
    lines = plan_lines("Title", plan(act, stack, "letta_server", connections=counted))
    assert sum(said in line for line in lines) == 1


@pytest.mark.parametrize(
    ("act", "more"),
    [
        (Act.PAUSE, {}),
        (Act.KILL, {"signal": "SIGHUP"}),
        (Act.START, {}),
    ],
)
def test_what_cuts_no_connection_says_nothing_of_them(act: Act, more: dict[str, str]) -> None:
    lines = plan_lines("Title", plan(act, full(), "letta_server", connections={server().id: 12}, **more))
    assert not any("connection" in line for line in lines)
