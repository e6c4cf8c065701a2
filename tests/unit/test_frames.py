"""Frames and lines: any split of the bytes gives the same result, and garbage is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.errors import ProtocolError, Unreachable
from lettaops.model.frames import (
    KEPT_BYTES,
    MAX_FRAME_BYTES,
    STDERR,
    STDOUT,
    Frame,
    FrameDecoder,
    LineAssembler,
    LogDecoder,
    LogLine,
)

FRAMES = st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), st.binary(max_size=40)), max_size=12)
TEXTS = st.lists(
    st.tuples(st.sampled_from([STDOUT, STDERR]), st.text(alphabet="ab\n\r", min_size=1, max_size=30)),
    max_size=12,
)


def framed(frames: Sequence[Frame]) -> bytes:
    return b"".join(bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data for stream, data in frames)


@st.composite
def pieces(draw: st.DrawFn, data: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=10)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@given(st.data(), FRAMES)
def test_any_split_gives_the_same_frames(draw: st.DataObject, frames: list[Frame]) -> None:
    decoder = FrameDecoder()
    found = [frame for piece in draw.draw(pieces(framed(frames))) for frame in decoder.feed(piece)]
    decoder.end()
    assert found == [frame for frame in frames if frame[1]]


@given(st.data(), FRAMES, st.binary(min_size=8, max_size=30))
def test_garbage_is_found_after_the_frames_before_it(
    draw: st.DataObject, frames: list[Frame], garbage: bytes
) -> None:
    garbage = b"\x07" + garbage
    decoder = FrameDecoder()
    found: list[Frame] = []
    cut = draw.draw(pieces(framed(frames) + garbage))
    with pytest.raises(ProtocolError) as raised:  # noqa: PT012 -- which call raises depends on the cuts
        for piece in cut:
            found += decoder.feed(piece)
        decoder.end()
    assert found == [frame for frame in frames if frame[1]]
    assert garbage[:8].hex(" ") in raised.value.what


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_end_in_frames_or_in_an_error_of_ours(data: bytes) -> None:
    decoder = FrameDecoder()
    try:
        decoder.feed(data)
        decoder.end()
    except (ProtocolError, Unreachable) as error:
        assert error.next_step  # noqa: PT017 -- both outcomes are right


def test_a_cut_inside_a_frame_is_not_a_normal_end() -> None:
    decoder = FrameDecoder()
    assert decoder.feed(framed([(STDOUT, b"whole"), (STDOUT, b"cut")])[:-1]) == [(STDOUT, b"whole")]
    with pytest.raises(Unreachable, match="cut inside a frame"):
        decoder.end()


def test_a_length_that_no_engine_sends_is_refused_before_it_is_buffered() -> None:
    header = bytes([STDOUT, 0, 0, 0]) + (MAX_FRAME_BYTES + 1).to_bytes(4, "big")
    with pytest.raises(ProtocolError):
        FrameDecoder().feed(header)


def test_what_the_engine_itself_says_is_kept_apart() -> None:
    decoder = FrameDecoder()
    said = bytes([3, 0, 0, 0, 0, 0, 0, 5]) + b"oh no"
    assert decoder.feed(framed([(STDOUT, b"a")]) + said[:9]) == [(STDOUT, b"a")]
    assert decoder.feed(said[9:]) == []
    assert decoder.engine_error == b"oh no"


def test_a_terminals_stream_has_no_frames() -> None:
    decoder = FrameDecoder(framed=False)
    assert decoder.feed(b"\x01\0\0\0plain") == [(STDOUT, b"\x01\0\0\0plain")]
    assert decoder.feed(b"") == []
    decoder.end()


def expected_lines(frames: list[tuple[int, bytes]], limit: int) -> list[LogLine]:
    """The slow and obvious way, a byte at a time."""
    open_lines: dict[int, bytes] = {}
    lines = []
    for stream, payload in frames:
        for byte in payload:
            if byte == 0x0A:
                line = open_lines.pop(stream, b"")
                lines.append(LogLine(stream, line[:limit], max(0, len(line) - limit)))
            else:
                open_lines[stream] = open_lines.get(stream, b"") + bytes([byte])
    for stream in sorted(open_lines):
        line = open_lines[stream]
        lines.append(LogLine(stream, line[:limit], max(0, len(line) - limit)))
    return lines


@given(TEXTS, st.integers(1, 12))
def test_lines_are_those_of_a_slow_assembler(texts: list[tuple[int, str]], limit: int) -> None:
    frames = [(stream, text.encode()) for stream, text in texts]
    assembler = LineAssembler(limit=limit)
    found = [line for frame in frames for line in assembler.feed([frame])] + assembler.flush()
    assert found == expected_lines(frames, limit)
    in_one = LineAssembler(limit=limit)
    assert in_one.feed(frames) + in_one.flush() == found


def test_ten_megabytes_without_a_line_feed_stay_small() -> None:
    assembler = LineAssembler()
    piece = b"z" * 16_384
    for _ in range(610):
        assert assembler.feed([(STDOUT, piece)]) == []
    (line,) = assembler.feed([(STDOUT, b"end\nnext")])
    assert (len(line.data), line.dropped) == (KEPT_BYTES, 609 * 16_384 + 3)
    assert assembler.flush() == [LogLine(STDOUT, b"next")]


def test_the_timestamps_of_a_long_lines_pieces_are_taken_out() -> None:
    stamp = b"2026-11-22T04:02:24.232303726Z "
    pieces_of_one = [(STDOUT, stamp + b"aaa"), (STDERR, stamp + b"other\n"), (STDOUT, stamp + b"bbb\n")]
    assert LineAssembler(timestamps=True).feed(pieces_of_one) == [
        LogLine(STDERR, stamp + b"other"),
        LogLine(STDOUT, stamp + b"aaabbb"),
    ]
    without = LineAssembler().feed(pieces_of_one)
    assert without[1].data == stamp + b"aaa" + stamp + b"bbb"


def test_a_piece_that_only_looks_like_text_keeps_its_first_word() -> None:
    assembler = LineAssembler(timestamps=True)
    assert assembler.feed([(STDOUT, b"2026-11-22T04:02:24Z a "), (STDOUT, b"b c\n")]) == [
        LogLine(STDOUT, b"2026-11-22T04:02:24Z a b c")
    ]


def test_a_terminals_lines_lose_their_carriage_return_and_no_other() -> None:
    assembler = LineAssembler(terminal=True)
    assert assembler.feed([(STDOUT, b"a\rb\r\n"), (STDOUT, b"c\r"), (STDOUT, b"\nd\n")]) == [
        LogLine(STDOUT, b"a\rb"),
        LogLine(STDOUT, b"c"),
        LogLine(STDOUT, b"d"),
    ]
    assert LineAssembler().feed([(STDOUT, b"a\r\n")]) == [LogLine(STDOUT, b"a\r")]


LOG_PAYLOADS = st.one_of(
    st.binary(max_size=20).map(lambda line: line.replace(b"\n", b"") + b"\n"),
    st.sampled_from(
        [b"nine more\n", b"half", b"\n", b"\n\n", b"a\nb\n", b"x" * 1020 + b"\n", b"y" * 1030 + b"\n"]
    ),
    st.binary(max_size=40),
)


@given(
    st.data(),
    st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), LOG_PAYLOADS), max_size=30),
    st.booleans(),
    st.sampled_from([b"", b"\x01\0\0", b"\x01\0\0\0\0\0\0\x05abc", b"\x09garbage, and a line\n"]),
)
def test_the_fast_way_gives_the_same_lines(
    draw: st.DataObject, frames: list[Frame], timestamps: bool, end: bytes
) -> None:
    data = framed(frames) + end

    def read(feed: Callable[[bytes], list[LogLine]], finish: Callable[[], None]) -> tuple[list[LogLine], str]:
        lines: list[LogLine] = []
        try:
            for piece in draw.draw(pieces(data)):
                lines += feed(piece)
            finish()
        except (ProtocolError, Unreachable) as error:
            return lines, error.what
        return lines, ""

    slow_frames, slow_lines = FrameDecoder(), LineAssembler(timestamps=timestamps, limit=1025)
    fast = LogDecoder(terminal=False, timestamps=timestamps, limit=1025)
    expected = read(lambda piece: slow_lines.feed(slow_frames.feed(piece)), slow_frames.end)
    # An error may come a read later, so what was left to give is part of neither.
    found, why = read(fast.feed, fast.end)
    assert (found, why == "") == (expected[0], expected[1] == "")
    assert fast.flush() == slow_lines.flush()
