"""Verdicts beside the ordinary: a silent engine, databases elsewhere, replicas, services of others."""

import msgspec
import pytest

from lettaops.model.engine import ContainerState
from lettaops.model.probe import Answers, Outcome, Probe
from lettaops.model.source import Link, SourceStatus
from lettaops.model.text import Safe
from lettaops.model.verdict import Overall, Verdict
from tests.unit.build import (
    HOSTILE,
    answering,
    cache,
    database,
    exited,
    failed,
    good,
    health,
    is_clean,
    proxy,
    running,
    server,
    sidecar,
)
from tests.unit.judging import (
    BAD_GATEWAY,
    NO_PASSWORD,
    NOBODY,
    OUR_ERROR,
    D,
    P,
    S,
    judge,
    reason,
    verdicts,
)

STALE = SourceStatus(
    link=Link.STALE, reason=Safe("the engine did not answer within 1.5 s"), last_value_at=0.0
)
WELL = Answers(servers={S: answering()}, databases={D: good()}, proxies={P: good()})


def test_a_silent_engine_is_told_first_and_its_states_carry_their_age() -> None:
    found = judge(database(), server(), proxy(), answers=WELL, engine=STALE, age=12.0)
    assert found.overall is Overall.HEALTHY
    assert "did not answer within 1.5 s" in found.sentence
    assert "12 s old" in found.sentence


def test_without_engine_and_answers_nothing_is_claimed() -> None:
    found = judge(database(), server(), proxy(), answers=Answers(), engine=STALE, age=75.0)
    assert set(verdicts(found).values()) == {Verdict.UNKNOWN}
    assert found.overall is Overall.UNKNOWN
    assert "1 m 15 s old" in found.sentence


def test_an_answer_counts_more_than_an_old_state() -> None:
    found = judge(database(state=exited(1)), server(), proxy(), answers=WELL, engine=STALE, age=12.0)
    assert set(verdicts(found).values()) == {Verdict.OK}


def test_an_old_state_counts_where_nothing_answers() -> None:
    answers = Answers(servers={S: answering(OUR_ERROR)}, proxies={P: good()})
    found = judge(database(state=exited(1)), server(), proxy(), answers=answers, engine=STALE, age=12.0)
    assert verdicts(found)["letta-letta_db-1"] is Verdict.DOWN
    assert found.sentence.index("12 s old") < found.sentence.index("letta_db")


ELSEWHERE = server(uri="postgresql://u:p@db.example.com:5432/letta")


def test_an_external_database_that_is_down() -> None:
    refused = failed(Outcome.REFUSED, route=Safe("db.example.com:5432"))
    answers = Answers(servers={S: answering(OUR_ERROR)}, proxies={P: good()}, database=refused)
    found = judge(ELSEWHERE, proxy(), answers=answers)
    assert found.overall is Overall.DOWN
    assert verdicts(found)["letta-letta_server-1"] is Verdict.DEGRADED
    assert "db.example.com" in found.sentence
    assert "5432" in found.sentence
    assert "p@" not in found.sentence


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.OK])
def test_our_own_failure_says_nothing_about_an_external_database_that_nobody_saw(outcome: Outcome) -> None:
    """The server wants a password that isn't known: only the database's own words tell."""
    answers = Answers(
        servers={S: answering(NO_PASSWORD)}, proxies={P: good()}, database=failed(outcome, status=400)
    )
    found = judge(ELSEWHERE, proxy(), answers=answers)
    its_own = {Outcome.BROKEN, Outcome.FULL, Outcome.STARTING, Outcome.STATUS}
    assert found.overall is (Overall.UNKNOWN if outcome not in its_own else found.overall)
    assert found.overall is not Overall.HEALTHY
    assert "db.example.com" in found.sentence


def test_an_external_database_that_answers() -> None:
    answers = Answers(servers={S: answering()}, proxies={P: good()}, database=good())
    found = judge(ELSEWHERE, proxy(), answers=answers)
    assert found.overall is Overall.HEALTHY


