"""What is asked of the records: found as by looking at every line, in slices, and kept current."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lettaops.model.errors import UsageError
from lettaops.model.logs.buffer import BLOCK_RECORDS, LogBuffer
from lettaops.model.logs.level import Level
from lettaops.model.logs.line import LogLine, Marker, marker
from lettaops.model.logs.pattern import MOST_MARKS, Match, Searcher, TooSlow, parse_match
from lettaops.model.logs.query import (
    AtLeast,
    Evaluator,
    Exclude,
    Include,
    Part,
    Query,
    Services,
    Since,
    Until,
)
from lettaops.model.logs.record import record_lines, record_parsed
from lettaops.model.logs.select import Found, Selection, seek
from lettaops.model.text import Safe
from lettaops.monitor.logs.limit import search_limit
from tests.unit.torture import CONTAINERS, DATABASE, LINES, PROXY, SERVER, START_NS, made, many

SHORT = partial(search_limit, 0.05)
GAP = marker(Marker.GAP, SERVER, CONTAINERS[SERVER], START_NS, Safe("the connection was lost"))
STACK = [
    made("INFO:     Started server process [1]"),
    made("Letta.app - ERROR - Unhandled error: gaierror\nTraceback (most recent call last):\n  File x", at=1),
    made('172.20.0.1 - - [21/Nov/2026:22:48:09 +0000] "GET /v1/agents/ HTTP/1.1" 502 157', PROXY, at=2),
    made('172.20.0.1 - - [21/Nov/2026:22:48:10 +0000] "GET /v1/health/ HTTP/1.1" 200 15', PROXY, at=3),
    made("2026-11-21 23:04:06.361 UTC [22] LOG:  checkpoint starting: time", DATABASE, at=4),
    GAP,
    made("plain words", at=6),
    made("Using database:  postgresql://letta:sekrit@letta-db:5432/letta", at=7),
    made("\x1b[32mINFO\x1b[0m:     col\x1b[1moured", at=8),
    made("Größe der ANFRAGE: İstanbul", at=9),
]
PATTERNS = (
    "a", "^a", "a$", "a|b", "[^a]", "[^a]+b", r"\s", r"\S+ ", r"\D", r"\W\w", "a.b", "(ab)+",
    "(?:a|bc)d?", r"\bab\b", "a*", "", "x?", r"\Aa", r"b\Z", "[a-c]{2}", "a{2,}", "b{1,2}", "1,2", "ab?c",
    "A", "É", "é", r"[\s\d]", r"[^]a]", "[]a]", "a+b", "(?i)a", "(?s)a.b", "(?x) a b", r"\x61",
    r"[\x61-b]", "[:-_]", r"(?<=a)b", r"(?<!a)b", "a(?=b)", "a(?!b)", r"(a)\1", r"(?P<Name>a)(?P=Name)",
    "ab|cd", "ab|c", r"a\.b", r"a\|b", r"\n", r"b\x0aa", "ab{0}c", "a{x", "[^\\S]", r"[^\s]b", "(a(b|c))",
    "a++", "(?>a)", "(ab|cd)", "(?:ab|cd)?a", "(ab)*b", "(ab|c)b", "x(ab){0}", "(?!ab)b", "(?=ab)a",
    "ß", "ſ", "k", "\u212a", "İ", "i", "a\\", "[a", "(a", "*",
)  # fmt: skip
PIECES = (
    "a", "b", "c", " ", "A", "é", "ab", "cd", "bc d", "[^a]", "[ab]", "[a-c]", "[^a-c]", r"[^\d]",
    r"[\w ]", "[^b c]", r"\s", r"\S", r"\w", r"\W", r"\d", r"\D", ".", r"\.", "*", "+", "?", "*?", "{2}",
    "{1,2}", "|", "(", ")", "(?:", "(?=", "(?!", "(?<=a)", "(?<!b)", "^", "$", r"\b", r"\A", r"\Z", r"\1",
)  # fmt: skip
TEXTS = [
    "", "a", "b", "ab", "ba", "abab", "aab", "AB", "xab", "cab", "ac", "abc", "acb", "a b", "b a", " ", "  ",
    "cd", "a.b", "a|b", "a{x", "a{2,}", "1,2", "12", "_", ";", "k", "K", "Name", "aa", "abbc", "c\nab",
    "a\nb", "b\n\na", "[a]", "]", "\\", "é", "É", "ß", "ſ", "s", "\u212a", "İ", "i", "I", "é\na",
    "ab\ncd", "x\nab\ny",
]  # fmt: skip
ALPHABET = st.text(st.sampled_from("abcdABCéÉßſkK\u212aİi .|0_{}[]x"), max_size=12)


def filled(records: list[LogLine]) -> LogBuffer:
    """A buffer with these records."""
    buffer = LogBuffer()
    buffer.extend(records)
    return buffer


def asked(buffer: LogBuffer, *parts: Part, markers: bool = True) -> list[int]:
    """The records that pass, found in slices."""
    selection = Selection(buffer, Evaluator(Query(parts, markers), nullcontext))
    for _ in selection.run():
        pass
    assert selection.complete
    return [seq for place in range(len(selection)) if (seq := selection.at(place)) is not None]


def text(words: str) -> Match:
    """Plain words to look for."""
    return Match(Safe(words))


def regex(source: str) -> Match:
    """A regular expression to look for."""
    return Match(Safe(source), regex=True)


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ((), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ((Include(text("traceback")),), [1, 5]),
        ((Include(text("Traceback")),), [1, 5]),
        ((Include(text("TRACEBACK")),), [5]),
        ((Include(text("größe")),), [5, 9]),
        ((Include(text("anfrage")),), [5, 9]),
        ((Include(text("istanbul")),), [5, 9]),
        ((Include(text("coloured")),), [5, 8]),
        ((Include(text("[32m")),), [5]),
        ((Include(text(".")),), [1, 2, 3, 4, 5]),
        ((Include(regex("gaierror$")),), [1, 5]),
        ((Include(regex(r"^\s+File")),), [1, 5]),
        ((Include(regex("gaierror.Traceback")),), [5]),
        ((Include(regex(r'" 5\d\d ')),), [2, 5]),
        ((Include(text("get")), Include(text("health"))), [3, 5]),
        ((Include(text("get")), Exclude(text("health"))), [2, 5]),
        ((Exclude(regex("INFO|GET|LOG")),), [1, 5, 6, 7, 9]),
        ((AtLeast(Level.ERROR),), [1, 2, 5]),
        ((AtLeast(Level.INFO),), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ((AtLeast(Level.WARNING), Include(text("agents"))), [2, 5]),
        ((Services(frozenset({PROXY})),), [2, 3]),
        ((Services(frozenset({PROXY, SERVER})), Exclude(text("a"))), [5, 8]),
        ((Services(frozenset()),), []),
        ((Since(START_NS + 7 * 10**9),), [7, 8, 9]),
        ((Since(START_NS + 10**9), Until(START_NS + 3 * 10**9)), [1, 2]),
    ],
)
def test_records_pass_as_they_are_asked(parts: tuple[Part, ...], found: list[int]) -> None:
    assert asked(filled(STACK), *parts) == found


def test_without_markers_only_records_pass() -> None:
    assert asked(filled(STACK), Include(text("get")), markers=False) == [2, 3]
    assert asked(filled(STACK), Include(text("lost")), markers=False) == [5]


@pytest.mark.parametrize("wanted", ["sekrit", "letta:sekrit", "ekri"])
def test_a_masked_secret_is_not_found_nor_told_by_what_is_left_out(wanted: str) -> None:
    buffer = filled([STACK[7]])
    for match in (text(wanted), regex(wanted), regex(wanted.replace("k", "[k]"))):
        assert asked(buffer, Include(match)) == []
        assert asked(buffer, Exclude(match)) == [0]
    assert asked(buffer, Include(text("letta:****@"))) == [0]


def test_a_part_is_set_and_taken_away_again() -> None:
    first, second = Include(text("a")), Exclude(text("b"))
    query = Query().having(first).having(second).having(first)
    assert query.parts == (second, first)
    assert query.without(second).parts == (first,)
    assert query.without(Include(text("other"))) == query


def test_a_second_level_or_moment_takes_the_place_of_the_first() -> None:
    query = Query().having(AtLeast(Level.ERROR)).having(Since(1)).having(AtLeast(Level.INFO)).having(Until(2))
    assert query.parts == (Since(1), AtLeast(Level.INFO), Until(2))


@pytest.mark.parametrize(
    ("typed", "match"),
    [
        ("", None),
        ("/", None),
        ("//", None),
        ("words", Match(Safe("words"))),
        ("/re.x/", Match(Safe("re.x"), regex=True)),
        ("/re.x", Match(Safe("re.x"), regex=True)),
        ("/a/b/", Match(Safe("a/b"), regex=True)),
    ],
)
def test_a_stroke_makes_a_regular_expression_of_what_is_typed(typed: str, match: Match | None) -> None:
    assert parse_match(Safe(typed)) == match


@pytest.mark.parametrize("typed", ["/(a", "/[a", "/*/", "/a{99999999999}/", "/(?P<1>a)/", "/" + "(" * 500])
def test_what_is_no_regular_expression_says_why(typed: str) -> None:
    assert str(parse_match(Safe(typed))).startswith("not a regular expression")
    with pytest.raises(UsageError, match="not a regular expression"):
        Searcher(Match(Safe(typed.strip("/")), regex=True))


def looked_at_each(texts: list[str], source: str) -> list[int]:
    """The records in which a pattern finds something, one line after the other."""
    any_case = not any(map(str.isupper, re.sub(r"\\.|\(\?P[<=]\w*", "", source)))
    pattern = re.compile(source, re.MULTILINE | any_case * re.IGNORECASE)
    return [seq for seq, text in enumerate(texts) if any(map(pattern.search, text.split("\n")))]


@pytest.mark.parametrize("source", PATTERNS)
@pytest.mark.parametrize("texts", [TEXTS, [text for text in TEXTS if text.isascii()]], ids=["any", "ascii"])
def test_each_pattern_finds_the_same_in_all_lines_at_once(texts: list[str], source: str) -> None:
    try:
        searcher = Searcher(regex(source))
    except UsageError:
        with pytest.raises(re.error):
            re.compile(source)
        return
    block = filled(many(texts)).block_of(0)
    assert list(searcher.places(block.text())) == looked_at_each(texts, source)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.lists(ALPHABET, min_size=1, max_size=3).map("\n".join), min_size=1, max_size=8),
    st.lists(st.sampled_from(PIECES), max_size=6).map("".join),
)
def test_searching_all_lines_at_once_finds_what_looking_at_each_does(texts: list[str], source: str) -> None:
    try:
        searcher = Searcher(regex(source))
    except UsageError:
        return
    block = filled(many(texts)).block_of(0)
    expected = looked_at_each(texts, source)
    assert list(searcher.places(block.text())) == expected
    half = len(texts) // 2
    assert list(searcher.places(block.text(half))) == [seq for seq in expected if seq >= half]


@settings(deadline=None)
@given(st.lists(ALPHABET, min_size=1, max_size=8), ALPHABET)
def test_a_text_is_found_in_any_case_unless_it_has_an_upper_one(texts: list[str], wanted: str) -> None:
    found = list(Searcher(text(wanted)).places(filled(many(texts)).block_of(0).text()))
    if wanted != wanted.lower():
        assert found == [seq for seq, each in enumerate(texts) if wanted in each]
    else:
        assert set(found) >= {seq for seq, each in enumerate(texts) if wanted in each}
        assert set(found) <= {seq for seq, each in enumerate(texts) if wanted.casefold() in folded(each)}


def folded(line: str) -> str:
    """A line in which letters of both cases are equal, the dotted İ one letter."""
    return line.replace("İ", "i").casefold()


def test_an_expression_of_another_dialect_is_taken_without_a_warning() -> None:
    assert Searcher(regex("[[:lower:]]")).marks("e]") == [(0, 2)]


def test_hits_are_marked_where_they_stand() -> None:
    assert Searcher(text("ab")).marks("xabyAB") == [(1, 3), (4, 6)]
    assert Searcher(regex("a*")).marks("baab") == [(1, 3)]
    assert len(Searcher(text("a")).marks("a" * 5000)) == MOST_MARKS


@settings(deadline=None)
@given(
    st.lists(LINES, max_size=60),
    st.sampled_from((SERVER, PROXY, DATABASE)),
    st.sampled_from(Level),
    st.integers(0, 3600),
    st.sampled_from(("a", "m", "31", "password", "日")),
)
def test_parts_together_are_all_of_them(
    lines: list[LogLine], service: Safe, level: Level, second: int, words: str
) -> None:
    buffer = filled(lines)
    since = START_NS + second * 10**9
    expected = [
        seq
        for seq, line in enumerate(lines)
        if line.service == service
        and line.timestamp_ns >= since
        and record_parsed(line).level >= level
        and any(words in shown.lower() for shown in record_lines(line))
    ]
    found = asked(buffer, Include(text(words)), AtLeast(level), Services(frozenset({service})), Since(since))
    assert found == expected


def big(count: int = 5 * BLOCK_RECORDS) -> LogBuffer:
    """Records of several blocks; one in a hundred has `needle` in it."""
    return filled(many(f"{'needle' if not number % 100 else 'hay'} {number}" for number in range(count)))


def needles(buffer: LogBuffer) -> Selection:
    """The needles among them, nothing looked at yet."""
    return Selection(buffer, Evaluator(Query((Include(text("needle")),)), nullcontext))


def listed(selection: Selection) -> list[int]:
    """All that was found."""
    return [seq for place in range(len(selection)) if (seq := selection.at(place)) is not None]


def test_the_newest_are_found_first_and_each_step_looks_at_one_block() -> None:
    buffer = big()
    selection = needles(buffer)
    steps = selection.run()
    next(steps)
    assert not selection.complete
    assert selection.looked_at <= BLOCK_RECORDS
    assert listed(selection) == [
        seq for seq in range(buffer.end - selection.looked_at, buffer.end) if not seq % 100
    ]
    assert sum(1 for _ in steps) == 4
    assert listed(selection) == list(range(0, buffer.end, 100))


def test_a_search_can_begin_where_the_screen_is() -> None:
    buffer = big()
    selection = needles(buffer)
    steps = selection.run(around=2500)
    next(steps)
    assert 2500 in listed(selection)
    assert selection.looked_at <= BLOCK_RECORDS
    for _ in steps:
        assert listed(selection) == sorted(listed(selection))
    assert listed(selection) == list(range(0, buffer.end, 100))


def test_places_and_records_agree() -> None:
    selection = needles(big())
    for _ in selection.run(around=2500):
        pass
    for place, seq in enumerate(listed(selection)):
        assert selection.place(seq) == place
        assert selection.place(seq + 1) == place + 1
    assert selection.at(-1) is None
    assert selection.at(len(selection)) is None


def test_what_comes_later_is_looked_at_once_and_added() -> None:
    buffer = big(BLOCK_RECORDS + 10)
    selection = needles(buffer)
    for _ in selection.run():
        pass
    before = len(selection)
    buffer.extend(many(["hay", "a needle", "hay"]))
    assert selection.looked_at < len(buffer)
    assert selection.extend() == 1
    assert selection.extend() == 0
    assert selection.complete
    assert len(selection) == before + 1
    assert selection.at(before) == BLOCK_RECORDS + 11


def test_what_comes_while_it_is_searched_is_found_once() -> None:
    begun = 4 * BLOCK_RECORDS + 60
    buffer = big(begun)
    selection = needles(buffer)
    buffer.extend(many(["needle"] * 10))
    for _ in selection.run():
        if buffer.end < begun + 50:
            buffer.extend(many(["needle"] * 10))
    selection.extend()
    assert listed(selection) == [*range(0, begun, 100), *range(begun, begun + 50)]


def test_what_is_no_longer_held_is_forgotten() -> None:
    buffer = big()
    selection = needles(buffer)
    for _ in selection.run():
        pass
    buffer.limit = 40_000
    selection.extend()
    assert buffer.first > 0
    assert listed(selection) == [seq for seq in range(0, buffer.end, 100) if seq >= buffer.first]
    buffer.clear()
    selection.extend()
    assert (len(selection), selection.looked_at, selection.complete) == (0, 0, True)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), st.booleans()), max_size=12))
def test_a_selection_is_right_however_search_and_flood_interleave(moves: list[tuple[int, int, bool]]) -> None:
    buffer = LogBuffer(60_000)
    selection = needles(buffer)
    steps: Iterator[None] = selection.run()
    for count, slices, again in moves:
        start = buffer.end
        buffer.extend(
            many(f"{'needle' if not n % 7 else 'hay' * 9} {n}" for n in range(start, start + count))
        )
        if again:
            selection.extend()
            steps = selection.run()
        for _ in range(slices):
            next(steps, None)
    selection.extend()
    for _ in selection.run():
        pass
    selection.extend()
    assert selection.complete
    assert listed(selection) == [seq for seq in range(buffer.first, buffer.end) if not seq % 7]


@pytest.mark.parametrize(
    ("start", "direction", "found"),
    [
        (250, 1, Found(300, wrapped=False)),
        (300, 1, Found(400, wrapped=False)),
        (300, -1, Found(200, wrapped=False)),
        (0, -1, Found(5100, wrapped=True)),
        (5119, 1, Found(0, wrapped=True)),
        (5120, -1, Found(5100, wrapped=False)),
        (-1, 1, Found(0, wrapped=False)),
    ],
)
def test_the_next_hit_is_sought_in_both_directions_and_round_the_end(
    start: int, direction: int, found: Found
) -> None:
    evaluator = Evaluator(Query((Include(text("needle")),)), nullcontext)
    outcomes = list(seek(big(), evaluator, start, direction))
    assert outcomes[-1] == found
    assert not any(outcomes[:-1])


def test_the_only_hit_is_found_from_itself_by_going_round() -> None:
    evaluator = Evaluator(Query((Include(text("needle 100")), Exclude(text("needle 1000")))), nullcontext)
    assert [each for each in seek(filled(many(["hay", "needle 100", "hay"])), evaluator, 1, 1) if each] == [
        Found(1, wrapped=True)
    ]


def test_seeking_what_is_not_there_ends() -> None:
    evaluator = Evaluator(Query((Include(text("nothing like it")),)), nullcontext)
    assert not any(seek(big(), evaluator, 7, 1))
    assert not any(seek(LogBuffer(), evaluator, 0, -1))


def test_seeking_goes_on_when_records_are_dropped_meanwhile() -> None:
    buffer = big()
    evaluator = Evaluator(Query((Include(text("nothing like it")),)), nullcontext)
    for direction in (1, -1):
        steps = seek(buffer, evaluator, 0 if direction > 0 else buffer.end, direction)
        assert next(steps) is None
        buffer.extend(many(["x" * 1000] * 3000))
        buffer.limit = buffer.held_bytes // 3
        assert not any(steps)


def test_the_previous_error_is_sought_like_any_hit() -> None:
    errors = Evaluator(Query((AtLeast(Level.ERROR),), markers=False), nullcontext)
    assert [each for each in seek(filled(STACK), errors, 9, -1) if each] == [Found(2, wrapped=False)]


@pytest.mark.parametrize("source", [r"(a+)+$", r"(a|a)*$", r"(a|aa)+$", r"^(\w+\s?)*\?$"])
def test_an_expression_without_an_end_is_given_up_and_says_so(source: str) -> None:
    buffer = filled([*many(["a" * 60 + "!"]), *many(["hay"] * 3 * BLOCK_RECORDS)])
    selection = Selection(buffer, Evaluator(Query((Include(regex(source)),)), SHORT))
    for _ in selection.run():
        pass
    assert "takes too long" in selection.refusal
    assert list(selection.run()) == []
    assert selection.extend() == 0


def test_seeking_with_such_an_expression_ends_too() -> None:
    evaluator = Evaluator(Query((Include(regex(r"(a+)+$")),)), SHORT)
    slow = filled(many(["a" * 60 + "!"]))
    with pytest.raises(TooSlow):
        next(seek(slow, evaluator, 5, -1))


def test_the_limit_is_held_around_each_block_alone() -> None:
    entered = []

    @contextmanager
    def noted() -> Iterator[None]:
        entered.append(True)
        yield

    selection = Selection(big(), Evaluator(Query((Include(regex("x.y")),)), noted))
    for _ in selection.run():
        pass
    assert len(entered) == 5
