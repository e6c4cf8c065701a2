"""The application-wide ASCII mode, and what widgets are given when there is nothing to say."""

from typing import Final, Protocol, runtime_checkable

from lettaops.model.cells import to_ascii
from lettaops.model.text import Safe

EMPTY: Final = Safe("")


@runtime_checkable
class HasAscii(Protocol):
    """An app that can be told to draw with ASCII characters only."""

    @property
    def ascii(self) -> bool: ...


def is_ascii(app: object) -> bool:
    """Whether this app draws with ASCII only; an app without the flag doesn't."""
    return isinstance(app, HasAscii) and app.ascii


def drawable(text: str, app: object) -> str:
    """The text in characters that this app may draw; as many as before."""
    return to_ascii(text) if is_ascii(app) else text
