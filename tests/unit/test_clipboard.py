"""Copying: by which way, how it is wrapped, and what never gets there."""

import base64
import re
import stat

from hypothesis import given
from hypothesis import strategies as st

from lettaops.config.paths import StateDirectory
from lettaops.model.secrets import Secret
from lettaops.terminal.clipboard import FILE, MOST_ENCODED, copy, sequence


def payload(sent: str) -> str:
    """The text in a plain OSC 52."""
    match = re.fullmatch(r"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", sent)
    assert match is not None
    return base64.b64decode(match[1]).decode()


def test_a_short_text_goes_through_the_terminal(state: StateDirectory) -> None:
    sent: list[str] = []
    copied = copy("letta_db exited 137", "", state, sent.append)
    assert [payload(each) for each in sent] == ["letta_db exited 137"]
    assert copied.words == "copied 19 characters through the terminal (OSC 52)"
    assert not (state.path / FILE).exists()


def test_secrets_and_sequences_are_struck_out(state: StateDirectory) -> None:
    sent: list[str] = []
    Secret("tango-whiskey")
    copied = copy(
        "a tango-whiskey b\x1b]0;x\x07 tango-\x1b[0mwhiskey postgres://u:sesame@db/x", "", state, sent.append
    )
    assert payload(sent[0]) == copied.text == "a **** b **** postgres://u:****@db/x"


def test_lines_stay_lines(state: StateDirectory) -> None:
    sent: list[str] = []
    copy("one\ntwo\r\nthree", "", state, sent.append)
    assert payload(sent[0]) == "one\ntwo\nthree"


def test_a_long_text_goes_to_a_private_file(state: StateDirectory) -> None:
    sent: list[str] = []
    text = "x" * MOST_ENCODED
    copied = copy(text, "", state, sent.append)
    file = state.path / FILE
    assert sent == []
    assert file.read_text() == text
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert str(file) in copied.words
    copy("y" * MOST_ENCODED, "", state, sent.append)
    assert file.read_text() == "y" * MOST_ENCODED


def test_the_guard_counts_encoded_bytes(state: StateDirectory) -> None:
    sent: list[str] = []
    most = MOST_ENCODED // 4 * 3
    copy("x" * most, "", state, sent.append)
    copy("x" * (most + 3), "", state, sent.append)
    assert len(sent) == 1


def test_without_a_terminal_the_file_is_written(state: StateDirectory) -> None:
    copied = copy("text", "", state, None)
    assert (state.path / FILE).read_text() == "text"
    assert "no terminal" in copied.words


def test_a_file_that_cannot_be_written_is_told(state: StateDirectory) -> None:
    state.path.parent.mkdir(exist_ok=True)
    state.path.write_text("not a directory")
    copied = copy("text", "", state, None)
    assert copied.words.startswith("not copied")


def test_a_link_in_its_place_is_not_followed(state: StateDirectory) -> None:
    state.ensure()
    victim = state.path / "victim"
    victim.write_text("precious")
    (state.path / FILE).symlink_to(victim)
    assert copy("text", "", state, None).words.startswith("not copied")
    assert victim.read_text() == "precious"


def test_tmux_gets_it_plain_and_passed_through() -> None:
    assert sequence("QQ==", "tmux") == "\x1b]52;c;QQ==\x07\x1bPtmux;\x1b\x1b]52;c;QQ==\x07\x1b\\"


@given(st.binary(max_size=600))
def test_screen_gets_it_in_short_strings(data: bytes) -> None:
    plain = sequence(base64.b64encode(data).decode())
    wrapped = sequence(base64.b64encode(data).decode(), "screen")
    parts = re.findall(r"\x1bP(.*?)\x1b\\", wrapped, re.DOTALL)
    assert "".join(parts) == plain
    assert all(len(part) <= 100 for part in parts)
