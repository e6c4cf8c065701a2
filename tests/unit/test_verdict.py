"""States and answers give one verdict a service, and a sentence that names the cause first and no guess."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.engine import ContainerState, ContainerStatus
from lettaops.model.probe import Answers, Outcome, Probe, ServerProbe
from lettaops.model.text import Safe
from lettaops.model.verdict import Assessment, Overall, Verdict
from tests.unit.build import (
    NOW,
    answering,
    database,
    exited,
    failed,
    good,
    health,
    proxy,
    running,
    server,
)
from tests.unit.judging import BAD_GATEWAY, NO_PASSWORD, NOBODY, OUR_ERROR, D, P, S, judge, verdicts

PAUSED = ContainerState(status=ContainerStatus.PAUSED, started_at=NOW)
LOOPING = ContainerState(status=ContainerStatus.RESTARTING, exit_code=1, finished_at=NOW)
ALLOCATED = "Bind for 0.0.0.0:5432 failed: port is already allocated"


class Case(msgspec.Struct, kw_only=True):
    """Containers and answers that differ from those of a healthy stack, and what must be said."""

    overall: Overall
    verdicts: str  # of database, server, proxy
    says: tuple[str, ...]  # fragments of the sentence, in this order
    db: dict[str, Any] = {}
    letta: dict[str, Any] = {}
    nginx: dict[str, Any] = {}
    asked_db: Probe | None = good()
    asked_letta: ServerProbe | None = answering()
    asked_nginx: Probe | None = good()


def of_case(case: Case) -> Assessment:
    db, letta, nginx = database(**case.db), server(**case.letta), proxy(**case.nginx)
    answers = Answers(
        databases={D: case.asked_db} if case.asked_db and db.state.running else {},
        servers={S: case.asked_letta} if case.asked_letta and letta.state.running else {},
        proxies={P: case.asked_nginx} if case.asked_nginx and nginx.state.running else {},
    )
    return judge(db, letta, nginx, answers=answers)


CASES = {
    "all is well": Case(overall=Overall.HEALTHY, verdicts="ok ok ok", says=("3 services", "3 agents")),
    "nothing asked yet": Case(
        overall=Overall.UNKNOWN,
        verdicts="unknown unknown unknown",
        says=("letta_db, letta_server, letta_nginx: not asked yet.",),
        asked_db=None,
        asked_letta=None,
        asked_nginx=None,
    ),
    "database was stopped": Case(
        overall=Overall.DOWN,
        verdicts="stopped degraded ok",
        says=("letta_db", "exit 0", "letta_server", "can't use its database", "letta_nginx is fine"),
        db={"state": exited(0)},
        asked_letta=answering(OUR_ERROR),
    ),
    "database was stopped by SIGTERM": Case(
        overall=Overall.DOWN,
        verdicts="stopped degraded ok",
        says=("letta_db was stopped 40 s ago: exit 143, SIGTERM;", "letta_server"),
        db={"state": exited(143)},
        asked_letta=answering(OUR_ERROR),
    ),
    "database failed": Case(
        overall=Overall.DOWN,
        verdicts="down degraded ok",
        says=("letta_db ended 40 s ago: exit 1;", "letta_server answers"),
        db={"state": exited(1)},
        asked_letta=answering(OUR_ERROR),
    ),
    "database was killed": Case(
        overall=Overall.DOWN,
        verdicts="down degraded ok",
        says=("letta_db", "137", "SIGKILL", "letta_server"),
        db={"state": exited(137)},
        asked_letta=answering(OUR_ERROR),
    ),
    "database crashed": Case(
        overall=Overall.DOWN,
        verdicts="down degraded ok",
        says=("letta_db", "exit 139, crashed (SIGSEGV);", "letta_server"),
        db={"state": exited(139)},
        asked_letta=answering(OUR_ERROR),
    ),
    "database is frozen": Case(
        overall=Overall.DOWN,
        verdicts="down degraded ok",
        says=("letta_db is paused", "letta_server", "can't use its database"),
        db={"state": PAUSED},
        asked_letta=answering(failed(Outcome.TIMEOUT, latency_ms=2001.0)),
    ),
    "database could not be started": Case(
        overall=Overall.DOWN,
        verdicts="down stopped degraded",
        says=("letta_db", "never started", ALLOCATED, "letta_server", "never started", "letta_nginx", "502"),
        db={"state": ContainerState(status=ContainerStatus.CREATED, error=Safe(ALLOCATED))},
        letta={"state": ContainerState(status=ContainerStatus.CREATED)},
        asked_nginx=BAD_GATEWAY,
    ),
    "database is full": Case(
        overall=Overall.DEGRADED,
        verdicts="degraded degraded ok",
        says=("letta_db", "no connection slot", "too many clients", "letta_server", "database"),
        asked_db=failed(Outcome.FULL, "sorry, too many clients already"),
        asked_letta=answering(OUR_ERROR),
    ),
    "database hangs and its healthcheck says so": Case(
        overall=Overall.DOWN,
        verdicts="down degraded ok",
        says=("letta_db", "no reply in 2.0 s", "healthcheck failed 5 times", "no response", "letta_server"),
        db={"state": running(health=health("unhealthy", 5, "no response"))},
        asked_db=failed(Outcome.TIMEOUT, latency_ms=2001.0),
        asked_letta=answering(OUR_ERROR),
    ),
    "only the healthcheck is wrong": Case(
        overall=Overall.DEGRADED,
        verdicts="degraded ok ok",
        says=("letta_db works, but", "healthcheck failed 5 times", "pg_isready: not found", "are fine"),
        db={"state": running(health=health("unhealthy", 5, "sh: pg_isready: not found"))},
    ),
    "database is fine, the server can not use it": Case(
        overall=Overall.DEGRADED,
        verdicts="ok degraded ok",
        says=("letta_server answers, but", "database", "HTTP 500", "An unknown error", "are fine"),
        asked_letta=answering(OUR_ERROR),
    ),
    "server ran out of memory": Case(
        overall=Overall.DOWN,
        verdicts="ok down degraded",
        says=(
            "letta_server ended 40 s ago: exit 137",
            "out of memory (limit 512 MiB)",
            "letta_nginx",
            "502",
            "letta_db is fine",
        ),
        letta={"state": exited(137, oom_killed=True), "memory_limit_bytes": 512 * 1024**2},
        asked_nginx=BAD_GATEWAY,
    ),
    "server was stopped": Case(
        overall=Overall.DOWN,
        verdicts="ok stopped degraded",
        says=("letta_server", "exit 0", "letta_nginx", "502", "because letta_server"),
        letta={"state": exited(0)},
        asked_nginx=BAD_GATEWAY,
    ),
    "server restarts in a loop": Case(
        overall=Overall.DOWN,
        verdicts="ok down degraded",
        says=("letta_server restarts in a loop", "7 restarts", "exit 1", "letta_nginx"),
        letta={"state": LOOPING, "restart_count": 7},
        asked_nginx=BAD_GATEWAY,
    ),
    "server is up again for a moment of its loop": Case(
        overall=Overall.DOWN,
        verdicts="ok down degraded",
        says=("letta_server restarts in a loop", "7 restarts", "5 s ago", "letta_nginx"),
        letta={"state": running(5), "restart_count": 7},
        asked_letta=NOBODY,
        asked_nginx=BAD_GATEWAY,
    ),
    "server works for a moment of its loop": Case(
        overall=Overall.DEGRADED,
        verdicts="ok degraded ok",
        says=("letta_server works, but", "restarts in a loop", "are fine"),
        letta={"state": running(5), "restart_count": 3},
    ),
    "server is starting": Case(
        overall=Overall.DEGRADED,
        verdicts="ok starting starting",
        says=(
            "letta_server is starting",
            "8283",
            "letta_nginx is up and answers 502, because letta_server is starting",
            "letta_db is fine",
        ),
        letta={"state": running(5)},
        asked_letta=NOBODY,
        asked_nginx=BAD_GATEWAY,
    ),
    "server runs and does not listen": Case(
        overall=Overall.DOWN,
        verdicts="ok down degraded",
        says=("letta_server runs, but nothing answers on 8283", "127.0.0.1:8283", "letta_nginx"),
        asked_letta=NOBODY,
        asked_nginx=BAD_GATEWAY,
    ),
    "server hangs": Case(
        overall=Overall.DOWN,
        verdicts="ok down degraded",
        says=("letta_server", "no reply in 2.0 s", "letta_nginx", "waits for letta_server"),
        asked_letta=ServerProbe(health=failed(Outcome.TIMEOUT, latency_ms=2003.0)),
        asked_nginx=failed(Outcome.TIMEOUT, latency_ms=2003.0),
    ),
    "something else answers for the server": Case(
        overall=Overall.DOWN,
        verdicts="ok down ok",
        says=("letta_server", "makes no sense", "<html>"),
        asked_letta=ServerProbe(health=failed(Outcome.GARBAGE, "status 200, body “<html>”", status=200)),
    ),
    "server's port is not published": Case(
        overall=Overall.UNKNOWN,
        verdicts="ok unknown ok",
        says=("letta_server", "can't be reached from here", "8283"),
        asked_letta=ServerProbe(health=failed(Outcome.UNREACHED, "its port 8283 is not published")),
    ),
    "password is not known, database was seen": Case(
        overall=Overall.HEALTHY,
        verdicts="ok ok ok",
        says=("3 services", "letta_server asks for a password", "checked directly"),
        asked_letta=answering(NO_PASSWORD),
    ),
    "password is not known, database was not seen": Case(
        overall=Overall.UNKNOWN,
        verdicts="unknown unknown ok",
        says=("letta_server", "password", "wasn't seen", "letta_nginx is fine"),
        asked_db=None,
        asked_letta=answering(NO_PASSWORD),
    ),
    "proxy has the wrong upstream": Case(
        overall=Overall.DEGRADED,
        verdicts="ok ok degraded",
        says=(
            "letta_nginx",
            "502 while letta_server answers directly",
            "upstream",
            "(Host letta.localhost",
            "are fine",
        ),
        asked_nginx=BAD_GATEWAY,
    ),
    "proxy passes another Host on": Case(
        overall=Overall.DEGRADED,
        verdicts="ok ok degraded",
        says=("letta_nginx", "404", "no server block", "Host localhost", "are fine"),
        asked_nginx=failed(Outcome.STATUS, "Host localhost, answered by nginx", status=404),
    ),
    "proxy failed": Case(
        overall=Overall.DEGRADED,
        verdicts="ok ok down",
        says=("letta_nginx", "exit 1", "letta_db, letta_server are fine"),
        nginx={"state": exited(1)},
    ),
    "proxy is silent": Case(
        overall=Overall.DEGRADED,
        verdicts="ok ok down",
        says=("letta_nginx runs, but nothing answers on 80", "are fine"),
        asked_nginx=failed(Outcome.CLOSED),
    ),
    "state of the future": Case(
        overall=Overall.UNKNOWN,
        verdicts="ok unknown ok",
        says=("letta_server", "state that the engine doesn't name"),
        letta={"state": ContainerState()},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_verdict_of_each_service(name: str) -> None:
    case = CASES[name]
    found = of_case(case)
    by_name = verdicts(found)
    seen = [by_name[f"letta-{service}-1"] for service in ("letta_db", "letta_server", "letta_nginx")]
    assert " ".join(seen) == case.verdicts
    assert found.overall is case.overall


@pytest.mark.parametrize("name", CASES)
def test_the_sentence_names_the_cause_first(name: str) -> None:
    case = CASES[name]
    sentence = of_case(case).sentence
    at = 0
    for fragment in case.says:
        assert fragment in sentence[at:], f"{fragment!r} not in {sentence[at:]!r}"
        at = sentence.index(fragment, at) + len(fragment)


@pytest.mark.parametrize("name", CASES)
def test_the_sentence_reads_well(name: str) -> None:
    sentence = of_case(CASES[name]).sentence
    assert sentence.endswith(".")
    assert "None" not in sentence
    assert not re.search(r"[;:,.]{2}|  |; ;|\( |\bnot ok\b", sentence), sentence


def test_what_is_broken_is_never_called_fine() -> None:
    for case in CASES.values():
        found = of_case(case)
        fine = re.search(r"([^;]*) (?:is|are) fine", found.sentence)
        names = set(fine[1].strip().split(", ")) if fine else set()
        bad = {each.member.name for each in found.judgements if each.verdict is not Verdict.OK}
        assert not names & bad, found.sentence


def test_a_cause_is_told_once() -> None:
    sentence = of_case(CASES["database failed"]).sentence
    assert sentence.count("exit 1") == 1


_STATES = st.sampled_from(
    [running(), running(5), PAUSED, LOOPING, ContainerState(), *map(exited, (0, 1, 137, 139, 143))]
)
_PROBES = st.none() | st.builds(
    Probe,
    outcome=st.sampled_from(Outcome),
    latency_ms=st.none() | st.floats(0, 5000),
    status=st.none() | st.sampled_from((200, 401, 404, 500, 502)),
)


@given(st.tuples(_STATES, _STATES, _STATES), st.tuples(_PROBES, _PROBES, _PROBES, _PROBES))
def test_every_combination_has_a_verdict_and_no_cause_is_left_out(
    states: tuple[ContainerState, ...], probes: tuple[Probe | None, ...]
) -> None:
    asked = ServerProbe(health=probes[1], database=probes[3]) if probes[1] is not None else None
    answers = Answers(
        databases={D: probes[0]} if probes[0] else {},
        servers={S: asked} if asked else {},
        proxies={P: probes[2]} if probes[2] else {},
    )
    found = judge(database(state=states[0]), server(state=states[1]), proxy(state=states[2]), answers=answers)
    for each in found.judgements:
        assert each.verdict is Verdict.OK or each.reason
        if each.verdict is not Verdict.OK:
            assert each.member.name in found.sentence
        if each.verdict is Verdict.OK:
            assert each.member.container.state.running, "what doesn't run is never ok while the engine tells"
    all_ok = all(each.verdict is Verdict.OK for each in found.judgements)
    assert (found.overall is Overall.HEALTHY) is all_ok
