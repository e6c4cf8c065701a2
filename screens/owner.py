"""What a screen may ask of the application."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from lettaops.actions import Action
from lettaops.model.stack import Stack
from lettaops.model.text import Safe
from lettaops.monitor.snapshot import Snapshot
from lettaops.terminal.clipboard import Copied


@runtime_checkable
class Owner(Protocol):
    """The application, as its screens know it."""

    @property
    def ascii(self) -> bool:
        """Whether only ASCII characters are drawn."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether every act is refused."""
        ...

    @property
    def local(self) -> bool:
        """Whether the engine runs on this machine."""
        ...

    @property
    def revealing(self) -> bool:
        """Whether secrets are shown for the moment."""
        ...

    def place(self, snapshot: Snapshot) -> Safe:
        """Profile, project and engine, for the title bar."""
        ...

    def act(self, choices: Sequence[Action], stack: Stack, container_ids: Sequence[str]) -> None:
        """Begin the first of the acts that the containers' state allows: plan, confirm, run."""
        ...

    def copy(self, text: str) -> Copied:
        """Copy to the operator's clipboard, secrets struck out; tells by which way."""
        ...

    async def inspected(self, container_id: str) -> dict[str, object]:
        """The inspect document of a container as it is. Raises what the engine raises."""
        ...

    def reveal(self) -> None:
        """Show secrets for a moment, and record it."""
        ...
