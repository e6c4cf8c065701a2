"""Postgres by its own protocol: whether it answers, and sessions that only read."""

from lettaops.sources.postgres.connection import Session, open_session
from lettaops.sources.postgres.probes import PostgresProbes

__all__ = ["PostgresProbes", "Session", "open_session"]
