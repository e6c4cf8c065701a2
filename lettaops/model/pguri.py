"""Addresses of a Postgres database, as Letta's `LETTA_PG_URI` gives them."""

from urllib.parse import unquote, urlsplit

import msgspec

from lettaops.model.secrets import Secret
from lettaops.model.text import Safe, clean

DEFAULT_PORT = 5432


class DatabaseAddress(msgspec.Struct, frozen=True, kw_only=True):
    """Where a database is and as whom to enter it, as seen by the one who was given the address."""

    host: Safe
    port: int = DEFAULT_PORT
    user: Safe = Safe()
    password: Secret | None = None
    database: Safe = Safe()


def parse_database_uri(uri: str) -> DatabaseAddress | None:
    """The address in a `postgresql://` URI (a `+driver` after the scheme is allowed); None when it is none.

    docker-compose v1 hands Letta URIs with an unresolved `${…}` in them, or with the tail of Letta's nested
    default behind a URI that was set: those parse to None as well.
    """
    if "${" in uri or uri.rstrip().endswith("}"):
        return None
    try:
        parts = urlsplit(uri.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme.split("+")[0] not in {"postgresql", "postgres"} or not host:
        return None
    user = unquote(parts.username or "")
    return DatabaseAddress(
        host=clean(unquote(host)),
        port=port or DEFAULT_PORT,
        user=clean(user),
        password=Secret(unquote(parts.password)) if parts.password else None,
        database=clean(unquote(parts.path.lstrip("/")) or user),
    )
