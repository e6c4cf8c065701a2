"""Faults of our own: one report for each, and a sentence that says where it is."""

import contextlib
from collections.abc import Callable
from pathlib import Path


class Faults:
    """`report` writes a report and gives its place, `tell` shows a line until a key is pressed."""

    def __init__(self, report: Callable[[BaseException], Path | None], tell: Callable[[str], None]) -> None:
        self._report = report
        self._tell = tell
        self._reports: dict[str, Path | None] = {}  # of faults that may come with each snapshot
        self.card = ""  # where the report is of the fault that a screen still shows; empty when it is well

    def say(self, what: str, error: BaseException) -> str:
        """One sentence about a fault. Returns where its report is."""
        key = repr(root(error))
        if key not in self._reports:
            self._reports[key] = self._report(error)
        place = self._reports[key]
        where = f"report in {place}" if place else "no report could be written"
        with contextlib.suppress(Exception):  # there is nowhere else to say it
            self._tell(f"{what}: {where}")
        return where

    def screen_failed(self, error: BaseException) -> None:
        """A screen, or a part of one, raised: its card."""
        self.card = self.say("this screen failed and shows old values", error)


def root(error: BaseException) -> BaseException:
    """The first fault in a group of them."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
