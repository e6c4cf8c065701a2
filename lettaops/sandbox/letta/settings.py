"""What the stand-in reads of its environment: Letta's own variables, and where it really listens."""

from collections.abc import Mapping

import msgspec

from lettaops.sandbox.names import Names

Place = tuple[str, int]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """The server's settings, with Letta's defaults. Times in seconds.

    http, websocket: where it listens. source: the address that its connections come from.
    word_s: time that the model takes for a word.
    """

    uri: str
    names: Names
    password: str
    secure: bool
    pooled: bool
    pool_size: int
    max_overflow: int
    pool_timeout_s: float
    debug: bool
    json_logs: bool
    keepalive_s: float
    http: tuple[Place, ...]
    websocket: tuple[Place, ...]
    source: str
    word_s: float

    @property
    def wants_tls(self) -> bool:
        """With pooling Letta insists on TLS, except when the letters ssl are anywhere in the address."""
        return self.pooled and "ssl" not in self.uri


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Raises `ValueError` for a number that is none."""

    def truth(name: str, default: bool) -> bool:
        return environ.get(name, str(default)).lower() in {"true", "1", "yes", "on"}

    return Settings(
        uri=environ.get("LETTA_PG_URI", ""),
        names=Names.of(environ),
        password=environ.get("LETTA_SERVER_PASSWORD", ""),
        secure="true" in (environ.get("SECURE"), environ.get("LETTA_SERVER_SECURE")),
        pooled=not truth("LETTA_DISABLE_SQLALCHEMY_POOLING", True),
        pool_size=int(environ.get("LETTA_PG_POOL_SIZE", "25")),
        max_overflow=int(environ.get("LETTA_PG_MAX_OVERFLOW", "10")),
        pool_timeout_s=float(environ.get("LETTA_PG_POOL_TIMEOUT", "30")),
        debug=truth("LETTA_DEBUG", False),
        json_logs=truth("LETTA_LOGGING_JSON_LOGGING", False),
        keepalive_s=float(environ.get("LETTA_KEEPALIVE_INTERVAL", "50")),  # the image's own default
        http=_places(environ.get("SANDBOX_HTTP", "127.0.0.1:8283")),
        websocket=_places(environ.get("SANDBOX_WEBSOCKET", "")),
        source=environ.get("SANDBOX_ADDRESS", "127.0.0.1"),
        word_s=float(environ.get("SANDBOX_WORD_SECONDS", "0.05")),
    )


def _places(text: str) -> tuple[Place, ...]:
    parts = (each.rpartition(":") for each in text.split(",") if each)
    return tuple((host, int(port)) for host, _, port in parts)
