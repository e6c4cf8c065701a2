"""One guard for all that a screen or a widget does: a fault is told, and the rest lives on.

Textual ends the application when a handler or a timer's callback raises. Private name of Textual 8.2.8
that is overridden: `MessagePump._dispatch_message`, through which every event and message comes.
"""

from collections.abc import Callable
from functools import partial
from inspect import isawaitable
from typing import Any, Protocol, runtime_checkable

from textual import events
from textual.message import Message
from textual.message_pump import MessagePump
from textual.timer import Timer
from textual.worker import Worker, WorkerState

# What can't be made isn't there to live on.
_BEGINNINGS = (events.Load, events.Compose, events.Mount)


@runtime_checkable
class TakesFaults(Protocol):
    """An application that tells of faults instead of ending."""

    def failed(self, error: Exception) -> None:
        """Tell of a fault in a handler."""
        ...


class Guarded(MessagePump):
    """A mixin, before the Textual class. In other applications faults go their usual way."""

    async def _dispatch_message(self, message: Message) -> None:
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            if isinstance(message, _BEGINNINGS):
                raise
            self._tell(error)

    def call_next(self, callback: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        """Call back next, as after a timer."""
        super().call_next(partial(self._guarded, callback, *arguments, **options))

    def set_interval(
        self, interval: float, callback: Callable[..., Any] | None = None, **options: Any
    ) -> Timer:
        """Call back again and again; by one of these the screen is drawn."""
        return super().set_interval(
            interval, None if callback is None else partial(self._guarded, callback), **options
        )

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A worker that ended by a fault is as much worth a word as a handler that did."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and isinstance(error, Exception):
            self._tell(error)

    async def _guarded(self, callback: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        try:
            result = callback(*arguments, **options)
            if isawaitable(result):
                await result
        except Exception as error:
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        if not isinstance(self.app, TakesFaults):
            raise error
        self.app.failed(error)
