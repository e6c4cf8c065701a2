"""The command palette: every view and act of the registry, by name."""

from collections.abc import Iterable
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from lettaops.actions import ACTIONS
from lettaops.views import Scope, views_of

from .base import OpsScreen


def entries(scope: Scope) -> Iterable[tuple[str, str, str]]:
    """Title, action and help of everything that can be called in a screen."""
    for view in views_of(scope):
        yield view.title, view.call if "." in view.call else f"screen.{view.call}", view.help
    for action in ACTIONS if scope is Scope.HEALTH else ():
        yield f"{action.title} the selected service", f"screen.act('{action.verb}')", action.help


class RegistryCommands(Provider):
    """Finds what the registry holds."""

    @property
    def _entries(self) -> Iterable[tuple[str, str, str]]:
        return entries(self.screen.SCOPE if isinstance(self.screen, OpsScreen) else Scope.EVERYWHERE)

    async def discover(self) -> Hits:
        """All of it, while nothing is typed."""
        for title, call, text in self._entries:
            yield DiscoveryHit(title, partial(self.app.run_action, call), help=text)

    async def search(self, query: str) -> Hits:
        """What matches."""
        matcher = self.matcher(query)
        for title, call, text in self._entries:
            score = matcher.match(title)
            if score > 0:
                yield Hit(score, matcher.highlight(title), partial(self.app.run_action, call), help=text)
