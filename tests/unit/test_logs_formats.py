"""Each format in the logs of Letta's stack is told by the line itself, and taken apart."""

import json

import pytest

from lettaops.model.logs.display import lines_of
from lettaops.model.logs.formats import level_at, parse
from lettaops.model.logs.level import Level, level_named
from lettaops.model.logs.line import NO_TIME, Marker, marker
from lettaops.model.logs.parsed import Kind, Parsed
from lettaops.model.logs.record import record_parsed
from lettaops.model.text import Safe
from tests.unit.torture import made

ACCESS = '172.20.0.1 - - [21/Nov/2026:22:48:09 +0000] "GET /v1/health/ HTTP/1.1" 404 153 "-" "curl/7.88.1"'
NGINX_ERROR = (
    "2026/11/21 22:48:09 [error] 29#29: *1 connect() failed (111: Connection refused) while connecting to "
    'upstream, client: 172.20.0.1, server: , request: "GET /v1/health/ HTTP/1.1", '
    'upstream: "http://172.20.0.3:8283/v1/health/", host: "localhost"'
)
POSTGRES = (
    "2026-11-21 23:04:06.361 UTC [22] LOG:  "
    "database system was not properly shut down; automatic recovery in progress"
)


def parsed(text: str) -> Parsed:
    """What a record of these lines says."""
    return parse(lines_of(text.encode()))


@pytest.mark.parametrize(
    ("line", "kind", "level", "message"),
    [
        ("Starting OpenTelemetry Collector with file export only...", Kind.PLAIN, Level.UNKNOWN, None),
        ("[[ Letta server // v0.16.8 ]]", Kind.PLAIN, Level.UNKNOWN, None),
        ("▶ Server running at: http://0.0.0.0:8283", Kind.PLAIN, Level.UNKNOWN, None),
        ("", Kind.PLAIN, Level.UNKNOWN, None),
        (
            "INFO  [alembic.runtime.migration] Running upgrade  -> 9a505cc7eca9, Create a baseline",
            Kind.ALEMBIC,
            Level.INFO,
            "Running upgrade  -> 9a505cc7eca9, Create a baseline",
        ),
        ("WARNI [alembic.x] cut at five characters", Kind.ALEMBIC, Level.WARNING, "cut at five characters"),
        ("INFO:     Started server process [1]", Kind.UVICORN, Level.INFO, "Started server process [1]"),
        (
            "ERROR:    Application startup failed. Exiting.",
            Kind.UVICORN,
            Level.ERROR,
            "Application startup failed. Exiting.",
        ),
        (
            "Letta.letta.server.rest_api.app - WARNING - [Worker 1] PostgreSQL statement_timeout: 0",
            Kind.LETTA,
            Level.WARNING,
            "[Worker 1] PostgreSQL statement_timeout: 0",
        ),
        ("2026-11-21 22:48:09,123 - Letta.app - INFO - in the file", Kind.LETTA, Level.INFO, "in the file"),
        (
            "/app/letta/x.py:12: DeprecationWarning: invalid escape sequence",
            Kind.PYTHON_WARNING,
            Level.WARNING,
            "DeprecationWarning: invalid escape sequence",
        ),
        (
            "ValueError: Argument order does not match type typing.Optional[str]",
            Kind.TRACEBACK,
            Level.ERROR,
            "ValueError: Argument order does not match type typing.Optional[str]",
        ),
        ("socket.gaierror: [Errno -2] Name or service not known", Kind.TRACEBACK, Level.ERROR, None),
        ("[nltk_data] Error loading punkt_tab: <urlopen error", Kind.PLAIN, Level.ERROR, None),
        (ACCESS, Kind.NGINX_ACCESS, Level.WARNING, "GET /v1/health/ HTTP/1.1 404"),
        (ACCESS.replace(" 404 ", " 502 "), Kind.NGINX_ACCESS, Level.ERROR, "GET /v1/health/ HTTP/1.1 502"),
        (ACCESS.replace(" 404 ", " 200 "), Kind.NGINX_ACCESS, Level.INFO, "GET /v1/health/ HTTP/1.1 200"),
        ("fe80::1" + ACCESS[10:], Kind.NGINX_ACCESS, Level.WARNING, "GET /v1/health/ HTTP/1.1 404"),
        (
            NGINX_ERROR,
            Kind.NGINX_ERROR,
            Level.ERROR,
            "connect() failed (111: Connection refused) while connecting to upstream",
        ),
        (
            'nginx: [emerg] host not found in upstream "letta-server" in /etc/nginx/nginx.conf:12',
            Kind.NGINX_ERROR,
            Level.CRITICAL,
            'host not found in upstream "letta-server" in /etc/nginx/nginx.conf:12',
        ),
        (
            POSTGRES,
            Kind.POSTGRES,
            Level.INFO,
            "database system was not properly shut down; automatic recovery in progress",
        ),
        (
            "2026-11-21 23:04:06.361 CET [9] letta@letta FATAL:  sorry, too many clients already",
            Kind.POSTGRES,
            Level.CRITICAL,
            "sorry, too many clients already",
        ),
        (
            "1:M 21 Nov 2026 23:04:06.361 * Ready to accept connections tcp",
            Kind.REDIS,
            Level.NOTICE,
            "Ready to accept connections tcp",
        ),
        (
            "1:M 21 Nov 2026 23:04:06.361 # Warning: no config",
            Kind.REDIS,
            Level.WARNING,
            "Warning: no config",
        ),
        (
            'time="2026-11-21T22:48:09Z" level=error msg="failed \\"x\\""',
            Kind.LOGFMT,
            Level.ERROR,
            'failed "x"',
        ),
        ("[2026-11-21 22:48:09 +0000] [7] [INFO] Booting worker", Kind.PLAIN, Level.INFO, None),
        ("2026-11-21T22:48:09.123Z\tinfo\tservice/telemetry.go:55\tSetting up", Kind.PLAIN, Level.INFO, None),
        ("something went wrong: ERROR in step 3", Kind.PLAIN, Level.ERROR, None),
        ("pg_dump: error: connection failed", Kind.PLAIN, Level.ERROR, None),
        ("0 errors, no warning in sight", Kind.PLAIN, Level.UNKNOWN, None),
        ("GET /errors?level=high", Kind.PLAIN, Level.UNKNOWN, None),
        ("\x1b[31mERROR\x1b[0m:    coloured", Kind.UVICORN, Level.ERROR, "coloured"),
        ('{"not": "a log"', Kind.PLAIN, Level.UNKNOWN, None),
        ('{"a": ' * 3000, Kind.PLAIN, Level.UNKNOWN, None),
    ],
)
def test_a_line_is_known_by_its_shape(line: str, kind: Kind, level: Level, message: str | None) -> None:
    found = parsed(line)
    assert (found.kind, found.level) == (kind, level)
    assert message is None or found.message == message
    (text,) = lines_of(line.encode())
    assert level_at(f"before\n{text}\nERROR: after", 7, 7 + len(text)) == level


