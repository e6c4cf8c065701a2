"""One guard for all that a screen or a widget does: a fault is told, and the rest lives on.

Textual ends the application when a handler or a timer's callback raises. Private name of Textual 8.2.8
that is overridden: `MessagePump._dispatch_message`, through which every event and message comes. Timers come
through `call_next`; intervals don't, because by one of them the screen is drawn, and a frame that fails would
leave old values standing: widgets guard their own drawing instead.
"""

from collections.abc import Callable
from functools import partial
from inspect import isawaitable
from typing import Any, Protocol, runtime_checkable

from textual import events
from textual.message import Message
from textual.message_pump import MessagePump
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
            self.tell_fault(error)

    def call_next(self, callback: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        """Call back next, as after a timer."""
        super().call_next(partial(self._guarded, callback, *arguments, **options))

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A worker that ended by a fault is as much worth a word as a handler that did."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and isinstance(error, Exception):
            self.tell_fault(error)

    async def _guarded(self, callback: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        try:
            result = callback(*arguments, **options)
            if isawaitable(result):
                await result
        except Exception as error:
            self.tell_fault(error)

    def tell_fault(self, error: Exception) -> None:
        """Have the application tell of a fault; raises it where the application doesn't."""
        if not isinstance(self.app, TakesFaults):
            raise error
        self.app.failed(error)
