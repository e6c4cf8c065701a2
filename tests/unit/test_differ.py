"""The frame differ against a terminal emulator: what was sent must look like the last frame."""

import pyte
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from lettaops.terminal.cellrow import Row, cells_of
from lettaops.terminal.differ import Grid
from lettaops.terminal.pens import canonical, change, on_blank

WIDTH, HEIGHT = 24, 5
PENS = ("", "1", "31", "1;31", "44", "4", "7", "2;38;5;17", "38;2;1;2;3;48;2;4;5;6", "9;97;104", "3;32;41")
TEXTS = st.text(
    st.sampled_from(
        "ab  zq│─●…漢字え\u0301\u0300é👩💻\u200d\ufe0f❤\x1b[31m\x00\x07\t\n\u202e\u200b\ue000\xad"
    ),
    max_size=WIDTH + 4,
)
PIECE = st.tuples(
    st.integers(-3, WIDTH + 2),
    st.integers(-1, HEIGHT),
    st.lists(st.tuples(TEXTS, st.sampled_from(PENS)), max_size=4),
)
FRAMES = st.lists(st.lists(PIECE, max_size=6), min_size=1, max_size=6)


def terminal() -> tuple[pyte.Screen, pyte.Stream]:
    """An emulator without line wrap, as Textual sets it."""
    screen = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.Stream(screen)
    stream.feed("\x1b[?7l")
    return screen, stream


def looks(screen: pyte.Screen) -> list[list[object]]:
    """What is seen: of blanks only what shows on them."""
    rows: list[list[object]] = []
    for y in range(screen.lines):
        row: list[object] = []
        for x in range(screen.columns):
            cell = screen.buffer[y][x]
            seen = cell._replace(blink=False)
            if cell.data == " ":
                marked = cell.underscore or cell.reverse or cell.strikethrough
                seen = seen._replace(bold=False, italics=False, fg=cell.fg if marked else "default")
            row.append(seen)
        rows.append(row)
    return rows


def full_frame() -> list[tuple[int, int, list[tuple[str, str]]]]:
    """A blank screen: what a layout of Textual always fills."""
    return [(0, y, [(" " * WIDTH, "")]) for y in range(HEIGHT)]


def put(grid: Grid, frame: list[tuple[int, int, list[tuple[str, str]]]]) -> None:
    for x, y, segments in frame:
        row: Row = []
        for text, pen in segments:
            row += cells_of(text, canonical(pen))
        grid.put(y, x, row)


@given(FRAMES, st.booleans())
def test_the_terminal_shows_the_last_frame(
    frames: list[list[tuple[int, int, list[tuple[str, str]]]]], forget: bool
) -> None:
    screen, stream = terminal()
    whole_screen, whole_stream = terminal()
    step, whole = Grid(WIDTH, HEIGHT), Grid(WIDTH, HEIGHT)
    stream.feed("rubbish of the shell\x1b[41m")
    put(step, full_frame())
    put(whole, full_frame())
    for at, frame in enumerate(frames):
        put(step, frame)
        put(whole, frame)
        if forget and at == 1:
            stream.feed("\x1b[2;3H\x1b[7mrubbish\x1b[2J\x1b[1;4H")
            step.forget()
        stream.feed(step.flush())
        assert step.flush() == ""
    whole_stream.feed(whole.flush())
    assert looks(screen) == looks(whole_screen)


@given(FRAMES)
def test_nothing_but_visible_text_moves_pens_and_erasing_is_sent(
    frames: list[list[tuple[int, int, list[tuple[str, str]]]]],
) -> None:
    from lettaops.terminal.allowlist import allowed

    grid = Grid(WIDTH, HEIGHT)
    for frame in frames:
        put(grid, frame)
        sent = grid.flush()
        assert allowed(sent) == sent


@given(FRAMES)
def test_equal_histories_give_equal_bytes(frames: list[list[tuple[int, int, list[tuple[str, str]]]]]) -> None:
    one, other = Grid(WIDTH, HEIGHT), Grid(WIDTH, HEIGHT)
    for frame in frames:
        put(one, frame)
        put(other, frame)
        assert one.flush() == other.flush()
        put(one, frame)
        assert one.flush() == ""


