"""The sessions of a database: whose they are, what they do, for how long. Ages are by the server's clock."""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

import msgspec

from lettaops.model.database.clients import Clients
from lettaops.model.database.guest import APPLICATION_NAME
from lettaops.model.document import Document
from lettaops.model.secrets import presentable
from lettaops.model.text import Safe, clean

QUERY_LIMIT: Final = 1000  # characters that are kept
NAME_LIMIT: Final = 63  # bytes of a name in Postgres
_PASSWORD: Final = re.compile(r"(?i)(\bpassword\s+)(?:[eE]?'(?:[^'\\]|\\.|'')*'?|\$(\w*)\$.*?(?:\$\2\$|\Z))")
_CLIENT_BACKEND: Final = "client backend"


class State(StrEnum):
    """`state` of pg_stat_activity. HIDDEN: we may not see it; UNKNOWN: a state of a later version."""

    ACTIVE = "active"
    IDLE = "idle"
    IDLE_IN_TRANSACTION = "idle in transaction"
    ABORTED = "idle in transaction (aborted)"
    FASTPATH = "fastpath function call"
    STARTING = "starting"
    DISABLED = "disabled"
    HIDDEN = "hidden"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "State":
        return cls.UNKNOWN

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open while nothing runs in it: it holds its locks and old rows."""
        return self in {State.IDLE_IN_TRANSACTION, State.ABORTED}


class Owner(StrEnum):
    """Whose a session is. BACKGROUND: a process of the database itself."""

    LETTA = "letta"
    LETTAOPS = "lettaops"
    STRANGER = "stranger"
    BACKGROUND = "background"


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One server process. Ages in seconds, None where it has none, or where it is hidden from us.

    `started_us`: its start in microseconds since 1970, by the server; with the pid it names the process,
    which the pid alone does not. `statement_us`: start of its last statement. `waits`: kind and event, empty
    while it waits for nothing. `query` is the running statement, or the last one. `leader`: the process that
    it works for in parallel. `xmin_age`: how many transactions ago the oldest began whose rows it may still
    want to see.
    """

    pid: int
    started_us: int | None
    statement_us: int | None = None
    owner: Owner
    state: State
    kind: Safe
    client: Safe
    address: Safe = Safe()
    user: Safe = Safe()
    database: Safe = Safe()
    application: Safe = Safe()
    waits: Safe = Safe()
    query: Safe = Safe()
    age_s: float | None = None
    transaction_s: float | None = None
    query_s: float | None = None
    state_s: float | None = None
    blocked_by: tuple[int, ...] = ()
    leader: int | None = None
    xmin_age: int | None = None

    @property
    def is_client(self) -> bool:
        """Whether it takes one of `max_connections`."""
        return self.owner is not Owner.BACKGROUND

    @property
    def hidden(self) -> bool:
        """Whether we may not see what it does."""
        return self.state is State.HIDDEN


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions of one owner in one state; the longest time that one of them has been in it."""

    owner: Owner
    state: State
    count: int
    longest_s: float | None


def sessions_from(rows: Iterable[Document], clients: Clients, *, own_user: str) -> tuple[Session, ...]:
    """The sessions in rows of the sessions statement, in the order of their start."""
    found = [_session(row, clients, own_user) for row in rows if row.integer("pid") is not None]
    return tuple(sorted(found, key=lambda each: (each.started_us or 0, each.pid)))


def groups(sessions: Sequence[Session]) -> tuple[Group, ...]:
    """Client sessions by owner and state, in the order of the two enumerations."""
    found: dict[tuple[Owner, State], list[Session]] = {}
    for session in sessions:
        if session.is_client:
            found.setdefault((session.owner, session.state), []).append(session)
    owners, states = list(Owner), list(State)
    return tuple(
        Group(
            owner=owner,
            state=state,
            count=len(members),
            longest_s=max((each.state_s for each in members if each.state_s is not None), default=None),
        )
        for (owner, state), members in sorted(
            found.items(), key=lambda item: (owners.index(item[0][0]), states.index(item[0][1]))
        )
    )


def count(sessions: Iterable[Session], owner: Owner) -> int:
    """How many sessions an owner has."""
    return sum(each.owner is owner for each in sessions)


def _session(row: Document, clients: Clients, own_user: str) -> Session:
    kind = row.text("backend_type")
    user, application, address = row.text("usename"), row.text("application_name"), row.text("client_addr")
    # Of a session that is hidden from us only its user, database and application are told.
    hidden = not kind and bool(user)
    started = row.integer("started_us")
    owner = _owner(kind, hidden, user, application, address, clients, own_user)
    client = clients.of(address)
    return Session(
        pid=row.integer("pid") or 0,
        started_us=started,
        statement_us=row.integer("statement_us"),
        owner=owner,
        state=State.HIDDEN if hidden else State(row.text("state")),
        kind=kind,
        client=Safe("hidden") if hidden else client.name if owner is not Owner.BACKGROUND else Safe(),
        address=address,
        user=clean(user, NAME_LIMIT),
        database=clean(row.text("datname"), NAME_LIMIT),
        application=clean(application, NAME_LIMIT),
        waits=_waits(row),
        query=query_text(row.raw("query")) if not hidden else Safe(),
        age_s=_age(row, "age_s"),
        transaction_s=_age(row, "transaction_s"),
        query_s=_age(row, "query_s"),
        state_s=_age(row, "state_s"),
        blocked_by=row.integers("blocked_by"),
        leader=row.integer("leader_pid"),
        xmin_age=row.integer("xmin_age"),
    )


def query_text(raw: str) -> Safe:
    """A statement on one line, at most `QUERY_LIMIT` characters, without the passwords that it sets."""
    line = " ".join(raw[: QUERY_LIMIT * 4].split())
    return clean(presentable(_PASSWORD.sub(r"\1'****'", line)), QUERY_LIMIT)


def _owner(
    kind: str, hidden: bool, user: str, application: str, address: str, clients: Clients, own_user: str
) -> Owner:
    if not hidden and kind != _CLIENT_BACKEND:
        return Owner.BACKGROUND
    # Anybody may take this name: it counts only with the role that we enter as.
    if application == APPLICATION_NAME and user == own_user:
        return Owner.LETTAOPS
    if hidden:
        return Owner.STRANGER
    client = clients.of(address)
    if client.server:
        return Owner.LETTA
    # Letta names no application; where the address alone doesn't tell, its role has to.
    return Owner.LETTA if client.perhaps and user == clients.user and not application else Owner.STRANGER


def _waits(row: Document) -> Safe:
    kind, event = row.text("wait_event_type"), row.text("wait_event")
    if not kind or (kind == "Client" and event == "ClientRead"):  # waits for the next request: that is idle
        return Safe()
    return clean(f"{kind}: {event}", NAME_LIMIT)


def _age(row: Document, name: str) -> float | None:
    """An age is never negative: the clock may have been set back since."""
    seconds = row.number(name)
    return None if seconds is None else max(0.0, seconds)
