"""What a screen may ask of the application."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from lettaops.actions import Action
from lettaops.dashboard import Dashboard
from lettaops.model.stack import Stack
from lettaops.monitor.trends import Trends
from lettaops.operations.underway import Underway
from lettaops.terminal.capabilities import Capabilities
from lettaops.terminal.clipboard import Copied

from .spans import Badge


@runtime_checkable
class Owner(Protocol):
    """The application, as its screens know it."""

    @property
    def dashboard(self) -> Dashboard:
        """The backends."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What the terminal can do."""
        ...

    @property
    def ascii(self) -> bool:
        """Whether only ASCII characters are drawn."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether every act is refused."""
        ...

    @property
    def badge(self) -> Badge | None:
        """The profile, for the title bar; None where none was chosen."""
        ...

    @property
    def local(self) -> bool:
        """Whether the engine runs on this machine."""
        ...

    @property
    def engine_host(self) -> str:
        """The host name of the engine's machine; empty where it is this one."""
        ...

    @property
    def revealing(self) -> bool:
        """Whether secrets are shown for the moment."""
        ...

    @property
    def trends(self) -> Trends:
        """The figures of the last half an hour."""
        ...

    @property
    def underway(self) -> Mapping[str, Underway]:
        """The acts that run, by container id."""
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

    def show_again(self) -> None:
        """Give the last snapshot to the screen again."""
        ...

    def reveal(self) -> None:
        """Show secrets for a moment, and record it."""
        ...