def test_a_line_without_a_format_is_all_message() -> None:
    assert parsed("something went wrong: ERROR in step 3").message == "something went wrong: ERROR in step 3"


def test_the_logger_is_named_without_letta_s_root() -> None:
    assert parsed("Letta.letta.orm.sqlalchemy_base - ERROR - x").logger == "letta.orm.sqlalchemy_base"
    assert parsed("httpx - INFO - HTTP Request").logger == "httpx"


def test_a_refused_websocket_has_its_address_and_status() -> None:
    assert parsed("INFO:     ('172.20.0.1', 57994) - \"WebSocket /v1/agents/\" 403").fields == {
        "client": "172.20.0.1",
        "method": "WebSocket",
        "path": "/v1/agents/",
        "status": 403,
    }


def test_an_access_line_has_the_request_s_parts_and_its_moment() -> None:
    found = parsed(ACCESS)
    assert found.time_ns == 1_795_301_289 * 10**9
    assert found.fields == {
        "client": "172.20.0.1",
        "method": "GET",
        "path": "/v1/health/",
        "protocol": "HTTP/1.1",
        "status": 404,
        "bytes": 153,
        "agent": "curl/7.88.1",
    }


def test_an_access_line_with_an_offset_names_the_same_moment() -> None:
    assert parsed(ACCESS.replace("22:48:09 +0000", "23:48:09 +0100")).time_ns == parsed(ACCESS).time_ns


def test_a_request_that_is_no_http_is_kept_as_it_is() -> None:
    found = parsed(ACCESS.replace("GET /v1/health/ HTTP/1.1", "\\x16\\x03\\x01"))
    assert found.fields[Safe("method")] == "\\x16\\x03\\x01"
    assert found.message == "\\x16\\x03\\x01 404"


def test_an_nginx_error_has_its_context_by_name() -> None:
    assert parsed(NGINX_ERROR).fields == {
        "pid": "29",
        "connection": "1",
        "client": "172.20.0.1",
        "server": "",
        "request": "GET /v1/health/ HTTP/1.1",
        "upstream": "http://172.20.0.3:8283/v1/health/",
        "host": "localhost",
    }


def test_a_postgres_message_has_its_details_by_name() -> None:
    found = parsed(
        '2026-11-21 23:04:06.361 UTC [22] ERROR:  duplicate key value violates unique constraint "x"\n'
        "2026-11-21 23:04:06.361 UTC [22] DETAIL:  Key (id)=(1) already exists.\n"
        "2026-11-21 23:04:06.361 UTC [22] STATEMENT:  INSERT INTO x\n"
        "\tVALUES (1)"
    )
    assert found.message == 'duplicate key value violates unique constraint "x"'
    assert found.time_ns == 1_795_302_246_361_000_000
    assert found.fields == {
        "pid": 22,
        "detail": "Key (id)=(1) already exists.",
        "statement": "INSERT INTO x VALUES (1)",
    }


def test_a_postgres_time_of_an_ambiguous_zone_is_not_guessed() -> None:
    assert parsed(POSTGRES.replace("UTC", "CST")).time_ns == NO_TIME


