"""The place where reading stopped, found again in a log that was read from some line on."""

from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.logs.line import LogLine
from lettaops.model.text import Safe
from lettaops.monitor.logs.anchor import CONTEXT_LINES, Anchor, Search, Since


def line(time_ns: int, text: str, stream: int = 1) -> LogLine:
    return LogLine(Safe("s"), Safe("c"), stream, time_ns, text.encode())


def in_pieces(lines: list[LogLine], step: int) -> list[list[LogLine]]:
    return [lines[at : at + step] for at in range(0, len(lines), step)]


def anchored(lines: list[LogLine], step: int = 7) -> Anchor:
    anchor = Anchor()
    for piece in in_pieces(lines, step):
        anchor.add(piece)
    return anchor


def rest_after(
    anchor: Anchor, view: list[LogLine], step: int = 5, *, whole: bool = False
) -> list[LogLine] | None:
    """What is new in a view of the log; None when the anchor isn't found."""
    search = Search(anchor, whole=whole)
    new = [each for piece in in_pieces(view, step) for each in search.feed(piece)]
    return new if search.found else None


# Few texts, and times that often stand still: engines may stamp many lines alike.
LOGS = st.lists(
    st.tuples(st.sampled_from((0, 0, 0, 1, 1000)), st.sampled_from("ab")), min_size=1, max_size=120
)


@given(LOGS, st.data())
def test_whatever_is_found_is_the_right_place(steps: list[tuple[int, str]], data: st.DataObject) -> None:
    now, log = 1, []
    for step, text in steps:
        now += step
        log.append(line(now, text))
    read = data.draw(st.integers(1, len(log)))
    start = data.draw(st.integers(0, len(log) - 1))
    anchor = anchored(log[:read], data.draw(st.integers(1, 50)))
    rest = rest_after(anchor, log[start:], data.draw(st.integers(1, 50)))
    assert rest is None or rest == log[read:]
    assert rest_after(anchor, log, whole=True) == log[read:]


def test_the_anchor_lies_before_the_view() -> None:
    log = [line(number, "x") for number in range(1, 300)]
    anchor = anchored(log[:100])
    search = Search(anchor)
    assert search.feed(log[150:]) == []
    assert search.unreached
    assert search.first == log[150]


def test_stdout_and_stderr_may_be_stamped_out_of_order() -> None:
    log = [line(10, "a"), line(12, "b"), line(11, "c", 2), line(13, "d"), line(12, "e", 2), line(14, "f")]
    for read in range(1, len(log)):
        assert rest_after(anchored(log[:read]), log, whole=True) == log[read:]


def test_a_clock_that_was_set_back() -> None:
    log = [line(1000 + number, "x") for number in range(50)] + [line(number, "y") for number in range(1, 50)]
    for read in (30, 50, 51, 80):
        assert rest_after(anchored(log[:read]), log, whole=True) == log[read:]


def test_a_run_of_equal_lines_that_is_longer_than_what_is_remembered() -> None:
    log = [line(1, "first")] + [line(2, "same")] * 500 + [line(3, "last")]
    for read in (2, CONTEXT_LINES, CONTEXT_LINES + 1, 400, 501):
        anchor = anchored(log[:read])
        assert len(anchor.lines) <= CONTEXT_LINES
        assert rest_after(anchor, log) == log[read:]
        assert rest_after(anchor, log[5:]) is None, "how many were cut off can't be known"


def test_a_line_that_went_on_after_the_end() -> None:
    anchor = Anchor()
    anchor.add([line(1, "a"), line(2, "fatal: no")], unfinished=True)
    search = Search(anchor)
    assert search.feed([line(1, "a"), line(2, "fatal: nohello"), line(3, "next")]) == [line(3, "next")]
    assert search.grown == (line(2, "fatal: nohello"), line(2, "hello"))


def test_other_content_at_the_same_time_is_no_match() -> None:
    anchor = anchored([line(1, "a"), line(2, "b")])
    assert rest_after(anchor, [line(1, "a"), line(2, "other"), line(3, "c")]) is None


def test_lines_before_a_moment() -> None:
    log = [line(number, "x") for number in range(1, 10)]
    reached, beyond = Since(5), Since(1)
    assert reached.feed(log) == log
    assert beyond.feed(log) == []
    assert beyond.unreached
