"""Reading the logs of a stack: by service, over restarts and faults, merged in the order of time."""

from lettaops.monitor.logs.feed import LogFeed
from lettaops.monitor.logs.options import FeedOptions

__all__ = ["FeedOptions", "LogFeed"]
