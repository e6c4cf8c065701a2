"""The second wall: whatever is written, only text and the listed sequences leave."""

import re
import unicodedata
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lettaops.terminal.allowlist import allowed

# Written anew on purpose: the list of `allowlist` must not be able to prove itself.
PERMITTED = re.compile(
    r"\x1b\[[0-9;]*[mHC]|\x1b\[K|\x1b\[\?(7|25|1000|1003|1004|1006|1015|1016|1049|2004|2026)[hl]"
    r"|\x1b\[\?2026\$p|\x1b\[>[0-9]+u|\x1b\[<u"
)
PIECES = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.text(st.characters(max_codepoint=0x2FF), max_size=8),
        st.sampled_from(
            (
                "\x1b", "[", "]", "P", "\x1b[", "\x1b]52;c;aGk=\x07", "\x1b]0;t\x1b\\", "\x1bPq\x1b\\",
                "\x9b2J", "\x9d0;x\x9c", "\x90q", "\x1b[31m", "\x1b[5;6H", "\x1b[2J", "\x1b[6n",
                "\x1b[?1049h", "\x1b[?1049", "\x1b[?2026$p", "\x1b[>25u", "\x1b[?47h", "\x1bc", "\x1b7",
                "\x1b(0", "\x1b#8", "\x1b[?25;1049h",
                "\x1b_G\x1b\\", "\x1b^x", "\x1bXx", "漢", "\u202e", "\u2028", "\ud800", "\ue000", "\n", "\r",
                "1;2H", "m", ";",
            )
        ),
    ),
    max_size=12,
).map("".join)  # fmt: skip


def harmless(data: str) -> bool:
    """Nothing in it but text that is seen, line feeds and permitted sequences."""
    rest = PERMITTED.sub("", data)
    hidden = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    return all(char == "\n" or unicodedata.category(char) not in hidden for char in rest)


@given(PIECES)
def test_only_permitted_output_leaves(data: str) -> None:
    sent = allowed(data)
    assert harmless(sent)
    assert allowed(sent) == sent


@given(PIECES)
def test_what_is_harmless_passes_unchanged(data: str) -> None:
    sent = allowed(data)
    assert harmless(data) is False or sent == data or "\ufe0f" in data or _invisible(data)


def _invisible(data: str) -> bool:
    """Marks and letters that are not seen although Unicode doesn't call them controls."""
    from lettaops.model.text import bare

    return any(not bare(char) for char in data if char not in "\x1b\n")


@pytest.mark.parametrize(
    "frame",
    [
        "\x1b[1;1H\x1b[38;2;224;224;224;48;2;18;18;18mhi \x1b[0m\x1b[1m─│╭ ● 漢\x1b[0m\n\x1b[2;1Hx\x1b[3;4H",
        "\x1b[?2026h\x1b[?2026l\x1b[?25l\x1b[?1049h\x1b[?1004h\x1b[>25u\x1b[?2026$p\x1b[?2004h\x1b[?7l",
        "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l\x1b[?1000h\x1b[?1003h\x1b[?1015h\x1b[?1006h\x1b[?1016h",
        "\x1b[H\x1b[mab\x1b[4Cc\x1b[K\x1b[12H",
        "",
    ],
)
def test_frames_of_textual_and_of_ours_pass_unchanged(frame: str) -> None:
    assert allowed(frame) is frame or allowed(frame) == frame


@pytest.mark.parametrize(
    ("attack", "left"),
    [
        ("a\x1b]52;c;aGVsbG8=\x07b", "ab"),
        ("a\x1b]0;title\x1b\\b", "ab"),
        ("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),
        ("a\x1bP+q544e\x1b\\b", "ab"),
        ("a\x9d0;title\x9cb", "ab"),
        ("a\x1b]52;c;unfinished", "a"),
        ("a\x1b]0;t\x1b[31mb", "a\x1b[31mb"),
        ("a\x1b[2Jb\x1b[6nc\x1b[3Jd\x1bce", "abcde"),
        ("a\x9b2Jb\x85c", "abc"),
        ("a\x07\x08\r\x00b", "ab"),
        ("a\u202eb\u2066c\ufeffd", "abcd"),
        ("\x1b[31;\x1b[31mred", "\x1b[31mred"),
        ("\x1b[?1047h\x1b[?1hx", "x"),
    ],
)
def test_sequences_go_whole_with_their_bodies(attack: str, left: str) -> None:
    assert allowed(attack) == left


@given(st.integers(1, 60), st.integers(1, 60))
def test_real_frames_of_textual_pass(columns: int, rows: int) -> None:
    from rich.console import Console
    from rich.segment import Segment
    from rich.style import Style
    from textual._compositor import LayoutUpdate
    from textual.geometry import Region
    from textual.strip import Strip

    segments = [Segment("─●x ", Style.parse("bold red on #102030")), Segment("ab")]
    strips: list[Iterable[Strip]] = [[Strip(segments)] for _ in range(rows)]
    update = LayoutUpdate(strips, Region(0, 0, columns, rows))
    frame = update.render_segments(Console(color_system="truecolor", force_terminal=True))
    assert allowed(frame) == frame
