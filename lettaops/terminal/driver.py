"""The driver between Textual and the terminal: what is written, what is read, and how it ends.

Textual 8.2.8's own driver blocks for ever when the terminal is gone, spins on its end of file,
passes any sequence on, and saves whatever termios it finds. This one keeps its input parser and
its handling of the mouse, and replaces the rest. Private names of Textual that it uses:
`LinuxDriver._disable_mouse_support`, `_enable_mouse_support`, `_app`, `_auto_restart`, `_mouse`,
`_size`, `_must_signal_resume`, `textual._xterm_parser.XTermParser`, `App._post_message`.
"""

import os
import selectors
import signal
from codecs import getincrementaldecoder
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from time import monotonic
from typing import TYPE_CHECKING, Final

from textual import constants, events
from textual._xterm_parser import XTermParser
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size
from textual.message import Message
from textual.messages import InBandWindowResize

from lettaops.model.cells import width
from lettaops.terminal.allowlist import allowed
from lettaops.terminal.cellrow import cells_of
from lettaops.terminal.differ import Grid
from lettaops.terminal.frames import Update, put_update
from lettaops.terminal.held import HeldTerminal
from lettaops.terminal.pens import canonical
from lettaops.terminal.writer import Writer

if TYPE_CHECKING:
    from rich.color import ColorSystem

    from lettaops.terminal.base import TerminalApp

_BACKLOG: Final = 4096  # bytes the terminal may be behind before frames wait for it, and merge
_SYNC_FROM: Final = 512  # bytes; a smaller frame is one write, and not seen half
_DRAIN_SECONDS: Final = 0.2
_KITTY_FLAGS: Final = 1 | 8 | 16  # disambiguate, all keys as sequences, with their text: what Textual reads


