"""Lines with the engine's timestamps, straight from the stream: as the slow way gives them."""

from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.frames import LogDecoder
from lettaops.model.logs.decode import TimedDecoder
from lettaops.model.logs.line import LogLine, split_timestamp
from lettaops.model.text import Safe
from tests.fakes.engine import framed

SERVICE, CONTAINER = Safe("letta_server"), Safe("0123456789ab")
STAMPS = (
    b"2026-11-22T04:02:24.232000000Z ",
    b"2026-11-22T04:02:24.000000001Z ",
    b"2026-11-22T04:02:25.999999999Z ",
    b"1969-12-31T23:59:59.000000000Z ",
    b"2026-11-22T04:02:24.1234+01:00 ",
    b"2026-11-22T04:02:24.5Z ",
    b"2026-13-22T04:02:24.232000000Z ",
    b"2026-11-22T04:02:24.23200000xZ ",
    b"",
)
FRAMES = st.lists(
    st.tuples(
        st.sampled_from((1, 2)),
        st.sampled_from(STAMPS),
        st.sampled_from((b"", b"text", b"2026-11-22T04:02:24.232000000Z ", b"\x01\0\0\0", b"y" * 1100))
        | st.binary(max_size=40),
        st.sampled_from((b"\n", b"\n", b"\n", b"")),
    ),
    max_size=12,
)


@given(FRAMES, st.integers(1, 64), st.booleans())
def test_times_and_bytes_as_by_the_slow_way(
    frames: list[tuple[int, bytes, bytes, bytes]], step: int, terminal: bool
) -> None:
    data = b"".join(
        stamp + text + end if terminal else framed(stream, stamp + text + end)
        for stream, stamp, text, end in frames
    )
    quick = TimedDecoder(SERVICE, CONTAINER, terminal=terminal)
    slow = LogDecoder(terminal=terminal, timestamps=True)
    found: list[LogLine] = []
    expected: list[LogLine] = []
    for at in range(0, len(data), step):
        found += quick.feed(data[at : at + step])
        for line in slow.feed(data[at : at + step]):
            time_ns, raw = split_timestamp(line.data)
            expected.append(LogLine(SERVICE, CONTAINER, line.stream, time_ns, raw, line.dropped))
    for line in slow.flush():
        time_ns, raw = split_timestamp(line.data)
        expected.append(LogLine(SERVICE, CONTAINER, line.stream, time_ns, raw, line.dropped))
    assert found + quick.flush() == expected
