"""What leaves the log view for a file: clean, masked and complete, or byte for byte where asked for."""

import json

from lettaops.model.logs.export import export_json, export_raw, export_text
from lettaops.model.logs.line import NO_TIME, LogLine, Marker, marker
from lettaops.model.text import Safe
from tests.unit.torture import CONTAINERS, DATABASE, PROXY, SERVER, START_NS, made

TIME = "2026-11-22T04:02:24.232000000Z"
ERROR = made(
    'Letta.letta.app - ERROR - Unhandled error\nTraceback (most recent call last):\n  File "x"\n\nKeyError: 1'
)


def test_text_has_time_and_service_before_each_line() -> None:
    assert list(export_text([ERROR, made("\x1b[31mpassword: hunter2\x1b[0m", PROXY)])) == [
        f"{TIME} letta_server Letta.letta.app - ERROR - Unhandled error",
        f"{TIME} letta_server Traceback (most recent call last):",
        f'{TIME} letta_server   File "x"',
        f"{TIME} letta_server",
        f"{TIME} letta_server KeyError: 1",
        f"{TIME} letta_nginx password: ****",
    ]


def test_json_is_one_object_for_each_record() -> None:
    (found,) = map(json.loads, export_json([ERROR]))
    assert found == {
        "time": TIME,
        "service": "letta_server",
        "container": CONTAINERS[SERVER],
        "level": "error",
        "message": "Unhandled error",
        "fields": {
            "exception": "KeyError: 1",
            "logger": "letta.app",
            "rest": 'Traceback (most recent call last):\n  File "x"\n\nKeyError: 1',
        },
    }


def test_what_json_does_not_know_is_null() -> None:
    (found,) = map(json.loads, export_json([LogLine(SERVER, Safe(""), 1, NO_TIME, b"plain")]))
    assert (found["time"], found["level"]) == (None, None)


def test_the_details_of_postgres_are_fields_and_not_said_twice() -> None:
    head = "2026-11-21 23:04:06.361 UTC [22] "
    (found,) = map(json.loads, export_json([made(f"{head}ERROR:  x\n{head}DETAIL:  y", DATABASE)]))
    assert found["fields"] == {"pid": 22, "detail": "y", "logged_at": "2026-11-21T23:04:06.361000000Z"}


def test_a_field_of_the_line_is_not_overwritten() -> None:
    (found,) = map(json.loads, export_json([made('{"message":"x","level":"INFO","logger":7,"rest":"own"}')]))
    assert found["fields"] == {"logger": 7, "rest": "own"}


def test_a_cut_is_told() -> None:
    (found,) = map(json.loads, export_json([made("x" * 100, more=5000)]))
    assert found["fields"]["cut_bytes"] == 5000
    assert "more" in next(iter(export_text([made("x" * 100, more=5000)])))


def test_markers_are_told_in_words_and_are_no_bytes_of_the_container() -> None:
    gap = marker(Marker.GAP, SERVER, CONTAINERS[SERVER], START_NS, Safe("the connection was lost"))
    assert list(export_text([gap])) == [f"{TIME} letta_server the connection was lost"]
    (found,) = map(json.loads, export_json([gap]))
    assert (found["level"], found["message"], found["fields"]) == (
        "warning",
        "the connection was lost",
        {"marker": "gap"},
    )
    assert list(export_raw([gap])) == []


def test_raw_is_byte_for_byte() -> None:
    raw = b"\x1b[31mpassword: hunter2\x00\xff\r\n second"
    assert list(export_raw([made(raw)])) == [raw + b"\n"]