def test_a_record_with_a_traceback_has_its_last_exception() -> None:
    found = parsed(
        "Letta.app - ERROR - Unhandled error\n"
        "Traceback (most recent call last):\n"
        '  File "/app/letta/utils.py", line 582, in wrapper\n'
        "    raise KeyError(name)\n"
        "KeyError: 'name'\n"
        "\n"
        "During handling of the above exception, another exception occurred:\n"
        "\n"
        "Traceback (most recent call last):\n"
        '  File "/app/letta/app.py", line 5, in run\n'
        "ValueError: Argument order does not match\n"
    )
    assert found.message == "Unhandled error"
    assert found.fields[Safe("exception")] == "ValueError: Argument order does not match"


def test_a_line_that_is_followed_by_a_traceback_is_an_error() -> None:
    text = "it broke\nTraceback (most recent call last):\n  File x\nKeyError: 1"
    assert parsed(text).level is Level.ERROR
    assert level_at(text, 0, len(text)) is Level.ERROR


def test_a_bare_traceback_is_named_by_its_exception() -> None:
    found = parsed('Traceback (most recent call last):\n  File "x", line 1\nRuntimeError: no loop')
    assert (found.kind, found.level, found.message) == (Kind.TRACEBACK, Level.ERROR, "RuntimeError: no loop")


def test_letta_s_json_is_taken_apart_with_its_context() -> None:
    found = parsed(
        json.dumps(
            {
                "timestamp": "2026-11-21T22:48:09.123456+00:00",
                "level": "ERROR",
                "logger": "Letta.letta.app",
                "message": "Unhandled error",
                "line": 582,
                "agent_id": "agent-1",
                "exception": {"type": "ValueError", "message": "x", "stacktrace": "a\n  b"},
                "nothing": None,
                "list": [1, "two"],
            }
        )
    )
    assert (found.kind, found.level, found.message) == (Kind.JSON, Level.ERROR, "Unhandled error")
    assert found.logger == "Letta.letta.app"
    assert found.time_ns == 1_795_301_289_123_456_000
    assert found.fields == {
        "line": 582,
        "agent_id": "agent-1",
        "exception.type": "ValueError",
        "exception.message": "x",
        "exception.stacktrace": "a␊  b",
        "nothing": None,
        "list": '[1,"two"]',
    }


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ('{"severity":"WARNING","message":"x"}', Level.WARNING),
        ('{"level":50,"msg":"pino"}', Level.ERROR),
        ('{"level":true,"msg":"x"}', Level.UNKNOWN),
        ('{"level":"odd","lvl":"debug"}', Level.DEBUG),
        ('{"level":{"name":"error"}}', Level.UNKNOWN),
        ('{"log.level":"info","ecs":1}', Level.INFO),
    ],
)
def test_the_level_of_a_json_line_has_several_names(text: str, level: Level) -> None:
    assert parsed(text).level is level
    assert level_at(text, 0, len(text)) is level


@pytest.mark.parametrize(
    ("stamp", "time_ns"),
    [
        ('"2026-11-21T22:48:09Z"', 1_795_301_289_000_000_000),
        ("1795301289.5", 1_795_301_289_500_000_000),
        ("1795301289500", 1_795_301_289_500_000_000),
        ('"2026-11-21T22:48:09"', NO_TIME),
        ('"yesterday"', NO_TIME),
        ("1e300", NO_TIME),
    ],
)
def test_the_time_of_a_json_line_is_taken_where_it_is_certain(stamp: str, time_ns: int) -> None:
    assert parsed(f'{{"message":"x","time":{stamp}}}').time_ns == time_ns


def test_secrets_in_json_are_masked_by_name_and_by_shape() -> None:
    found = parsed(
        '{"message":"token=abcdef1234","password":"two words","uri":"postgresql://u:pw@h/d","a":{"api_key":"k"}}'
    )
    assert found.message == "token=****"
    assert found.fields == {"password": "****", "uri": "postgresql://u:****@h/d", "a.api_key": "****"}


def test_a_json_object_of_many_fields_is_bounded() -> None:
    assert len(parsed(json.dumps({f"field{number}": number for number in range(300)})).fields) == 100


def test_missing_lines_are_a_warning_and_a_start_is_none() -> None:
    gap = marker(Marker.GAP, Safe("db"), Safe("x"), 0, Safe("the connection was lost"))
    started = marker(Marker.STARTED, Safe("db"), Safe("x"), 0, Safe("started"))
    assert (record_parsed(gap).kind, record_parsed(gap).level) == (Kind.MARKER, Level.WARNING)
    assert record_parsed(gap).message == "the connection was lost"
    assert record_parsed(started).level < Level.WARNING


def test_levels_are_known_by_their_words_in_any_case() -> None:
    assert level_named("Warn") is Level.WARNING
    assert level_named("loud") is None
    assert Level.DEBUG < Level.INFO < Level.UNKNOWN < Level.WARNING < Level.ERROR < Level.CRITICAL
    assert record_parsed(made("plain")).level.label == ""