class OperatorDriver(LinuxDriver):
    """Textual's terminal driver with the differ, both ends of its life, and a wall."""

    def __init__(
        self,
        app: "TerminalApp",
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=False, mouse=mouse, size=size)
        self._terminal_app = app
        self.held: HeldTerminal = app.held
        self.fileno = self.held.input_fd
        self.lost = False
        self.mouse_taken = mouse
        self._writer: Writer | None = None
        self._grid = Grid(*self.held.size())
        self._cursor: Callable[[], tuple[int, int] | None] = lambda: None
        self._waits = False
        self._last_flush = 0.0
        self._away = True  # suspended, or not started yet
        self.standing = False  # the first frame stands, and its keys are taken, until `take_over`
        self._patient = False  # until when is settled
        self._closing = Event()
        self._wake: tuple[int, int] | None = None
        self._reader: Thread | None = None
        # Textual's constructor has set handlers that write from within a signal: locks may be held there.
        self._on_signal(signal.SIGTSTP, self._stop)
        self._on_signal(signal.SIGCONT, self._go_on)

    # Output

    def show(
        self, update: Update, colors: "ColorSystem", cursor: Callable[[], tuple[int, int] | None]
    ) -> None:
        """Bring a frame onto the terminal, now or as soon as it takes more.

        `cursor` gives where the terminal's cursor must be, (x, y), or None where it doesn't matter.
        """
        size = self._terminal_app.size
        if (size.width, size.height) != (self._grid.width, self._grid.height):
            self._grid = Grid(size.width, size.height)
        put_update(self._grid, update, colors, ascii=self._terminal_app.capabilities.ascii)
        self._cursor = cursor
        if self.standing and not self._patient:
            self._patient = True
            self._loop.call_later(self._terminal_app.FIRST_FRAME_SECONDS, self.take_over)

    def flush(self) -> None:
        """Send what changed. Frames wait, and merge, while the terminal is behind or frames are rationed."""
        writer = self._writer
        if writer is None or self.lost or self._waits or self.standing:
            return
        wait = self._last_flush + self._terminal_app.capabilities.frame_interval - monotonic()
        if writer.pending > _BACKLOG:
            self._waits = True
            writer.when_drained(lambda: self._from_thread(self._flush_again))
        elif wait > 0:
            self._waits = True
            self._loop.call_later(wait, self._flush_again)
        elif data := self._grid.flush(self._cursor()):
            self._last_flush = monotonic()
            if self._terminal_app.synchronised and len(data) >= _SYNC_FROM:
                data = f"\x1b[?2026h{data}\x1b[?2026l"
            self.write(data)

    def forget(self) -> None:
        """Take nothing on the terminal for granted: the next flush draws everything."""
        self._grid.forget()

    def write(self, data: str) -> None:
        """Write text and allow-listed sequences (`allowlist`); anything else is dropped. Never blocks."""
        self._send(allowed(data))

    def bell(self) -> None:
        """Ring."""
        self._send("\x07")

    def send_clipboard(self, sequence: str) -> None:
        """Write a sequence made by `clipboard`, past the wall."""
        self._send(sequence)

    def take_mouse(self) -> None:
        """Have the mouse reported."""
        self.mouse_taken = self._mouse = True
        self._enable_mouse_support()

    def release_mouse(self) -> None:
        """Leave the mouse to the terminal, for selecting text with it."""
        if self._mouse:
            self._disable_mouse_support()
        self.mouse_taken = self._mouse = False

    def take_over(self) -> None:
        """Put our own frame in the place of the first one, and read keys; nothing when that was done."""
        if self.standing:
            self.standing = False
            self._take()
            self.flush()

    def _take(self) -> None:
        self.held.end_keys()
        self.held.enter(signals=False)
        self._assume_first_frame()
        if self.mouse_taken:
            self._enable_mouse_support()
        # Size reports in the stream (mode 2048) are not asked for: SIGWINCH does, and Textual
        # would switch the mouse to pixels with them.
        self.write("\x1b[?1004h\x1b[?2004h")
        if not self.held.linux_console:
            if not constants.DISABLE_KITTY_KEY:
                self.write(f"\x1b[>{_KITTY_FLAGS}u")
            if os.environ.get("TERM_PROGRAM") != "Apple_Terminal":  # it prints the query's last letter
                self.write("\x1b[?2026$p")
        self._start_reader(self.held.typed())

    def _assume_first_frame(self) -> None:
        """Go on from what the first frame drew, when the terminal's size is still the same."""
        self.forget()
        painted, self.held.painted = self.held.painted, None
        if painted is None or painted[:2] != (self._grid.width, self._grid.height):
            return
        for y, spans in enumerate(painted[2]):
            row = [cell for text, pen in spans for cell in cells_of(text, canonical(pen))]
            if len(row) == sum(width(text) for text, _ in spans):  # else Rich counts in another way
                self._grid.assume(y, row)

    def _send(self, data: str) -> None:
        if self._writer is not None and data:
            self._writer.write(data.encode("utf-8", "replace"))

    def _flush_again(self) -> None:
        self._waits = False
        self.flush()

    # Life

    def start_application_mode(self) -> None:
        """Take the terminal and draw everything; a first frame may stand until there is more to show."""
        if not self.held.in_foreground():  # `bg`: `fg` will continue us once more
            os.kill(os.getpid(), signal.SIGSTOP)
            return
        self._size = self.held.size()
        self._writer = Writer(self.held.output_fd, lambda: self._from_thread(self._lose))
        self._waits = False
        self._on_signal(signal.SIGWINCH, self._send_size)
        self._send_size()
        self.standing = self._terminal_app.FIRST_FRAME_SECONDS > 0 and self.held.painted is not None
        if not self.standing:
            self._take()
        self._away = False
        if self._must_signal_resume:
            self._must_signal_resume = False
            self.send_message(self.SignalResume())

    def suspend_application_mode(self) -> None:
        """Give the terminal back for a while."""
        super().suspend_application_mode()
        self._away = True

    def disable_input(self) -> None:
        """Stop reading keys. May be called again."""
        self.standing, self.held.painted = False, None
        self.held.end_keys()
        reader, wake = self._reader, self._wake
        if reader is None or wake is None:
            return
        self._reader = self._wake = None
        if self._terminal_app.signals is not None:
            self._terminal_app.signals.off(signal.SIGWINCH)
        if self.mouse_taken:
            self._disable_mouse_support()
        self._closing.set()
        os.write(wake[1], b"x")
        reader.join(_DRAIN_SECONDS)
        if not reader.is_alive():
            os.close(wake[0])
            os.close(wake[1])

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was found. Takes half a second at most, whatever the terminal does."""
        self.disable_input()
        self.close()
        self.held.drop_input()
        self.held.leave()

    def close(self) -> None:
        """Write out what is queued, while the terminal takes it."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.stop(_DRAIN_SECONDS)

    def _on_signal(self, number: signal.Signals, call: Callable[[], None]) -> None:
        if self._terminal_app.signals is not None:
            self._terminal_app.signals.on(number, call)

    def _stop(self) -> None:
        """Stopped by the operator: give the terminal back first."""
        if self._auto_restart and not self._away:
            self.suspend_application_mode()
            self._must_signal_resume = True
        os.kill(os.getpid(), signal.SIGSTOP)

    def _go_on(self) -> None:
        """Continued, after our own stop or one that came unannounced (SIGSTOP)."""
        if not self._auto_restart:  # another program has the terminal, and `App.suspend` will resume
            return
        if self._away:
            self.resume_application_mode()
        elif self._writer is not None and self.held.in_foreground():
            self.take_over()
            self.held.enter(signals=False, again=True)
            self.forget()
            self._send_size()
        self.flush()

    def _lose(self) -> None:
        """The terminal is gone."""
        if not self.lost:
            self.lost = True
            self._terminal_app.terminal_lost()

    # Input

    def _start_reader(self, typed: bytes) -> None:
        self._closing.clear()
        self._wake = os.pipe()
        arguments = (self._wake[0], typed)
        self._reader = Thread(target=self._read, args=arguments, name="lettaops-keys", daemon=True)
        self._reader.start()

    def _read(self, wake: int, typed: bytes) -> None:
        """Turn what the terminal sends, after what was typed before, into messages until told to end.

        Runs in a thread.
        """
        decoder = getincrementaldecoder("utf-8")(errors="replace")
        parser = XTermParser()
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            selector.register(wake, selectors.EVENT_READ)
            looks = 0  # after a key there may be a lone Escape to decide about; else sleep without waking up
            while not self._closing.is_set():
                wait = 0 if typed else constants.ESCAPE_DELAY if looks else None
                ready = {key.fd for key, _ in selector.select(wait)}
                if wake in ready:
                    return
                try:
                    data = os.read(self.fileno, 4096) if ready and not typed else typed or None
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                typed = b""
                if data == b"":  # end of file on a terminal: it was hung up
                    self._from_thread(self._lose)
                    return
                try:
                    for message in [*(parser.feed(decoder.decode(data)) if data else ()), *parser.tick()]:
                        self.process_message(message)
                except Exception:  # a sequence that Textual's parser can't read; no key is worth the session
                    parser = XTermParser()
                looks = 2 if data else max(0, looks - 1)

    def process_message(self, message: Message) -> None:
        """Pass a message on to the application."""
        if not isinstance(message, InBandWindowResize):
            Driver.process_message(self, message)

    def _send_size(self) -> None:
        width, height = self._size = self.held.size()
        size = Size(width, height)
        self.send_message(events.Resize(size, size))

    def _from_thread(self, call: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(call)