def test_an_embedded_database_that_is_down() -> None:
    one = server(uri=None)
    found = judge(one, answers=Answers(servers={one.id: answering(OUR_ERROR)}))
    assert verdicts(found)[one.name] is Verdict.DEGRADED
    assert "database" in reason(found, "letta_server")


def test_a_wrong_host_in_the_uri_is_named() -> None:
    lost = server(uri="postgresql://letta:letta@letta-dbx:5432/letta")
    answers = Answers(servers={S: answering(OUR_ERROR)}, databases={D: good()}, proxies={P: good()})
    found = judge(database(), lost, proxy(), answers=answers)
    assert found.overall is Overall.DEGRADED
    assert "LETTA_PG_URI names the host letta-dbx, but letta_db is known as" in found.sentence
    assert "letta_db, letta_nginx are fine" in found.sentence


def test_one_of_two_servers_down_is_no_outage_and_is_named() -> None:
    first, second = server("letta-letta_server-1"), server("letta-letta_server-2")
    answers = Answers(
        servers={first.id: answering(), second.id: NOBODY}, databases={D: good()}, proxies={P: good()}
    )
    found = judge(database(), first, second, proxy(), answers=answers)
    assert found.overall is Overall.DEGRADED
    assert found.sentence.startswith("letta-letta_server-2 ")
    assert "letta-letta_server-1" in found.sentence


def test_both_servers_down_is_an_outage() -> None:
    first = server("letta-letta_server-1", state=exited(1))
    second = server("letta-letta_server-2", state=exited(1))
    answers = Answers(databases={D: good()}, proxies={P: BAD_GATEWAY})
    found = judge(database(), first, second, proxy(), answers=answers)
    assert found.overall is Overall.DOWN
    assert "502" in reason(found, "letta_nginx")


def test_a_cache_that_is_down_degrades() -> None:
    answers = msgspec.structs.replace(WELL, caches={})
    found = judge(database(), server(), proxy(), cache(state=exited(137)), answers=answers)
    assert found.overall is Overall.DEGRADED
    assert "redis" in found.sentence


@pytest.mark.parametrize(
    ("state", "overall"),
    [(running(), Overall.HEALTHY), (exited(0), Overall.HEALTHY), (exited(1), Overall.DEGRADED)],
)
def test_a_service_of_others_counts_when_it_failed(state: ContainerState, overall: Overall) -> None:
    found = judge(database(), server(), proxy(), sidecar(state=state), answers=WELL)
    assert found.overall is overall
    assert ("otel" in found.sentence) is (overall is Overall.DEGRADED)


def test_no_container_left() -> None:
    found = judge(answers=Answers())
    assert found.overall is Overall.UNKNOWN
    assert "no container" in found.sentence


def test_hostile_words_come_out_clean() -> None:
    bad = exited(1, error=Safe(HOSTILE))
    answers = Answers(servers={S: answering(failed(Outcome.STATUS, HOSTILE, status=500))})
    found = judge(database(state=bad), server(), answers=answers)
    assert is_clean(found.sentence)
    assert all(is_clean(each.reason) for each in found.judgements)


@pytest.mark.parametrize("outcome", [Outcome.UNREACHED, Outcome.UNRESOLVED, Outcome.REFUSED, Outcome.DENIED])
def test_a_database_that_the_server_can_use_is_not_down_because_we_can_not(outcome: Outcome) -> None:
    answers = Answers(servers={S: answering()}, proxies={P: good()}, database=failed(outcome))
    assert judge(ELSEWHERE, proxy(), answers=answers).overall is Overall.HEALTHY


@pytest.mark.parametrize("outcome", [Outcome.UNREACHED, Outcome.DENIED])
def test_a_local_database_that_the_server_can_use_works(outcome: Outcome) -> None:
    answers = msgspec.structs.replace(WELL, databases={D: failed(outcome)})
    assert judge(database(), server(), proxy(), answers=answers).overall is Overall.HEALTHY


def test_the_sentence_agrees_with_the_verdict_about_a_strange_uri_that_works() -> None:
    strange = server(uri="postgresql://letta:letta@letta-dbx:5432/letta")
    found = judge(database(), strange, proxy(), answers=WELL)
    assert ("work" in found.sentence) is (found.overall is Overall.HEALTHY)


