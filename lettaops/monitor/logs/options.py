"""What of the logs is read, and how."""

import msgspec

from lettaops.model.frames import KEPT_BYTES


class FeedOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`services`: names of services, containers, or ids; none: the whole stack.

    `tail`: lines of each container from before now, None: all. `since_ns`: none older than this
    (nanoseconds since 1970). `follow`: go on with what comes. `catch_up`: lines of a container that
    are read at least to find the place where reading stopped; at most four times as many.
    `keep_bytes`: of a line.

    For a screen, which can't show what a flood brings: `rate`, lines a second in the long run, and
    `lag_s`, seconds behind the present after which the rest is left out (None: nothing is left out,
    and the reader is waited for). `interval`: seconds between two batches.
    """

    services: tuple[str, ...] = ()
    tail: int | None = 1000
    since_ns: int | None = None
    follow: bool = False
    catch_up: int = 1_000_000
    keep_bytes: int = KEPT_BYTES
    rate: float | None = None
    lag_s: float | None = None
    interval: float = 0.02
