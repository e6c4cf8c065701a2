"""What can go wrong, in the operator's words, and the exit status of each.

Every error says what happened, what was not done and what to do next; the command line prints
the three, screens show them in a card.
"""

from enum import IntEnum
from typing import ClassVar

from lettaops.model.secrets import presentable
from lettaops.model.text import Safe


class Exit(IntEnum):
    """Exit statuses (a contract with scripts). 10 to 12 belong to status, doctor and backup check."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    PARTIAL = 3
    LOCKED = 4
    REFUSED = 5
    UNVERIFIED = 6
    ROLLED_BACK = 7
    NEEDS_PERSON = 8
    CANCELLED = 9
    WARNING = 10
    CRITICAL = 11
    UNKNOWN = 12


class LettaopsError(Exception):
    """Base of all errors that reach an operator.

    `what` says what happened, `not_done` what was left undone, `next_step` what to do about it.
    All three are cleaned and redacted here, so that an error can be shown anywhere.
    """

    exit: ClassVar[Exit] = Exit.FAILED

    def __init__(self, what: str, *, not_done: str = "", next_step: str = "") -> None:
        self.what: Safe = presentable(what)
        self.not_done: Safe = presentable(not_done)
        self.next_step: Safe = presentable(next_step)
        super().__init__(self.what)


class UsageError(LettaopsError):
    """The words of the command, or the configuration, can't be followed."""

    exit = Exit.USAGE


class Refused(LettaopsError):
    """A check before the act said no; nothing was touched."""

    exit = Exit.REFUSED


class Locked(LettaopsError):
    """Another operator or job holds the target."""

    exit = Exit.LOCKED


class Cancelled(LettaopsError):
    """The operator said no, or stopped it."""

    exit = Exit.CANCELLED


class Unproven(LettaopsError):
    """An act was sent, and it could not be seen whether it took effect."""

    exit = Exit.PARTIAL


class Unreachable(LettaopsError):
    """A backend can't be talked to: no socket, refused, reset, unresolvable, or the link was cut."""


class DeadlineExceeded(Unreachable):
    """A backend took the connection but didn't answer in time."""


class Denied(LettaopsError):
    """A backend, or the system, refuses us: permission, password, certificate. Retrying doesn't help."""


class ProtocolError(LettaopsError):
    """A backend answered something that its protocol doesn't allow."""


class ApiError(LettaopsError):
    """A backend answered with an error status."""

    def __init__(self, status: int, what: str, *, not_done: str = "", next_step: str = "") -> None:
        self.status = status
        super().__init__(what, not_done=not_done, next_step=next_step)


class NotFound(ApiError):
    """What was asked for isn't there (any more)."""


class Conflict(ApiError):
    """The state of the thing doesn't allow the act."""


def explaining(errors: BaseExceptionGroup[LettaopsError]) -> LettaopsError:
    """The error of a group that explains most: a refusal before a silence before anything else."""
    flat: list[LettaopsError] = []
    groups: list[BaseException] = list(errors.exceptions)
    while groups:
        each = groups.pop()
        if isinstance(each, BaseExceptionGroup):
            groups += each.exceptions
        elif isinstance(each, LettaopsError):
            flat.append(each)
    return next(
        (each for kind in (Denied, UsageError, Unreachable) for each in flat if isinstance(each, kind)),
        flat[0],
    )
