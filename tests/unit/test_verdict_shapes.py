"""Verdicts beside the ordinary: a silent engine, databases elsewhere, replicas, services of others."""

import msgspec
import pytest

from lettaops.model.engine import ContainerState
from lettaops.model.probe import Answers, Outcome
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
