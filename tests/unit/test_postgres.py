"""What a database's refusal is taken for, by its SQLSTATE."""

import asyncpg
import pytest

from lettaops.model.probe import Answers, Outcome
from lettaops.model.verdict import Verdict
from lettaops.sources.postgres.connection import outcome as outcome_of
from tests.unit.build import database, failed, server
from tests.unit.judging import D, judge, reason, verdicts


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("28P01", Outcome.DENIED),
        ("28000", Outcome.DENIED),
        ("3D000", Outcome.DENIED),
        ("42501", Outcome.DENIED),
        ("53300", Outcome.FULL),
        ("53100", Outcome.FULL),
        ("57P03", Outcome.STARTING),
        ("57P01", Outcome.CLOSED),
        ("57P02", Outcome.CLOSED),
        ("58030", Outcome.BROKEN),
        ("58P01", Outcome.BROKEN),
        ("XX001", Outcome.BROKEN),
        ("F0000", Outcome.BROKEN),
        ("08006", Outcome.CLOSED),
        ("42601", Outcome.GARBAGE),
    ],
)
def test_outcomes_by_sqlstate(state: str, outcome: Outcome) -> None:
    assert outcome_of(asyncpg.PostgresError.new({"C": state, "M": "words"})) is outcome


def test_a_broken_database_is_down_and_its_volume_comes_first() -> None:
    probe = failed(Outcome.BROKEN, "could not read block 0")
    found = judge(database(), server(), answers=Answers(databases={D: probe}))
    assert verdicts(found)[database().name] is Verdict.DOWN
    said = reason(found, "letta_db")
    assert "is broken: it can't read its own data files (could not read block 0)" in said
    assert "back up its volume before restarting it" in said
