"""Whatever a container prints, what is shown, searched and exported commands no terminal."""

from contextlib import nullcontext

import msgspec
import pyte
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lettaops.model.cells import width
from lettaops.model.logs.assemble import Assembler
from lettaops.model.logs.buffer import LogBuffer
from lettaops.model.logs.display import lines_of, shown, styled_lines_of
from lettaops.model.logs.export import export_json, export_raw, export_text
from lettaops.model.logs.line import KEPT_BYTES, LogLine
from lettaops.model.logs.pattern import Match
from lettaops.model.logs.query import Evaluator, Include, Query
from lettaops.model.logs.record import record_lines, record_parsed
from lettaops.model.logs.sgr import Style, readable
from lettaops.model.secrets import Secret
from lettaops.model.text import clean
from tests.unit.build import is_clean
from tests.unit.torture import CORPUS, FLAGS, LINES, RAW, made, many

SLOW = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)


@SLOW
@given(RAW)
def test_what_is_shown_is_clean_and_stays_so(raw: bytes) -> None:
    for line in lines_of(raw):
        assert is_clean(line)
        assert clean(line) == line
        assert shown(line) == line


@SLOW
@given(RAW)
@pytest.mark.parametrize("more", [0, 5000])
def test_the_coloured_line_is_the_plain_one_and_its_pieces_stand_in_it_in_order(
    more: int, raw: bytes
) -> None:
    for line, text in zip(styled_lines_of(raw, more), lines_of(raw, more), strict=True):
        assert line.text == text
        end = 0
        for span in line.spans:
            assert end <= span.start < span.end <= len(text)
            assert readable(span.style) == span.style != Style()
            end = span.end


@SLOW
@given(
    st.lists(
        st.sampled_from(
            ("\r", "\x08", "\t", "\x1b[K", "\x1b[1K", "\x1b[2K", "\x1b[31m", "\x1b[m", "ab", "c", "defg", " ")
        ),
        max_size=12,
    )
)
def test_what_was_written_over_is_left_out_as_on_a_terminal(pieces: list[str]) -> None:
    text = "x\r" + "".join(pieces)
    screen = pyte.Screen(200, 1)
    pyte.Stream(screen).feed(text)
    assert lines_of(text.encode())[0].rstrip() == screen.display[0].rstrip()


@pytest.mark.parametrize("raw", [raw for raw in CORPUS if raw != FLAGS])
def test_a_line_is_as_wide_on_a_terminal_as_it_is_said_to_be(raw: bytes) -> None:
    (line,) = lines_of(raw)
    screen = pyte.Screen(6000, 1)
    stream = pyte.Stream(screen)
    for char in line:  # one by one: behind a keycap's mark pyte drops what came with it
        stream.feed(char)
    assert screen.cursor.x == width(line)


@pytest.mark.parametrize("raw", CORPUS)
def test_each_hostile_line_is_shown_clean(raw: bytes) -> None:
    assert all(is_clean(line) for line in lines_of(raw))


@SLOW
@given(st.lists(LINES, min_size=1, max_size=40), st.integers(200, 3000))
def test_a_block_s_text_is_what_each_of_its_records_shows(lines: list[LogLine], limit: int) -> None:
    buffer = LogBuffer(limit * 100)
    assembler = Assembler()
    buffer.extend(assembler.feed(lines, 0.0))
    buffer.extend(assembler.end())
    for block in buffer.blocks(0, buffer.end):
        for place in (0, len(block) // 2):
            text = block.text(place)
            for at in text.places:
                found = text.text[text.start(at) : text.end(at)]
                assert found == "\n".join(record_lines(block.record(at)))
                assert text.place_of(text.start(at)) == at


@SLOW
@given(st.lists(LINES, max_size=20))
def test_levels_are_the_same_whether_counted_or_taken_apart(lines: list[LogLine]) -> None:
    buffer = LogBuffer()
    buffer.extend(lines)
    for seq in range(buffer.end):
        assert buffer.level(seq) == record_parsed(buffer.record(seq)).level


@SLOW
@given(st.lists(LINES, max_size=10))
def test_exports_hold_no_control_character_and_raw_every_byte(lines: list[LogLine]) -> None:
    assert all(is_clean(text) for text in export_text(lines))
    for found in export_json(lines):
        assert b"\n" not in found
        value = msgspec.json.decode(found)
        assert set(value) == {"time", "service", "container", "level", "message", "fields"}
        assert is_clean(value["message"])
    assert list(export_raw(lines)) == [line.raw + b"\n" for line in lines]


def test_a_line_of_ten_megabytes_costs_what_is_kept_of_it() -> None:
    line = made(b"x" * KEPT_BYTES, more=10 * 1024 * 1024)
    buffer = LogBuffer()
    buffer.extend([line])
    assert buffer.held_bytes < 2 * KEPT_BYTES
    assert lines_of(line.raw, line.more)[0].endswith("10.0 MiB more")


def test_a_cut_leaves_no_half_of_a_secret() -> None:
    secret = Secret("correct-horse-battery-staple")
    text = shown(f"{'word ' * 50}{secret.reveal()[:-3]}", more=100)
    assert "correct" not in text
    assert text.endswith("more")


@pytest.mark.parametrize(
    ("raw", "shows"),
    [
        ("10%\r20%\r100% done", "100% done"),
        ("Downloading 100%\rDone", "Doneloading 100%"),
        ("Downloading 100%\r\x1b[KDone", "Done"),
        ("a long line that is erased\x1b[2K\rshort", "short"),
        ("spin |\x08/\x08-\x08\\", "spin \\"),
        ("日本語\rx", "x 本語"),
        ("x日\x08y", "x y"),
        ("日本\x08\x08\x08語", " 語"),
        ("ends as on Windows\r", "ends as on Windows"),
        ("a\tb", "a       b"),
        ("1\t2\r\t3", "1       3"),
        ("\x1b[32m50%\x1b[0m\r\x1b[32m100%\x1b[0m", "100%"),
        ("\x1b[1;31m" * 300 + "x\ry", "y"),
    ],
)
def test_a_progress_line_shows_what_a_terminal_would_have_shown_in_the_end(raw: str, shows: str) -> None:
    assert lines_of(raw.encode()) == [shows]
    assert styled_lines_of(raw.encode())[0].text == shows


def test_colours_survive_where_a_line_was_written_over() -> None:
    (line,) = styled_lines_of(b"waiting\r\x1b[32mready\x1b[0m  ")
    assert line.text == "ready"
    assert [(span.start, span.end, span.style.foreground) for span in line.spans] == [(0, 5, 2)]


def test_of_all_hostile_lines_together_each_is_found_by_what_it_shows() -> None:
    buffer = LogBuffer()
    buffer.extend(many(CORPUS))
    for seq in range(buffer.end):
        (line,) = record_lines(buffer.record(seq))
        if line.strip():
            found = Evaluator(Query((Include(Match(line)),)), nullcontext).passing(buffer.block_of(seq))
            assert seq in found