def test_an_unknown_password_is_the_same_with_an_external_database() -> None:
    answers = Answers(servers={S: answering(NO_PASSWORD)}, proxies={P: good()}, database=good())
    assert judge(ELSEWHERE, proxy(), answers=answers).overall is Overall.HEALTHY


def test_an_embedded_database_that_is_down_is_an_outage() -> None:
    one = server(uri=None)
    found = judge(one, answers=Answers(servers={one.id: answering(OUR_ERROR)}))
    assert found.overall is Overall.DOWN


def test_without_a_server_none_is_said_to_answer() -> None:
    found = judge(database(), proxy(), answers=Answers(databases={D: good()}, proxies={P: BAD_GATEWAY}))
    assert "answers directly" not in found.sentence


def test_a_garbled_uri_is_told_as_the_cause_of_a_server_that_died() -> None:
    garbled = server(uri="postgresql://${LETTA_PG_USER:-letta:x@letta-db/letta}", state=exited(1))
    found = judge(database(), garbled, answers=Answers(databases={D: good()}))
    assert "LETTA_PG_URI" in found.sentence


def test_an_engine_that_refuses_is_not_silent() -> None:
    denied = SourceStatus(link=Link.DENIED, reason=Safe("no permission to use the engine"))
    found = judge(database(), server(), proxy(), answers=WELL, engine=denied)
    assert "doesn't answer" not in found.sentence


@pytest.mark.parametrize("case", ["healthcheck", "external", "one"])
def test_a_subject_has_its_verb(case: str) -> None:
    if case == "healthcheck":
        sick = sidecar(state=running(health=health("unhealthy", 3)))
        assert "otel its" not in judge(database(), server(), proxy(), sick, answers=WELL).sentence
    elif case == "external":
        answers = Answers(servers={S: answering(OUR_ERROR)}, database=failed(Outcome.REFUSED))
        assert "com nothing" not in judge(ELSEWHERE, answers=answers).sentence
    else:
        one = server(uri=None)
        assert "1 services" not in judge(one, answers=Answers(servers={one.id: answering()})).sentence


def test_what_fails_for_us_alone_is_told_as_a_note() -> None:
    denied = failed(Outcome.DENIED, "no pg_hba.conf entry")
    local = judge(database(), server(), proxy(), answers=msgspec.structs.replace(WELL, databases={D: denied}))
    assert "letta_db works for letta_server; it refuses us: no pg_hba.conf entry" in local.sentence
    answers = Answers(servers={S: answering()}, proxies={P: good()}, database=denied)
    elsewhere = judge(ELSEWHERE, proxy(), answers=answers)
    assert elsewhere.sentence.startswith("both services work; 3 agents served; letta_server works and uses")
    assert "though db.example.com refuses us: no pg_hba.conf entry" in elsewhere.sentence


@pytest.mark.parametrize("outcome", [Outcome.TIMEOUT, Outcome.FULL])
def test_a_database_that_takes_nobody_new_is_limited_though_its_server_works(outcome: Outcome) -> None:
    answers = msgspec.structs.replace(WELL, databases={D: failed(outcome, latency_ms=2001.0)})
    found = judge(database(), server(), proxy(), answers=answers)
    assert found.overall is Overall.DEGRADED
    assert "letta_db works for letta_server, but" in found.sentence


def test_a_database_that_ended_is_down_whatever_was_seen_before() -> None:
    found = judge(database(state=exited(1)), server(), proxy(), answers=WELL)
    assert found.overall is Overall.DOWN


def test_a_strange_uri_that_works_is_noted() -> None:
    strange = server(uri="postgresql://letta:letta@letta-dbx:5432/letta")
    found = judge(database(), strange, proxy(), answers=WELL)
    assert "letta_server works, although LETTA_PG_URI names the host letta-dbx" in found.sentence


