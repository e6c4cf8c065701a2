"""Addresses of Postgres, as operators write them into `LETTA_PG_URI`."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.pguri import DatabaseAddress, parse_database_uri
from lettaops.model.secrets import redact


def parts(uri: str) -> tuple[str, int, str, str | None, str] | None:
    found = parse_database_uri(uri)
    if found is None:
        return None
    password = found.password.reveal() if found.password else None
    return (found.host, found.port, found.user, password, found.database)


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("postgresql://letta:letta@letta-db:5432/letta", ("letta-db", 5432, "letta", "letta", "letta")),
        ("postgres://u@h/d", ("h", 5432, "u", None, "d")),
        ("postgresql+asyncpg://u:p@h:6432/d?ssl=require", ("h", 6432, "u", "p", "d")),
        ("postgresql+pg8000://u:p%40ss%3A%2F@h/d", ("h", 5432, "u", "p@ss:/", "d")),
        ("postgresql://u:p@[fd00::5]:5433/d", ("fd00::5", 5433, "u", "p", "d")),
        ("postgresql://letta:pw@db", ("db", 5432, "letta", "pw", "letta")),
        ("postgresql://db.example.com/d", ("db.example.com", 5432, "", None, "d")),
        (" postgresql://u:p@h/d \n", ("h", 5432, "u", "p", "d")),
        ("postgresql://u:a@b@h/d", ("h", 5432, "u", "a@b", "d")),
    ],
)
def test_an_address_is_read(uri: str, address: tuple[object, ...]) -> None:
    assert parts(uri) == address


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "letta",
        "letta-db:5432",
        "mysql://u:p@h/d",
        "postgresql://",
        "postgresql:///d",
        "postgresql://u:p@h:port/d",
        "postgresql://u:p@h:99999/d",
        "postgresql://[fd00::5/d",
        "postgresql://${LETTA_PG_USER:-letta:letta@letta-db:5432/letta}",
        "postgresql://u:p@h/d:letta@letta-db:5432/letta}",
    ],
)
def test_what_is_no_address_is_none(uri: str) -> None:
    assert parts(uri) is None


@given(st.text(max_size=40) | st.text(max_size=30).map(lambda text: f"postgresql://{text}"))
def test_reading_never_fails(uri: str) -> None:
    parse_database_uri(uri)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_password_of_any_characters_comes_through(password: str) -> None:
    assert parts(f"postgresql://u:{quote(password, safe='')}@h/d") == ("h", 5432, "u", password, "d")


def test_the_password_is_struck_out_from_then_on_in_both_its_forms() -> None:
    found = parse_database_uri("postgresql://letta:correct%21horse@letta-db/letta")
    assert isinstance(found, DatabaseAddress)
    assert "horse" not in repr(found)
    assert redact("driver said correct!horse is wrong") == "driver said **** is wrong"
