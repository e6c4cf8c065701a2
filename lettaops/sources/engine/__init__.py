"""Our own client of the Docker Engine API, for what is asked all the time."""

from lettaops.sources.engine.client import Engine
from lettaops.sources.engine.exec import CANNOT_START, ExecResult, ExecStream
from lettaops.sources.engine.stats_cost import StatsStrategy, stats_cost
from lettaops.sources.engine.streams import DocumentStream, LogStream

__all__ = [
    "CANNOT_START",
    "DocumentStream",
    "Engine",
    "ExecResult",
    "ExecStream",
    "LogStream",
    "StatsStrategy",
    "stats_cost",
]