def test_a_port_on_which_no_database_listens_is_named() -> None:
    """`LETTA_PG_PORT=5433` of Letta's compose file ends in the URI, where 5432 is meant."""
    trapped = server(uri="postgresql://letta:letta@letta-db:5433/letta")
    said = "LETTA_PG_URI names port 5433, but Postgres in letta_db listens on 5432"
    failing = msgspec.structs.replace(WELL, servers={S: answering(OUR_ERROR)})
    assert f"can't use its database: {said}" in judge(database(), trapped, answers=failing).sentence
    dead = server(uri="postgresql://letta:letta@letta-db:5433/letta", state=exited(3))
    answers = Answers(databases={D: good()})
    assert f"exit 3; likely cause: {said}" in judge(database(), dead, answers=answers).sentence


@pytest.mark.parametrize("state", [exited(0), exited(137), exited(1, oom_killed=True)])
def test_no_cause_is_guessed_for_an_end_that_has_one(state: ContainerState) -> None:
    garbled = server(uri="postgresql://${LETTA_PG_USER:-letta:x@letta-db/letta}", state=state)
    assert "LETTA_PG_URI" not in judge(database(), garbled, answers=Answers(databases={D: good()})).sentence


def test_a_proxy_without_a_server_says_so() -> None:
    found = judge(database(), proxy(), answers=Answers(databases={D: good()}, proxies={P: BAD_GATEWAY}))
    assert reason(found, "letta_nginx") == "answers 502; no Letta server is in this project"


def test_a_proxy_is_not_explained_by_a_server_that_nobody_asked() -> None:
    found = judge(
        database(), server(), proxy(), answers=Answers(databases={D: good()}, proxies={P: BAD_GATEWAY})
    )
    assert "because" not in reason(found, "letta_nginx")


def test_an_engine_that_refuses_is_told_with_its_words() -> None:
    denied = SourceStatus(link=Link.DENIED, reason=Safe("no permission to use the engine"))
    found = judge(database(), server(), proxy(), answers=WELL, engine=denied, age=5.0)
    assert found.sentence.startswith("The engine refuses us (no permission to use the engine); ")


def test_a_silent_engine_and_answers_from_everybody() -> None:
    found = judge(database(), server(), proxy(), answers=WELL, engine=STALE, age=12.0)
    assert "asked directly, all 3 work" in found.sentence


def test_equal_reasons_are_told_once_for_all_who_have_them() -> None:
    found = judge(database(), server(), proxy(), answers=Answers(), engine=STALE, age=75.0)
    assert "letta_db, letta_server, letta_nginx: can't be known without the engine." in found.sentence
    first, second = server("letta-letta_server-1"), server("letta-letta_server-2")
    answers = Answers(servers={first.id: NOBODY, second.id: NOBODY}, databases={D: good()})
    found = judge(database(), first, second, answers=answers)
    assert found.sentence.startswith("letta-letta_server-1, letta-letta_server-2: runs, but nothing answers")


def test_a_cause_with_a_healthcheck_note_is_told_once() -> None:
    hung = database(state=running(health=health("unhealthy", 5, "no response")))
    answers = Answers(
        servers={S: answering(OUR_ERROR)},
        databases={D: failed(Outcome.TIMEOUT, latency_ms=2001.0)},
        proxies={P: good()},
    )
    found = judge(hung, server(), proxy(), answers=answers)
    assert found.sentence.count("no reply") == 1
    assert "can't use its database: letta_db takes connections" in reason(found, "letta_server")


@pytest.mark.parametrize("up", [5, 3600])
@pytest.mark.parametrize("deep", [None, NO_PASSWORD, OUR_ERROR])
def test_a_child_that_was_killed_for_lack_of_memory_is_told_beside_all_else(
    up: float, deep: Probe | None
) -> None:
    short = server(state=running(up, oom_killed=True))
    answers = msgspec.structs.replace(WELL, servers={S: answering(deep)})
    found = judge(database(), short, proxy(), answers=answers)
    assert found.sentence.count("killed for lack of memory") == 1
    assert "killed for lack of memory" in reason(found, "letta_server")


def test_the_one_service_there_is_works() -> None:
    one = server("letta", uri=None, service="")
    found = judge(one, answers=Answers(servers={one.id: answering(agents=1)}))
    assert found.sentence == "letta works; 1 agent served."
