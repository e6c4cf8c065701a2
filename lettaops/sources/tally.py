"""What lettaops itself adds to a database's counters, so that it can be taken off them again."""

from collections import Counter
from typing import Final

from lettaops.model.database.activity import Own

# Postgres counts one transaction for letting a session in.
TRANSACTIONS_A_SESSION: Final = 1

_sessions: Counter[str] = Counter()
_transactions: Counter[str] = Counter()


def session_opened(database: str) -> None:
    """A session of ours began."""
    _sessions[database] += 1
    _transactions[database] += TRANSACTIONS_A_SESSION


def transactions_ended(database: str, count: int) -> None:
    """Transactions of ours ended."""
    _transactions[database] += count


def own(database: str) -> Own:
    """All that this process did in a database so far."""
    return Own(transactions=_transactions[database], sessions=_sessions[database])
