"""The application that screens are built on: drawn by the differ, ended by any signal, silent about faults.

Private names of Textual 8.2.8 that it uses, all of `App`: `_display`, `_begin_batch` (not called
by `delay_update` any more), `_batch_count`, `_closed`, `_running`, `_driver`, `_sync_available`,
`_handle_exception`, `_fatal_error`, `_print_error_renderables`, `_exit_renderables`,
`_close_messages_no_wait`, `_exception`, `_exception_event`, `_return_code`, `_set_pointer_shape`,
`_filters`, `_screen_stack`, `_clipboard`; and Rich's `Console._color_system`.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rich.color import ColorSystem
from rich.console import RenderableType
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import App
from textual.filter import NoColor

from lettaops.config.paths import StateDirectory, state_directory
from lettaops.model.secrets import presentable
from lettaops.model.text import Safe
from lettaops.operations.crash import fault_line, write_report
from lettaops.terminal.capabilities import Capabilities, look_around
from lettaops.terminal.clipboard import Copied, copy
from lettaops.terminal.driver import OperatorDriver
from lettaops.terminal.held import HeldTerminal
from lettaops.terminal.signals import Signals
from lettaops.terminal.silence import silence_loop, silenced

if TYPE_CHECKING:
    from textual.screen import Screen

_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
_MOST_REPORTS: Final = 5


class TerminalApp(App[None]):
    """Base of the dashboard. `start` runs it and gives the exit status.

    A signal's exit status is 128 and its number; a fault's is 1, with a report in the state
    directory and one line on standard error once the terminal is restored.
    """

    EXIT_DEADLINE: ClassVar[float] = 0.8
    """Seconds after `exit` by which the process has ended, whatever hangs."""
    FIRST_FRAME_SECONDS: ClassVar[float] = 0.0
    """Seconds that a first frame stands on at most while ours is ready, until that shows as much."""

    def __init__(
        self,
        *,
        capabilities: Capabilities | None = None,
        held: HeldTerminal | None = None,
        state: StateDirectory | None = None,
    ) -> None:
        self.capabilities = capabilities or look_around()
        self.held = held or HeldTerminal(linux_console=self.capabilities.linux_console)
        self.state_directory = state or state_directory(os.environ)
        super().__init__(driver_class=OperatorDriver, ansi_color=True if self.capabilities.ansi else None)
        self.set_reactive(App.ansi_color, None)
        self._filters[1:] = [] if self.capabilities.color else [NoColor()]
        self.features = frozenset()
        self.animation_level = "none"
        self.theme = "ansi-dark" if self.capabilities.ansi else "textual-dark"
        self._reports: list[Path | None] = []
        self._last_words: list[Safe] = []
        self.signals: Signals | None = None

    # Running

    def start(self) -> int:
        """Run until the end, restore the terminal, say what is to be said; the exit status."""
        with silenced(self.report):
            try:
                self.run(mouse=not self.capabilities.linux_console)
            except BaseException as error:
                self._fault(error)
            finally:
                self.held.leave()
        self._say()
        return self.return_code or 0

    async def run_async(self, **arguments: Any) -> None:
        """Run, with the signals that end a process ending it cleanly."""
        loop = asyncio.get_running_loop()
        silence_loop(loop, self.report)
        if not arguments.get("headless"):
            self.signals = Signals(loop, self.EXIT_DEADLINE, self._end_hard)
            for number in _SIGNALS:
                if signal.getsignal(number) is not signal.SIG_IGN:  # under nohup it stays ignored
                    self.signals.on(number, partial(self.exit, return_code=128 + number), deadly=True)
        await super().run_async(**arguments)

    def exit(self, result: None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """Leave. `message`, a text, is printed when the terminal is restored."""
        if isinstance(message, str):
            self._last_words.append(presentable(message))
        self._set_deadline()
        super().exit(result, return_code)

    def terminal_lost(self) -> None:
        """The terminal was closed: end as SIGHUP ends it."""
        self.exit(return_code=128 + signal.SIGHUP)

    @contextmanager
    def suspend(self) -> Iterator[None]:
        """Give the terminal to another program. Its Ctrl-C reaches us too, and is not meant for us."""
        quiet = nullcontext() if self.signals is None else self.signals.muted(signal.SIGINT, signal.SIGQUIT)
        with quiet, super().suspend():
            yield

    def _set_deadline(self) -> None:
        """From now on the process ends soon, even with a thread that hangs in a library."""
        if self.signals is not None:
            self.signals.arm()

    def _end_hard(self) -> None:
        self.held.leave()
        self._say()
        ended_by = self.signals.last_deadly if self.signals is not None else 0
        os._exit(self.return_code or (128 + ended_by if ended_by else 0))

    def _say(self) -> None:
        words, self._last_words = self._last_words, []
        for line in dict.fromkeys(words):
            text = line.encode("ascii" if self.capabilities.ascii else "utf-8", "replace")
            try:
                os.write(2, text + b"\n")
            except OSError:
                return

    # Drawing

    @property
    def operator_driver(self) -> OperatorDriver | None:
        """The driver, while there is a terminal (not in headless tests)."""
        return self._driver if isinstance(self._driver, OperatorDriver) else None

    @property
    def synchronised(self) -> bool:
        """Whether the terminal can hold a frame back until it is whole (DECSET 2026)."""
        return self._sync_available

    def delay_update(self, delay: float = 0.05) -> None:
        """Textual holds updates for 50 ms when a mode changes; an operator's key must not wait."""

    def _display(self, screen: "Screen[Any]", renderable: RenderableType | None) -> None:
        driver = self.operator_driver
        if driver is None or not isinstance(renderable, ChopsUpdate | LayoutUpdate):
            super()._display(screen, renderable)
            return
        if self._running and not self._closed:
            try:
                colors = self.console._color_system or ColorSystem.TRUECOLOR
                driver.show(renderable, colors, self._cursor)
                if not self._batch_count:
                    driver.flush()
            except Exception as error:
                self._handle_exception(error)
        self.post_display_hook()

    def _cursor(self) -> tuple[int, int] | None:
        """Where input methods and screen readers expect the cursor: at the text that is typed."""
        focused = self.screen.focused if self._screen_stack else None
        x, y = self.cursor_position
        return (x, y) if hasattr(focused, "cursor_screen_offset") else None

    def watch_theme(self) -> None:
        """Another theme may mean other colours of the same names: draw everything."""
        if (driver := self.operator_driver) is not None:
            driver.forget()

    # What Textual writes past its frames

    def bell(self) -> None:
        """Ring the terminal's bell."""
        if (driver := self.operator_driver) is not None:
            driver.bell()

    def copy(self, text: str) -> Copied:
        """Copy a text, secrets struck out, for the operator; tells by which way."""
        driver = self.operator_driver
        send: Callable[[str], None] | None = driver.send_clipboard if driver is not None else None
        copied = copy(text, self.capabilities.multiplexer, self.state_directory, send)
        self._clipboard = copied.text
        return copied

    def copy_to_clipboard(self, text: str) -> None:
        """Textual's own copying, of selected text: by our way, with a word about it."""
        self.notify(self.copy(text).words, markup=False)

    def open_url(self, url: str, *, new_tab: bool = True) -> None:
        """On a server there is no browser, or one that would draw over us: the address is copied instead."""
        self.copy_to_clipboard(url)

    def _set_pointer_shape(self, shape: str) -> None:
        """No sequence for it is on the allow-list."""

    # Faults

    def report(self, error: BaseException) -> Path | None:
        """Write a report about a fault; the first few of a run only. Returns its place."""
        if len(self._reports) >= _MOST_REPORTS:
            return None
        self._reports.append(write_report(error, self.state_directory))
        return self._reports[-1]

    def panic(self, *renderables: RenderableType) -> None:
        """Textual's way to show tracebacks: nothing of them is shown."""
        self._last_words.append(fault_line(None))
        self._return_code = 1
        self._set_deadline()
        self._close_messages_no_wait()

    def _handle_exception(self, error: Exception) -> None:
        if self._exception is None:  # for tests without a terminal, which raise it
            self._exception = error
            self._exception_event.set()
        self._return_code = 1
        if not self.is_headless:
            self._fault(error)
        self._set_deadline()
        self._close_messages_no_wait()

    def _fault(self, error: BaseException) -> None:
        self._return_code = 1
        if not self._reports:
            self._last_words.append(fault_line(self.report(error)))
        else:
            self.report(error)

    def _print_error_renderables(self) -> None:
        self._exit_renderables.clear()
