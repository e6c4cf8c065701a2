"""Colours in log lines: the usual ones are kept, those that hide text are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.logs.sgr import PLAIN, Span, Style, basic, readable, rgb, strip, styled

RED, GREEN = 1, 2


def look(text: str) -> list[tuple[str, Style]]:
    """The coloured pieces of a line."""
    line = styled(text)
    return [(line.text[span.start : span.end], span.style) for span in line.spans]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("plain", []),
        ("\x1b[31mred\x1b[0m plain", [("red", Style(RED))]),
        (
            "\x1b[31mred\x1b[1m bold\x1b[22m not",
            [("red", Style(RED)), (" bold", Style(RED, bold=True)), (" not", Style(RED))],
        ),
        (
            "\x1b[91;44;4mx\x1b[39my\x1b[49;24mz",
            [("x", Style(9, 4, underline=True)), ("y", Style(15, 4, underline=True))],
        ),
        ("\x1b[38;5;208mx\x1b[m", [("x", Style(208))]),
        ("\x1b[38;2;255;0;0mx", [("x", Style(196))]),
        ("\x1b[38:2::255:0:0mx", [("x", Style(196))]),
        ("\x1b[38:5:9mx", [("x", Style(9))]),
        ("\x1b[1;38;5;2;3mx", [("x", Style(GREEN, bold=True, italic=True))]),
        ("\x1b[7mx\x1b[27m \x1b[9my\x1b[29m", [("x", Style(reverse=True)), ("y", Style(strike=True))]),
        ("\x1b[4:3mcurly\x1b[4:0mno", [("curly", Style(underline=True))]),
        ("\x1b[31ma\x1b[31mb", [("ab", Style(RED))]),
        ("\x9b31mred", [("red", Style(RED))]),
        ("\x1b[31mred\x1b[2Jstill", [("redstill", Style(RED))]),
        ("\x1b[31m\tx", [("        x", Style(RED))]),
        ("ab\x1b[31m\tx", [("      x", Style(RED))]),
    ],
)
def test_colours_become_styles(text: str, pieces: list[tuple[str, Style]]) -> None:
    assert look(text) == pieces


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[31;41mhidden",
        "\x1b[38;5;196;48;5;196mhidden",
        "\x1b[38;2;10;10;10;48;2;12;12;12mhidden",
        "\x1b[8mhidden",
        "\x1b[30mhidden",
        "\x1b[38;5;16mhidden",
        "\x1b[38;5mcut",
        "\x1b[999mx",
        "\x1b[38;5;256mx",
    ],
)
def test_what_would_hide_the_text_or_means_nothing_is_left_out(text: str) -> None:
    line = styled(text)
    assert line.text in ("hidden", "cut", "x")
    assert line.spans == ()


def test_on_a_background_alone_the_text_gets_a_colour_that_is_seen() -> None:
    assert look("\x1b[47mx") == [("x", Style(0, 7))]
    assert look("\x1b[44mx") == [("x", Style(15, 4))]


def test_sequences_broken_on_purpose_cost_the_line_its_colours_and_no_text() -> None:
    line = styled("\x1b[31mred \x9d0;\x9b32mgreen\x9c end")
    assert line.text == "red  end"
    assert line.spans == ()


@given(st.lists(st.integers(0, 120) | st.sampled_from((38, 48, 2, 5, 255)), max_size=12))
def test_no_parameters_break_it_or_give_a_colour_that_is_none(parameters: list[int]) -> None:
    for span in styled(f"\x1b[{';'.join(map(str, parameters))}mtext").spans:
        for colour in (span.style.foreground, span.style.background):
            assert colour is None or 0 <= colour < 256


@given(st.builds(Style, st.none() | st.integers(0, 255), st.none() | st.integers(0, 255)))
def test_text_is_never_like_its_background(style: Style) -> None:
    found = readable(style)
    if found.foreground is not None and found.background is not None:
        assert (
            sum(abs(a - b) for a, b in zip(rgb(found.foreground), rgb(found.background), strict=True)) >= 48
        )
    assert readable(found) == found


def test_a_colour_is_reduced_to_the_nearest_of_sixteen() -> None:
    assert [basic(colour) for colour in (3, 196, 21, 231, 232)] == [3, 9, 4, 15, 0]


def test_sixteen_shades_of_a_colour_have_their_places() -> None:
    assert (rgb(16), rgb(231), rgb(232), rgb(255)) == ((0, 0, 0), (255, 255, 255), (8, 8, 8), (238, 238, 238))


def test_plain_text_has_no_pieces() -> None:
    assert styled("x").spans == ()
    assert styled("\x1b[0mx\x1b[m").spans == ()
    assert Style() == PLAIN
    assert styled("\x1b[32mok\x1b[0m").spans == (Span(0, 2, Style(GREEN)),)


def test_stripping_leaves_all_but_colours() -> None:
    assert strip(b"\x1b[31ma\x1b[0mb\x1b[2J\x1b[K") == b"ab\x1b[2J\x1b[K"
