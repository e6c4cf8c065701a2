"""Whose a session is, what it does, and who waits for whom."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.database.blocking import blocking_tree
from lettaops.model.database.clients import Clients, clients_of
from lettaops.model.database.sessions import Owner, Session, State, count, groups, query_text, sessions_from
from lettaops.model.document import Document
from lettaops.model.engine import Attachment
from lettaops.model.text import Safe
from tests.unit.build import (
    HOSTILE,
    cache,
    damaged,
    database,
    is_clean,
    server,
    sidecar,
    stack_of,
)

ROW = {
    "pid": 10,
    "started_us": 1_700_000_000_000_000,
    "statement_us": 1_700_000_001_000_000,
    "leader_pid": None,
    "datname": "letta",
    "usename": "letta",
    "application_name": "",
    "client_addr": "172.20.0.9",
    "backend_type": "client backend",
    "state": "active",
    "wait_event_type": None,
    "wait_event": None,
    "age_s": 60.5,
    "transaction_s": 2.0,
    "query_s": 1.0,
    "state_s": 1.0,
    "xmin_age": 5,
    "blocked_by": None,
    "query": "select 1",
}


def one(clients: Clients | None = None, own_user: str = "letta", **changes: Any) -> Session:
    (found,) = sessions_from([Document(ROW | changes)], clients or Clients(), own_user=own_user)
    return found


def address_of(container: Any) -> str:
    return str(container.attachments[0].address)


STACK = stack_of(database(), server(), sidecar(), cache())
KNOWN = clients_of(STACK)


@pytest.mark.parametrize(
    ("changes", "owner", "client"),
    [
        ({"client_addr": address_of(server())}, Owner.LETTA, "letta_server"),
        ({"client_addr": address_of(server()), "application_name": "x"}, Owner.LETTA, "letta_server"),
        ({"client_addr": address_of(sidecar())}, Owner.STRANGER, "otel"),
        ({"client_addr": "10.9.9.9"}, Owner.STRANGER, "10.9.9.9"),
        ({"client_addr": "127.0.0.1"}, Owner.STRANGER, "its own loopback"),
        ({"client_addr": None}, Owner.STRANGER, "a local socket"),
        ({"client_addr": None, "application_name": "lettaops"}, Owner.LETTAOPS, "a local socket"),
        ({"application_name": "lettaops", "usename": "eve"}, Owner.STRANGER, "172.20.0.9"),
        ({"backend_type": "walwriter", "usename": None, "client_addr": None}, Owner.BACKGROUND, ""),
        ({"backend_type": "parallel worker", "leader_pid": 9}, Owner.BACKGROUND, ""),
        ({"backend_type": "walsender"}, Owner.BACKGROUND, ""),
        (
            {"backend_type": None, "state": None, "query": "<insufficient privilege>"},
            Owner.STRANGER,
            "hidden",
        ),
    ],
)
def test_whose_it_is(changes: dict[str, Any], owner: Owner, client: str) -> None:
    found = one(KNOWN, **changes)
    assert (found.owner, found.client) == (owner, client)
    assert found.is_client is (owner is not Owner.BACKGROUND)


def test_a_session_through_the_published_port_comes_from_the_gateway() -> None:
    place = Attachment(
        network=Safe("letta_default"),
        address=Safe("172.20.0.2"),
        gateway=Safe("172.20.0.1"),
        aliases=(Safe("letta-db"),),
    )
    db = msgspec.structs.replace(database(), attachments=(place,))
    by_port = clients_of(stack_of(db, server()))
    assert one(by_port, client_addr="172.20.0.1").client == "the host, by the published port"
    assert one(by_port, client_addr="172.20.0.1").owner is Owner.STRANGER
    on_host = clients_of(stack_of(db, server(networks=("host",), network_mode="host")))
    assert one(on_host, client_addr="172.20.0.1").owner is Owner.LETTA
    assert one(on_host, client_addr="172.20.0.1", application_name="psql").owner is Owner.STRANGER


def test_replicas_are_told_apart() -> None:
    first, second = server("letta-letta_server-1"), server("letta-letta_server-2")
    clients = clients_of(stack_of(database(), first, second))
    assert one(clients, client_addr=address_of(second)).client == "letta-letta_server-2"


def test_an_embedded_database_and_one_elsewhere() -> None:
    inside = clients_of(stack_of(server(uri=None)))
    assert one(inside, client_addr="127.0.0.1").owner is Owner.LETTA
    assert one(inside, client_addr="127.0.0.1", application_name="psql").owner is Owner.STRANGER
    away = clients_of(stack_of(server(uri="postgresql://letta:p@db.example.org/letta")))
    assert one(away, client_addr="203.0.113.5").owner is Owner.LETTA
    assert one(away, client_addr="203.0.113.5", usename="report").owner is Owner.STRANGER


@pytest.mark.parametrize(
    ("state", "expected", "in_transaction"),
    [
        ("active", State.ACTIVE, False),
        ("idle in transaction", State.IDLE_IN_TRANSACTION, True),
        ("idle in transaction (aborted)", State.ABORTED, True),
        ("starting", State.STARTING, False),
        ("of a later version", State.UNKNOWN, False),
        (None, State.UNKNOWN, False),
    ],
)
def test_states(state: str | None, expected: State, in_transaction: bool) -> None:
    found = one(state=state)
    assert (found.state, found.state.in_transaction) == (expected, in_transaction)


def test_ages_are_never_negative_and_unknown_ones_stay_unknown() -> None:
    found = one(age_s=-3600.0, transaction_s=None, state_s="soon")
    assert (found.age_s, found.transaction_s, found.state_s) == (0.0, None, None)


@pytest.mark.parametrize(
    ("kind", "event", "said"),
    [("Client", "ClientRead", ""), ("Lock", "transactionid", "Lock: transactionid"), (None, None, "")],
)
def test_waits(kind: str | None, event: str | None, said: str) -> None:
    assert one(wait_event_type=kind, wait_event=event).waits == said


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("select 1\n  from\tagents", "select 1 from agents"),
        ("ALTER ROLE letta PASSWORD 'open-sesame'", "ALTER ROLE letta PASSWORD '****'"),
        ("create user x password E'open\\'sesame", "create user x password '****'"),
        ("alter role x password $q$sesame$q$ valid until", "alter role x password '****' valid until"),
        (
            "select * from providers where api_key = 'sk-1234567890'",
            "select * from providers where api_key = '****'",
        ),
    ],
)
def test_query_texts_are_one_line_without_passwords(raw: str, shown: str) -> None:
    assert query_text(raw) == shown


def test_a_long_query_is_cut_and_a_hostile_one_clean() -> None:
    assert len(query_text("x" * 100_000)) < 1100
    assert is_clean(query_text(HOSTILE))
    found = one(application_name=HOSTILE, usename=HOSTILE, datname=HOSTILE, query=HOSTILE, wait_event=HOSTILE)
    for text in (found.application, found.user, found.database, found.query, found.waits):
        assert is_clean(text)


def test_groups() -> None:
    rows = [
        ROW | {"pid": 1, "state": "idle", "state_s": 5},
        ROW | {"pid": 2, "state": "idle", "state_s": 50},
        ROW | {"pid": 3, "state": "active"},
        ROW | {"pid": 4, "application_name": "lettaops"},
        ROW | {"pid": 5, "backend_type": "walwriter", "usename": None},
    ]
    found = sessions_from([Document(each) for each in rows], Clients(), own_user="letta")
    assert [(each.owner, each.state, each.count, each.longest_s) for each in groups(found)] == [
        (Owner.LETTAOPS, State.ACTIVE, 1, 1.0),
        (Owner.STRANGER, State.ACTIVE, 1, 1.0),
        (Owner.STRANGER, State.IDLE, 2, 50.0),
    ]
    assert count(found, Owner.STRANGER) == 3


@given(damaged([ROW, ROW | {"blocked_by": [1, 2]}]))
def test_rows_of_any_shape_are_read(rows: Any) -> None:
    found = sessions_from(Document({"rows": rows}).subs("rows"), KNOWN, own_user="letta")
    blocking_tree(found)
    groups(found)
    for each in found:
        assert is_clean(f"{each.query}{each.client}{each.user}{each.application}{each.kind}{each.waits}")


def waiting(**blockers: tuple[int, ...]) -> tuple[Session, ...]:
    """Sessions named p1, p2 … and those that each waits for."""
    rows = [
        Document(ROW | {"pid": int(name[1:]), "started_us": int(name[1:]), "blocked_by": list(held)})
        for name, held in blockers.items()
    ]
    return sessions_from(rows, Clients(), own_user="x")


def shape(sessions: tuple[Session, ...]) -> list[tuple[int, int, int]]:
    return [(knot.pid, knot.depth, knot.behind) for knot in blocking_tree(sessions)]


@pytest.mark.parametrize(
    ("sessions", "tree"),
    [
        (waiting(p1=(), p2=()), []),
        (waiting(p1=(), p2=(1,), p3=(2,)), [(1, 0, 2), (2, 1, 1), (3, 2, 0)]),
        # Two roots.
        (waiting(p1=(), p2=(1,), p3=(), p4=(3,)), [(1, 0, 1), (2, 1, 0), (3, 0, 1), (4, 1, 0)]),
        # 3 waits for 1 and, behind it in the queue, for 2, which waits for 1 itself: it stands below 2 only.
        (waiting(p1=(), p2=(1,), p3=(1, 2)), [(1, 0, 2), (2, 1, 1), (3, 2, 0)]),
        # The blocker is not among the sessions, or a prepared transaction.
        (waiting(p2=(1,)), [(1, 0, 1), (2, 1, 0)]),
        (waiting(p2=(0,), p3=(0,)), [(0, 0, 2), (2, 1, 0), (3, 1, 0)]),
        # The same blocker several times, as parallel workers of it give.
        (waiting(p1=(), p2=(1, 1)), [(1, 0, 1), (2, 1, 0)]),
    ],
)
def test_trees(sessions: tuple[Session, ...], tree: list[tuple[int, int, int]]) -> None:
    assert shape(sessions) == tree


def test_one_that_waits_for_two_that_have_nothing_to_do_with_each_other() -> None:
    tree = blocking_tree(waiting(p1=(), p2=(), p3=(1, 2)))
    assert [(knot.pid, knot.depth, knot.also, knot.behind) for knot in tree] == [
        (1, 0, (), 1),
        (3, 1, (2,), 0),
        (2, 0, (), 1),
    ]


def test_a_deadlock_before_postgres_ends_it() -> None:
    tree = blocking_tree(waiting(p1=(2,), p2=(1,), p3=(1,)))
    assert [(knot.pid, knot.depth) for knot in tree] == [(1, 0), (2, 1), (3, 1)]
    assert [knot.circle for knot in tree] == [True, False, False]


def test_words_for_lines_without_a_session() -> None:
    tree = blocking_tree(waiting(p2=(0,), p3=(77,)))
    words = {knot.pid: knot.words for knot in tree if knot.session is None}
    assert words == {0: "a prepared transaction", 77: "a session that isn't seen"}


@given(st.dictionaries(st.integers(1, 12), st.lists(st.integers(0, 12), max_size=4), max_size=12))
def test_each_waiting_session_is_drawn_once_whatever_waits_for_what(blockers: dict[int, list[int]]) -> None:
    sessions = waiting(**{f"p{pid}": tuple(held) for pid, held in blockers.items()})
    tree = blocking_tree(sessions)
    drawn = [knot.pid for knot in tree]
    assert len(drawn) == len(set(drawn))
    assert {each.pid for each in sessions if each.blocked_by} <= set(drawn)
    assert all(knot.depth == 0 or tree[at - 1].depth >= knot.depth - 1 for at, knot in enumerate(tree))


def test_a_long_queue_is_no_problem() -> None:
    chain = waiting(p1=(), **{f"p{n}": (n - 1,) for n in range(2, 500)})
    assert blocking_tree(chain)[-1].depth == 498
