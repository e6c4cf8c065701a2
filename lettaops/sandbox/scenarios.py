"""What can be broken in a living sandbox, and how it is mended. What does it is in `breaking`."""

from collections.abc import Mapping
from typing import Final

import msgspec

from lettaops.model.errors import UsageError


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of trouble. `happens`, `mend`: a sentence each, for people."""

    name: str
    happens: str
    mend: str


DATABASE_DOWN: Final = Scenario(
    name="database-down",
    happens="Postgres is stopped; the server still says that it is well.",
    mend="Start letta_db.",
)
RESTART_LOOP: Final = Scenario(
    name="restart-loop",
    happens="The database is a newer server's: this one can't migrate it and ends, again and again.",
    mend="In letta_db: psql -U letta -c \"UPDATE alembic_version SET version_num = '1c28e167b74f'\"",
)
POOL_EXHAUSTED: Final = Scenario(
    name="pool-exhausted",
    happens="All connections of the server's pool are idle in transaction; requests wait in vain.",
    mend="Terminate those sessions, or restart letta_server.",
)
LOG_FLOOD: Final = Scenario(
    name="log-flood",
    happens="The server writes some 2000 lines a second.",
    mend="Restart letta_server.",
)
SCENARIOS: Final[Mapping[str, Scenario]] = {
    each.name: each for each in (DATABASE_DOWN, RESTART_LOOP, POOL_EXHAUSTED, LOG_FLOOD)
}


def named(name: str) -> Scenario:
    """The scenario of a name. Raises `UsageError`."""
    if name not in SCENARIOS:
        raise UsageError(f"there is no scenario {name}", next_step=f"known: {', '.join(SCENARIOS)}")
    return SCENARIOS[name]
