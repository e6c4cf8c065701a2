"""Faults that nobody caught end in a report, never as a traceback on the operator's screen."""

import asyncio
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

Report = Callable[[BaseException], object]


@contextmanager
def silenced(report: Report) -> Iterator[None]:
    """Give faults in threads and in destructors to `report`; warnings and stray log records go nowhere."""
    thread_hook, unraisable_hook = threading.excepthook, sys.unraisablehook
    last_resort, show = logging.lastResort, warnings.showwarning

    def in_thread(fault: Any) -> None:
        if fault.exc_value is not None:
            report(fault.exc_value)

    def in_destructor(fault: Any) -> None:
        if fault.exc_value is not None:
            report(fault.exc_value)

    threading.excepthook, sys.unraisablehook = in_thread, in_destructor
    logging.lastResort, warnings.showwarning = None, _no_warning
    try:
        yield
    finally:
        threading.excepthook, sys.unraisablehook = thread_hook, unraisable_hook
        logging.lastResort, warnings.showwarning = last_resort, show


def silence_loop(loop: asyncio.AbstractEventLoop, report: Report) -> None:
    """Give faults of tasks that nobody waits for to `report`."""

    def handle(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            report(error)

    loop.set_exception_handler(handle)


def _no_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Warnings are for developers; the tests make them errors."""
