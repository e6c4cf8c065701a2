"""What others said, short enough to stand in a sentence. Pure."""

from typing import Final

from lettaops.model.text import Safe

IN_A_SENTENCE: Final = 100
_LINE_FEEDS: Final = str.maketrans({"␊": " ", "␍": " ", "\n": " "})


def brief(text: str, limit: int = IN_A_SENTENCE) -> Safe:
    """Cleaned text on one line, cut behind a word within `limit` characters; `…` tells of the rest."""
    words = " ".join(text.translate(_LINE_FEEDS).split())
    if len(words) <= limit:
        return Safe(words)
    kept = words[: limit - 1]
    space = kept.rfind(" ")
    if not words[limit - 1].isspace() and space > limit // 2:
        kept = kept[:space]
    return Safe(f"{kept.rstrip(' ,;:')}…")
