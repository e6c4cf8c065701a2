"""The command palette: every view and act of the registry, by name."""

from collections.abc import Iterable
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from lettaops.actions import ACTIONS, VIEWS


def entries() -> Iterable[tuple[str, str, str]]:
    """Title, action and help of everything that can be called."""
    for view in VIEWS:
        yield view.title, view.call if "." in view.call else f"screen.{view.call}", view.help
    for action in ACTIONS:
        yield f"{action.title} the selected service", f"screen.act('{action.verb}')", action.help


class RegistryCommands(Provider):
    """Finds what the registry holds."""

    async def discover(self) -> Hits:
        """All of it, while nothing is typed."""
        for title, call, text in entries():
            yield DiscoveryHit(title, partial(self.app.run_action, call), help=text)

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        for title, call, text in entries():
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), partial(self.app.run_action, call), help=text)