@given(TEXTS)
@example("a\u200d\u200d漢\ufe0f")
def test_a_text_takes_the_cells_that_rich_counts(text: str) -> None:
    cells = cells_of(text, "31")
    assert len(cells) == cell_len(text)
    plain = cells_of(text, "31", ascii=True)
    assert len(plain) == cell_len(text)
    assert "".join(glyph for glyph, _ in plain).isascii()


@given(st.sampled_from(PENS), st.sampled_from(PENS))
def test_changing_a_pen_gives_the_new_pen(before: str, after: str) -> None:
    screen, stream = terminal()
    direct_screen, direct = terminal()
    stream.feed(change(None, canonical(before)) + change(canonical(before), canonical(after)) + "x")
    direct.feed(f"\x1b[0;{after}mx" if after else "x")
    assert screen.buffer[0][0] == direct_screen.buffer[0][0]


def test_pens_are_written_in_one_way() -> None:
    assert canonical("0;49;31;1") == canonical("1;31;49") == "1;31"
    assert canonical("39;49") == ""
    assert canonical("38;5;7;48;2;1;2;3") == "38;5;7;48;2;1;2;3"
    assert on_blank("1;31;44") == "44"
    assert on_blank("4;31") == "4;31"
    assert change("1;31", "31") == "\x1b[22m"


def test_a_changed_number_costs_a_move_and_its_digits() -> None:
    grid = Grid(80, 24)
    grid.put(3, 0, cells_of("cpu   31 %   memory 6.1 GiB", ""))
    grid.flush()
    grid.put(3, 0, cells_of("cpu   32 %   memory 6.1 GiB", ""))
    assert grid.flush() == "\x1b[4;8H2"


def test_short_gaps_are_sent_again_and_long_ones_jumped_over() -> None:
    grid = Grid(40, 1)
    grid.put(0, 0, cells_of("a12b123456789c", ""))
    grid.flush()
    grid.put(0, 0, cells_of("A12B123456789C", ""))
    assert grid.flush() == "\x1b[HA12B\x1b[9CC"


def test_a_blank_rest_of_a_row_is_erased() -> None:
    grid = Grid(40, 2)
    for y in (0, 1):
        grid.put(y, 0, cells_of("x" * 40, "31"))
    grid.flush()
    grid.put(1, 0, cells_of("hello" + " " * 35, ""))
    assert grid.flush() == "\x1b[2H\x1b[mhello\x1b[K"


def test_an_unknown_terminal_is_drawn_whole() -> None:
    grid = Grid(10, 2)
    grid.put(0, 0, cells_of("0123456789", ""))
    grid.put(1, 0, cells_of("0123456789", ""))
    first = grid.flush()
    assert grid.flush() == ""
    grid.forget()
    assert grid.flush() == first


def test_the_cursor_is_sent_when_it_must_be_somewhere() -> None:
    grid = Grid(10, 2)
    grid.put(0, 0, cells_of("ab", ""))
    assert grid.flush((2, 0)) == "\x1b[H\x1b[mab"
    assert grid.flush((2, 0)) == ""
    assert grid.flush((5, 1)) == "\x1b[2;6H"
    assert grid.flush((5, 1)) == ""
    assert grid.flush((500, 1)) == "\x1b[4C"


def test_half_a_wide_glyph_is_blank() -> None:
    screen, stream = terminal()
    grid = Grid(WIDTH, HEIGHT)
    put(grid, full_frame())
    grid.put(0, 0, cells_of("漢字漢字", "31"))
    stream.feed(grid.flush())
    grid.put(0, 1, cells_of("x", ""))
    grid.put(0, 4, cells_of("yy", ""))
    stream.feed(grid.flush())
    assert screen.display[0].rstrip() == " x字yy字"
    assert screen.display[0][:2] == " x"
