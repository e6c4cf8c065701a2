"""How lettaops behaves in a database that isn't its own: what it asks may never be what hurts."""

from typing import Final

APPLICATION_NAME: Final = "lettaops"
STATEMENT_SECONDS: Final = 3
LOCK_SECONDS: Final = 1
# Settings of each of our sessions, from its start.
SESSION_SETTINGS: Final = {
    "application_name": APPLICATION_NAME,
    "default_transaction_read_only": "on",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "lock_timeout": f"{LOCK_SECONDS}s",
    "idle_in_transaction_session_timeout": "5s",
    "jit": "off",  # compiling would take longer than any of our statements
}
