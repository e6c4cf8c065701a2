"""Lines that belong together become one record, and lines that don't stay apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.logs.assemble import LONGEST_SECONDS, MOST_BYTES, MOST_LINES, QUIET_SECONDS, Assembler
from lettaops.model.logs.line import KEPT_BYTES, STDERR, STDOUT, LogLine, Marker, marker
from lettaops.model.text import Safe
from tests.unit.torture import CONTAINERS, DATABASE, LINES, PROXY, SERVER, START_NS, made, many

CHAINED = [
    r"Letta.letta.server.rest_api.app - ERROR - Unhandled error: gaierror: [Errno -2] Name not known",
    r"Traceback (most recent call last):",
    r'  File "/app/.venv/lib/python3.11/site-packages/letta/utils.py", line 582, in wrapper',
    r'    raise ValueError(f"Argument {arg_name} does not match type {hint}; is {arg_value}")',
    r"ValueError: Argument order does not match type typing.Optional[str]; is True of type <class 'bool'>",
    r"",
    r"During handling of the above exception, another exception occurred:",
    r"",
    r"Traceback (most recent call last):",
    r'  File "/app/letta/server/db.py", line 9, in session',
    r"    ^^^^^^^^^^^^",
    r'sqlalchemy.exc.ProgrammingError: (psycopg.errors.UndefinedTable) relation "x" does not exist',
    r"LINE 1: SELECT * FROM x",
    r"                      ^",
    r"[SQL: SELECT * FROM x]",
    r"(Background on this error at: https://sqlalche.me/e/20/f405)",
]
GROUP = [
    r"ERROR:    Exception in ASGI application",
    r"  + Exception Group Traceback (most recent call last):",
    r'  |   File "/app/x.py", line 87, in collapse_excgroups',
    r"  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)",
    r"  +-+---------------- 1 ----------------",
    r"    | Traceback (most recent call last):",
    r'    |   File "/app/y.py", line 1, in call',
    r"    | KeyError: 'x'",
    r"    +------------------------------------",
    r"Traceback (most recent call last):",
    r'  File "/app/x.py", line 5, in run',
    r"KeyError: 'x'",
]
VALIDATION = [
    r"Traceback (most recent call last):",
    r'  File "/app/x.py", line 5, in run',
    r"pydantic_core._pydantic_core.ValidationError: 1 validation error for Agent",
    r"name",
    r"  Field required [type=missing, input_value={}, input_type=dict]",
    r"    For further information visit https://errors.pydantic.dev/2.10/v/missing",
    r"1 more line that begins with a digit",
]
BOXED = [
    "Letta.app - ERROR - it broke",
    "╭───── Traceback (most recent call last) ─────╮",
    "│ /app/x.py:5 in run                          │",
    "╰─────────────────────────────────────────────╯",
    "KeyError: 'x'",
]
POSTGRES = [
    '2026-11-21 23:04:06.361 UTC [22] ERROR:  duplicate key value violates unique constraint "x"',
    "2026-11-21 23:04:06.361 UTC [22] DETAIL:  Key (id)=(1) already exists.",
    "2026-11-21 23:04:06.361 UTC [22] STATEMENT:  INSERT INTO x",
    "\tVALUES (1)",
]
PREFIXED = [
    "2026-11-21 23:04:06.361 UTC [22] letta@letta ERROR:  canceling statement due to user request",
    "2026-11-21 23:04:06.361 UTC [22] letta@letta STATEMENT:  select 1",
]
NLTK = [
    "[nltk_data] Error loading punkt_tab: <urlopen error [Errno -2] Name or",
    "[nltk_data]     service not known>",
]
WARNING = ["/app/letta/x.py:12: DeprecationWarning: invalid escape sequence", '  warnings.warn("x")']
OBJECT = ["Letta.app - INFO - got {", '    "a": 1', "}"]
COLOURED = [
    "\x1b[31mERROR\x1b[0m:    Exception in ASGI application",
    "\x1b[2mTraceback (most recent call last):\x1b[0m",
    '\x1b[2m  File "x"\x1b[0m',
    "\x1b[31mKeyError\x1b[0m: 1",
]

APART = [
    "No external Redis configuration detected, starting internal Redis...",
    "Using internal Redis at: localhost",
    "INFO  [alembic.runtime.migration] Context impl PostgresqlImpl.",
    "Letta.letta.schemas.secret - WARNING - No encryption key configured.",
    "[[ Letta server // v0.16.8 ]]",
    "▶ Server running at: http://0.0.0.0:8283",
    "INFO:     Started server process [1]",
    "[nltk_data] Error loading punkt_tab",
    "[nltk_data] Error loading words",
    "[another]     of another tag",
    '{"level":"INFO","message":"x"}',
    '172.20.0.1 - - [21/Nov/2026:22:48:09 +0000] "GET / HTTP/1.1" 404 153 "-" "curl/7.88.1"',
    "2026/11/21 22:48:09 [error] 29#29: *1 connect() failed",
    "1:M 21 Nov 2026 23:04:06.361 * Ready to accept connections tcp",
    "2026-11-21 23:04:06.361 UTC [22] LOG:  one process",
    "2026-11-21 23:04:06.361 UTC [23] STATEMENT:  of another process",
    "}",
    "Traceback (most recent call last):",
]


def records(lines: list[LogLine]) -> list[str]:
    """The records of these lines as texts."""
    assembler = Assembler()
    found = assembler.feed(lines, 0.0)
    assert assembler.waiting + len(found) <= len(lines)
    return [each.raw.decode() for each in [*found, *assembler.end()]]


@pytest.mark.parametrize(
    "lines", [CHAINED, GROUP, VALIDATION, BOXED, POSTGRES, PREFIXED, NLTK, WARNING, OBJECT, COLOURED]
)
def test_lines_that_belong_together_are_one_record(lines: list[str]) -> None:
    after = "INFO:     after"
    assert records(many(["before", *lines, after])) == ["before", "\n".join(lines), after]


def test_lines_of_any_format_stand_for_themselves() -> None:
    assert records(many(APART)) == APART


@pytest.mark.parametrize(
    "start", [line for line in APART[2:16] if not line.startswith(("[nltk", "[another"))]
)
def test_a_traceback_ends_where_another_record_begins(start: str) -> None:
    assert records(many([*CHAINED, start, "  and its rest"])) == [
        "\n".join(CHAINED),
        f"{start}\n  and its rest",
    ]


def test_what_is_printed_later_is_no_part_of_a_traceback() -> None:
    lines = [*many(CHAINED), made("Database migration failed. Exiting...", at=0.5)]
    assert records(lines) == ["\n".join(CHAINED), "Database migration failed. Exiting..."]


def test_a_traceback_is_no_part_of_a_line_that_says_no_wrong() -> None:
    assert records(many(["Letta.app - INFO - fine", *CHAINED[1:5]])) == [
        "Letta.app - INFO - fine",
        "\n".join(CHAINED[1:5]),
    ]


def test_an_indented_line_long_after_is_a_record_of_its_own() -> None:
    assert records([made("first"), made("  second", at=1.5)]) == ["first", "  second"]


def test_services_and_outputs_that_write_at_once_are_not_mixed() -> None:
    server = many(CHAINED)
    database = many(POSTGRES, DATABASE)
    errors = [made(f"  {number}", stream=STDERR) for number in range(3)]
    mixed = (
        [line for three in zip(server, database, errors, strict=False) for line in three]
        + server[3:]
        + database[3:]
    )
    assert records(mixed) == ["\n".join(CHAINED), "\n".join(POSTGRES), "  0\n  1\n  2"]


def test_records_come_in_the_order_of_their_first_lines() -> None:
    assembler = Assembler()
    first = assembler.feed(
        [made("Letta.a - ERROR - x"), made("access 1", PROXY), made("access 2", PROXY)], 0.0
    )
    assert first == []  # the first record may go on
    second = assembler.feed(
        [made("Traceback (most recent call last):", at=0.01), made("access 3", PROXY)], 0.1
    )
    assert second == []
    third = assembler.feed([made("INFO:     next", at=0.02)], 0.15)
    assert [each.raw for each in third] == [
        b"Letta.a - ERROR - x\nTraceback (most recent call last):",
        b"access 1",
        b"access 2",
    ]


def test_a_record_is_over_when_nothing_comes() -> None:
    assembler = Assembler()
    assert assembler.feed([made("alone")], 0.0) == []
    assert assembler.flush(QUIET_SECONDS / 2) == []
    assert [each.raw for each in assembler.flush(QUIET_SECONDS)] == [b"alone"]
    assert assembler.waiting == 0
    assert assembler.flush(11.0) == []


def test_a_record_that_never_ends_is_given_after_a_while() -> None:
    assembler = Assembler()
    now = 0.0
    given: list[LogLine] = []
    while not given and now < 10:
        given = assembler.feed([made(" more", at=now)], now)
        now += QUIET_SECONDS / 2
    assert given
    assert now <= LONGEST_SECONDS + QUIET_SECONDS


def test_a_record_is_bounded_in_lines_and_bytes() -> None:
    found = records(many(["head", *[" x"] * (3 * MOST_LINES)]))
    assert max(text.count("\n") for text in found) <= MOST_LINES
    assert "".join(found).count("x") == 3 * MOST_LINES
    long = records(many(["head", *[" " + "y" * 10_000] * 100]))
    assert max(map(len, long)) <= MOST_BYTES + 20_002


def test_a_line_that_was_cut_is_the_last_of_its_record() -> None:
    assembler = Assembler()
    cut = made(b" " + b"x" * (KEPT_BYTES - 1), more=500)
    (first,) = assembler.feed([made("head"), cut, made(" next")], 0.0)
    (second,) = assembler.end()
    assert first.raw == b"head\n" + cut.raw
    assert first.more == 500
    assert (second.raw, second.more) == (b" next", 0)


def test_nothing_goes_on_over_a_marker() -> None:
    restart = marker(Marker.STARTED, SERVER, CONTAINERS[SERVER], START_NS, Safe("restarted"))
    assembler = Assembler()
    given = assembler.feed([made("Letta.a - ERROR - x"), restart, made("  indented")], 0.0)
    assert [each.raw for each in given] == [b"Letta.a - ERROR - x", restart.raw]
    assert [each.raw for each in assembler.end()] == [b"  indented"]


def test_the_first_line_gives_the_record_its_time_and_place() -> None:
    lines = many(CHAINED)
    assembler = Assembler()
    assembler.feed(lines, 0.0)
    (record,) = assembler.end()
    assert (record.service, record.container, record.stream) == (SERVER, CONTAINERS[SERVER], STDOUT)
    assert record.timestamp_ns == lines[0].timestamp_ns


@given(
    st.lists(
        st.lists(st.one_of(LINES, st.sampled_from(many([*CHAINED, *POSTGRES]))), max_size=8), max_size=8
    ),
    st.floats(0, 0.3),
)
def test_no_line_is_lost_or_changed_whatever_comes(batches: list[list[LogLine]], pause: float) -> None:
    assembler = Assembler()
    given: list[LogLine] = []
    for number, batch in enumerate(batches):
        given += assembler.feed(batch, number * pause)
    given += assembler.end()
    assert assembler.waiting == 0
    for key in {(line.container, line.stream) for batch in batches for line in batch}:
        fed = [line.raw for batch in batches for line in batch if (line.container, line.stream) == key]
        made_of = [each.raw for each in given if (each.container, each.stream) == key]
        assert b"\n".join(made_of) == b"\n".join(fed)
    assert sum(line.more for batch in batches for line in batch) == sum(each.more for each in given)
