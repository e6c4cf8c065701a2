"""The log of a healthcheck, out of whatever an engine may answer."""

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings

from lettaops.model.healthlog import RUNS, health_runs
from tests.unit.build import HOSTILE, JSON_VALUES, damaged, is_clean


def document(*runs: dict[str, Any]) -> dict[str, Any]:
    return {"State": {"Health": {"Log": list(runs)}}}


WHOLE = document(
    *(
        {"Start": f"2026-11-22T12:00:0{at}Z", "End": f"2026-11-22T12:00:0{at}.5Z", "ExitCode": at}
        for at in range(7)
    )
)


def test_the_last_five_newest_first() -> None:
    runs = health_runs(WHOLE)
    assert [each.exit_code for each in runs] == [6, 5, 4, 3, 2]
    assert len(runs) == RUNS
    assert runs[0].at == datetime(2026, 11, 22, 12, 0, 6, 500_000, tzinfo=UTC)


def test_output_is_one_short_clean_line_without_secrets() -> None:
    output = f"curl: (7)\r\n  postgresql://letta:hunter2secret@db/x refused\n{HOSTILE}" + "word " * 2000
    [run] = health_runs(document({"ExitCode": 7, "Output": output}))
    assert run.output.startswith("curl: (7) postgresql://letta:****@db/x refused")
    assert is_clean(run.output)
    assert len(run.output) <= 400
    assert run.output.endswith("…")


def test_a_run_that_is_not_finished_has_its_start() -> None:
    [run] = health_runs(document({"Start": "2026-11-22T12:00:00Z", "End": "0001-01-01T00:00:00Z"}))
    assert run.at == datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    assert run.exit_code is None


@given(JSON_VALUES | damaged(WHOLE))
@settings(max_examples=150)
def test_no_document_breaks_it(value: Any) -> None:
    for run in health_runs(value):
        assert is_clean(run.output)
