"""Vectors, Letta's own rows, privileges and refusals: from a server's answers to words."""

from typing import Any

import pytest

from lettaops.model.database.access import identifier, server_from
from lettaops.model.database.failures import (
    Full,
    StatementFailed,
    WrongPassword,
    refusal,
    statement_failure,
)
from lettaops.model.database.own import HEADS, letta_rows_from, wanted_head
from lettaops.model.database.pool_settings import Version
from lettaops.model.database.runs import RunStatus, runs_from
from lettaops.model.database.vectors import vectors_from
from lettaops.model.document import Document
from lettaops.model.errors import Denied, LettaopsError, Unreachable
from tests.unit.build import HOSTILE, is_clean

MIB = 1024**2


def column(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "schema": "letta",
        "table": "archival_passages",
        "column": name,
        "type": "vector",
        "dimensions": 1536,
        "rows": 20_000,
        "indexes": None,
    } | changes


HNSW = {"name": "i", "method": "hnsw", "valid": True, "bytes": MIB}


@pytest.mark.parametrize(
    ("changes", "indexed", "words"),
    [
        ({"indexes": [HNSW]}, True, ""),
        ({"indexes": [HNSW | {"valid": False}]}, False, "each search reads all 20,000 rows"),
        ({"dimensions": 4096}, False, "with 4096 dimensions it can't have one (pgvector indexes up to 2000)"),
        ({"dimensions": 4096, "type": "halfvec"}, False, "indexes up to 4000"),
        ({"dimensions": -1}, False, "with any number of dimensions it can't have one"),
        ({"dimensions": 1536, "rows": -1}, False, "reads all rows"),
        (
            {"type": "sparsevec", "dimensions": 90_000},
            False,
            "has no index: each search reads all 20,000 rows",
        ),
    ],
)
def test_vector_columns(changes: dict[str, Any], indexed: bool, words: str) -> None:
    found = vectors_from(Document({"version": "0.8.1", "columns": [column("embedding", **changes)]}))
    (only,) = found.columns
    assert only.indexed is indexed
    assert words in only.words
    assert bool(only.words) is not indexed
    assert len(found.unindexed) == (0 if indexed else 1)


@pytest.mark.parametrize(
    ("version", "head"),
    [((0, 16, 8), "1c28e167b74f"), ((0, 16, 0), "d0880aae6cee"), ((0, 15, 1), ""), (None, "")],
)
def test_the_head_that_a_version_wants(version: Version | None, head: str) -> None:
    assert wanted_head(version) == head
    assert all(len(each) == 12 for each in HEADS.values())


@pytest.mark.parametrize(
    ("heads", "version", "fits"),
    [
        (["1c28e167b74f"], (0, 16, 8), True),
        (["d0880aae6cee"], (0, 16, 8), False),
        (["1c28e167b74f", "d0880aae6cee"], (0, 16, 8), False),
        (None, (0, 16, 8), None),
        (["1c28e167b74f"], None, None),
    ],
)
def test_whether_the_schema_fits(heads: list[str] | None, version: Version | None, fits: bool | None) -> None:
    found = letta_rows_from(Document({"alembic": heads, "agents": 3}), version)
    assert found.schema.fits is fits
    assert found.runs is None


@pytest.mark.parametrize(
    ("rights", "missing"),
    [
        ({"superuser": True}, []),
        ({"sees_all": True, "signals_all": True, "reads_tables": True}, []),
        ({"sees_all": True, "reads_tables": True}, ["pg_signal_backend"]),
        ({}, ["pg_monitor", "pg_signal_backend", "SELECT on Letta's tables"]),
    ],
)
def test_privileges(rights: dict[str, bool], missing: list[str]) -> None:
    rights = {"reads_tables": True} | rights if rights else rights
    found = server_from(Document({"version": 160014, "role": 'o"dd', **rights}))
    assert [each.privilege for each in found.missing] == missing
    assert found.major == 16
    for each in found.missing:
        assert each.remedy.endswith('TO "o""dd"')
        assert each.hidden


def test_identifiers() -> None:
    assert identifier('a"b\0; drop') == '"a""b; drop"'


@pytest.mark.parametrize(
    ("state", "kind", "words"),
    [
        ("28P01", WrongPassword, "refuses the password"),
        ("28000", Denied, "refuses us"),
        ("3D000", Denied, "does not exist"),
        ("42501", Denied, "not in"),
        ("53300", Full, "no slot free"),
        ("57P03", Unreachable, "not ready"),
        ("57P01", Unreachable, "ended the session"),
        ("XX001", LettaopsError, "is broken"),
        ("58030", LettaopsError, "is broken"),
        ("", Unreachable, "db"),
    ],
)
def test_refusals(state: str, kind: type[LettaopsError], words: str) -> None:
    found = refusal(state, f"it does not exist {HOSTILE}", "db")
    assert type(found) is kind
    assert words in found.what
    assert is_clean(found.what)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("55P03", "somebody holds a lock"),
        ("57014", "given up after 3 s"),
        ("42501", "permission denied"),
        ("42P01", "this role may not see it"),
        ("22000", "permission denied"),
    ],
)
def test_failed_statements(state: str, words: str) -> None:
    found = statement_failure(state, "permission denied", "sizes")
    assert isinstance(found, StatementFailed)
    assert (found.sqlstate, words in found.what) == (state, True)


def test_runs_of_the_api() -> None:
    found = runs_from(
        [
            {"id": "run-1", "agent_id": "agent-1", "status": "running", "background": True},
            {"id": "run-2", "status": "completed", "stop_reason": "requires_approval"},
            {"id": "run-3", "status": "completed", "stop_reason": "end_turn"},
            {"id": HOSTILE * 9, "status": "of a later version", "metadata": {"error": HOSTILE}},
            {"status": "running"},
            None,
        ]
    )
    assert [(each.status, each.cancellable) for each in found] == [
        (RunStatus.RUNNING, True),
        (RunStatus.COMPLETED, True),
        (RunStatus.COMPLETED, False),
        (RunStatus.UNKNOWN, False),
    ]
    assert is_clean(found[3].id)
    assert is_clean(found[3].error)
    assert runs_from({"detail": "x"}) == ()
