"""Which steps between overall verdicts are worth a word."""

import pytest

from lettaops.model.text import Safe
from lettaops.model.verdict import Assessment, Overall
from lettaops.screens.notices import notice

HEALTHY, DEGRADED, DOWN, UNKNOWN = Overall.HEALTHY, Overall.DEGRADED, Overall.DOWN, Overall.UNKNOWN


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (None, DOWN, None),
        (HEALTHY, HEALTHY, None),
        (HEALTHY, DEGRADED, "degraded: letta_db is slow"),
        (HEALTHY, DOWN, "down: letta_db is slow"),
        (DEGRADED, DOWN, "down: letta_db is slow"),
        (HEALTHY, UNKNOWN, "unknown: letta_db is slow"),
        (DOWN, DEGRADED, None),
        (DOWN, UNKNOWN, None),
        (DOWN, HEALTHY, "healthy again, was down"),
        (DEGRADED, HEALTHY, "healthy again, was degraded"),
        (UNKNOWN, HEALTHY, "healthy again, was unknown"),
        (None, UNKNOWN, None),
    ],
)
def test_worse_and_well_again(before: Overall | None, now: Overall, words: str | None) -> None:
    found = notice(before, Assessment(overall=now, sentence=Safe("letta_db is slow")))
    assert (found.words if found else None) == words
    assert found is None or found.worse is (now is not HEALTHY)
