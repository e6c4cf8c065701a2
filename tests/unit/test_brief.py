"""What others said, shortened: on one line, at a word's end, never longer than asked for."""

from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.brief import IN_A_SENTENCE, brief


def test_short_words_stay_as_they_are() -> None:
    assert brief("no such host") == "no such host"
    assert brief("") == ""
    assert brief("a" * IN_A_SENTENCE) == "a" * IN_A_SENTENCE


def test_long_words_end_behind_a_word_with_an_ellipsis() -> None:
    said = "failed to create task for container: failed to create shim task: OCI runtime failed; " * 3
    short = brief(said)
    assert short.startswith("failed to create task for container: failed")
    assert short.endswith("…")
    assert len(short) <= IN_A_SENTENCE
    assert said.startswith(short[:-1])
    assert said[len(short) - 1] in " :,;"


def test_lines_become_one() -> None:
    assert brief("one␊two␍␊  three\nfour") == "one two three four"


@given(st.text(), st.integers(1, 200))
def test_never_longer_than_asked_for(text: str, limit: int) -> None:
    assert len(brief(text, limit)) <= limit
