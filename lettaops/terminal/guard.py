"""One guard for all that a screen or a widget does with a message: a fault is told, and the rest lives on.

Textual ends the application when a handler raises. Private name of Textual 8.2.8 that it overrides:
`MessagePump._dispatch_message`, through which every event, callback of a timer and message comes.
"""

from typing import Protocol, runtime_checkable

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
            if isinstance(message, _BEGINNINGS) or not isinstance(self.app, TakesFaults):
                raise
            self.app.failed(error)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A worker that ended by a fault is as much worth a word as a handler that did."""
        error = event.worker.error
        if event.state is WorkerState.ERROR and isinstance(error, Exception):
            if not isinstance(self.app, TakesFaults):
                raise error
            self.app.failed(error)
