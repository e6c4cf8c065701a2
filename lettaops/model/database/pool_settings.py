"""The settings of a Letta server that decide how many database sessions it opens, as the server reads them.

Letta reads its environment with pydantic-settings: names in any case, the prefix `LETTA_`, booleans and whole
numbers in the spellings below; a value that it can't read keeps it from starting. Defaults by version are
those of `letta/settings.py` in the releases.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from lettaops.model.secrets import Secret
from lettaops.model.text import Safe, clean

POOLING: Final = "LETTA_DISABLE_SQLALCHEMY_POOLING"
SIZE: Final = "LETTA_PG_POOL_SIZE"
OVERFLOW: Final = "LETTA_PG_MAX_OVERFLOW"
WORKERS: Final = "LETTA_UVICORN_WORKERS"
KNOWN_VERSION: Final = (0, 16, 8)

# Spellings that pydantic takes for a boolean, in any case, without blanks around them.
_BOOLEANS: Final = dict.fromkeys(("1", "on", "t", "true", "y", "yes"), True) | dict.fromkeys(
    ("0", "off", "f", "false", "n", "no"), False
)
# And for a whole number: a sign, digits with single underscores between them, zeros after a point.
_INTEGER: Final = re.compile(r"[+-]?[0-9]+(?:_[0-9]+)*(?:\.0+)?")
_LONGEST_NUMBER: Final = 20
_VERSION: Final = re.compile(r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?")

Version = tuple[int, int, int]


class Origin(StrEnum):
    """Where an effective value comes from. INVALID: the environment gives one that the server can't read."""

    ENVIRONMENT = "environment"
    DEFAULT = "default"
    INVALID = "invalid"


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as it takes effect. `given` is the environment's own text, empty when unset.

    `value` is None where the origin is INVALID. `ignored`: the server reads it and does nothing with it.
    """

    name: str
    value: int | bool | None
    default: int | bool
    origin: Origin
    given: Safe = Safe()
    ignored: bool = False


class PoolSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one server opens database sessions. `version` None: not known, the newest one's defaults are shown.

    `pooling` None: its setting can't be read. `pools`: how many each worker has (before 0.12 there was one
    more, for code that isn't asynchronous). `forces_tls`: with pooling it asks for TLS, whatever the database
    offers, because nothing in the database's URI says otherwise. `configuration_file`: one that the
    environment names, whose values stand behind those of the environment and aren't read here.
    """

    version: Version | None
    pooling: bool | None
    size: Setting
    overflow: Setting
    workers: Setting
    switch: Setting | None
    pools: int = 1
    forces_tls: bool = False
    configuration_file: Safe = Safe()

    @property
    def settings(self) -> tuple[Setting, ...]:
        """All settings, the one that decides about the others first."""
        rest = (self.size, self.overflow, self.workers)
        return rest if self.switch is None else (self.switch, *rest)

    @property
    def invalid(self) -> tuple[Setting, ...]:
        """Settings that keep the server from starting."""
        return tuple(each for each in self.settings if each.origin is Origin.INVALID)

    @property
    def ceiling(self) -> int | None:
        """The most sessions that all its workers can hold; None when nothing bounds them.

        SQLAlchemy's QueuePool: a size of 0 and a negative overflow mean "no limit".
        """
        size, overflow, workers = self.size.value, self.overflow.value, self.workers.value
        if not self.pooling or size is None or overflow is None or workers is None:
            return None
        if size <= 0 or overflow < 0:
            return None
        return max(1, workers) * self.pools * (size + overflow)


def parse_version(text: str) -> Version | None:
    """`0.16.8` as numbers, what follows them left out; None when it is no version."""
    found = _VERSION.match(text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def parse_boolean(text: str) -> bool | None:
    """A boolean as Letta reads it; None for what keeps it from starting (empty text too)."""
    return _BOOLEANS.get(text.lower())


def parse_integer(text: str) -> int | None:
    """A whole number as Letta reads it; None for what keeps it from starting (empty text too)."""
    bare = text.strip()
    if len(bare) > _LONGEST_NUMBER or not _INTEGER.fullmatch(bare):
        return None
    return int(bare.partition(".")[0].replace("_", ""))


def read_pool_settings(environment: Mapping[str, str | Secret], version: Version | None) -> PoolSettings:
    """The effective settings of a server with this environment."""
    given = {name.upper(): value for name, value in environment.items()}
    known = version or KNOWN_VERSION
    size, overflow = (80, 30) if known < (0, 7, 0) else (25, 10)
    # Before 0.7 there was no switch: it always pooled.
    switch = None if known < (0, 7, 0) else _boolean(given, POOLING, default=known >= (0, 12, 0))
    pooling = True if switch is None else None if switch.value is None else not switch.value
    uri = given.get("LETTA_PG_URI")
    says_ssl = isinstance(uri, Secret) and "ssl" in uri.reveal()
    path = given.get("LETTA_CONFIG_PATH", "")
    return PoolSettings(
        version=version,
        pooling=pooling,
        size=_integer(given, SIZE, default=size, ignored=pooling is False),
        overflow=_integer(given, OVERFLOW, default=overflow, ignored=pooling is False),
        workers=_integer(given, WORKERS, default=1),
        switch=switch,
        pools=2 if (0, 7, 0) <= known < (0, 12, 0) else 1,
        forces_tls=bool(pooling) and known >= (0, 12, 0) and not says_ssl,
        configuration_file=clean(path) if isinstance(path, str) else Safe(),
    )


def _boolean(given: Mapping[str, str | Secret], name: str, *, default: bool) -> Setting:
    text = given.get(name)
    if not isinstance(text, str):
        return Setting(name=name, value=default, default=default, origin=Origin.DEFAULT)
    return _setting(name, parse_boolean(text), default, text, ignored=False)


def _integer(given: Mapping[str, str | Secret], name: str, *, default: int, ignored: bool = False) -> Setting:
    text = given.get(name)
    if not isinstance(text, str):
        return Setting(name=name, value=default, default=default, origin=Origin.DEFAULT, ignored=ignored)
    return _setting(name, parse_integer(text), default, text, ignored=ignored)


def _setting(
    name: str, value: int | bool | None, default: int | bool, text: str, *, ignored: bool
) -> Setting:
    return Setting(
        name=name,
        value=value,
        default=default,
        origin=Origin.ENVIRONMENT if value is not None else Origin.INVALID,
        given=clean(text, 80),
        ignored=ignored,
    )
