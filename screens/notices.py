"""When the deployment gets worse, or well again: what is said wherever the operator is. Pure."""

from typing import Final, NamedTuple

from lettaops.model.brief import brief
from lettaops.model.text import Safe, clean
from lettaops.model.verdict import Assessment, Overall

_RANK: Final = {Overall.HEALTHY: 0, Overall.UNKNOWN: 1, Overall.DEGRADED: 2, Overall.DOWN: 3}
_CAUSE: Final = 160  # characters of the sentence


class Notice(NamedTuple):
    """Words about a change. `worse`: it is no good news."""

    words: Safe
    worse: bool


def notice(before: Overall | None, now: Assessment) -> Notice | None:
    """What to say of the step from one overall verdict to the next; None when it is worth no word.

    `before` is None while there was none yet: the first verdict is no change.
    """
    if before is None or now.overall is before:
        return None
    if now.overall is Overall.HEALTHY:
        return Notice(clean(f"healthy again, was {before}"), worse=False)
    if _RANK[now.overall] > _RANK[before]:
        return Notice(clean(f"{now.overall}: {brief(now.sentence, _CAUSE)}"), worse=True)
    return None
