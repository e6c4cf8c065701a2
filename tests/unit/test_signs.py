"""The signs of verdicts and states: every word has one, and each can be drawn anywhere."""

import pytest

from lettaops.model.cells import to_ascii, width
from lettaops.model.engine import ContainerStatus
from lettaops.model.signs import Tone, shown_names, sign
from lettaops.model.text import Safe
from lettaops.model.verdict import Overall, Verdict

WORDS = (*Verdict, *Overall, *ContainerStatus)


@pytest.mark.parametrize("word", WORDS)
def test_every_word_has_a_sign_of_one_cell_that_ascii_keeps(word: str) -> None:
    symbol, _ = sign(word)
    assert (symbol == "?") is (word == "unknown")
    assert width(symbol) == 1
    assert (to_ascii(symbol) == "?") is (word == "unknown")


def test_symbols_tell_without_colour_what_tones_tell() -> None:
    tones: dict[str, Tone] = {}
    for word in WORDS:
        symbol, tone = sign(word)
        assert tones.setdefault(symbol, tone) is tone
        assert tones.setdefault(to_ascii(symbol), tone) is tone
    assert sign("ok").tone is Tone.GOOD
    assert sign("down").tone is Tone.BAD


def test_what_has_no_sign_is_not_known() -> None:
    assert sign("nonsense") == sign("unknown")


def test_services_are_named_and_replicas_by_their_containers() -> None:
    services = [Safe(each) for each in ("server", "db", "server")]
    containers = [Safe(each) for each in ("letta-server-1", "letta-db-1", "letta-server-2")]
    assert shown_names(services, containers) == ["letta-server-1", "db", "letta-server-2"]
