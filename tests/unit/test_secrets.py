"""A secret shows nowhere, and what is struck out of a text is the secret and not the text."""

import copy
import json
import pickle
import traceback

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.encoding import encode
from lettaops.model.engine import Environment
from lettaops.model.errors import LettaopsError
from lettaops.model.pguri import parse_database_uri
from lettaops.model.secrets import MASK, Redactor, Secret, is_secret_name, redact

VALUE = "hunter2-corréct"


class Holder(msgspec.Struct):
    """A value with a secret in it, as the program's own are."""

    name: str
    password: Secret


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        "{}".format,
        "{:>10}".format,
        "{0!r}".format,
        "%s".__mod__,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!s:.3}",
        lambda secret: str([secret]),
        lambda secret: str({"password": secret}),
        lambda secret: repr(Holder(name="x", password=secret)),
        lambda secret: encode({"password": secret}).decode(),
        lambda secret: repr(Environment((f"API_KEY={secret.reveal()}",))),
        lambda secret: json.dumps({"password": secret}, default=str),
    ],
)
def test_no_formatting_shows_a_secret(show: object) -> None:
    assert callable(show)
    shown = show(Secret(VALUE))
    assert VALUE not in shown
    assert "corr" not in shown


@pytest.mark.parametrize("leave", [json.dumps, msgspec.json.encode, pickle.dumps, copy.copy, copy.deepcopy])
def test_a_secret_can_not_be_stored(leave: object) -> None:
    assert callable(leave)
    with pytest.raises(TypeError):
        leave(Secret(VALUE))


def test_a_traceback_does_not_show_it() -> None:
    def fail(password: Secret) -> None:
        raise ValueError(password)

    with pytest.raises(ValueError, match=r"\*{4}") as caught:
        fail(Secret(VALUE))
    assert VALUE not in "".join(traceback.format_exception(caught.value))


def test_a_secret_is_equal_to_its_like_and_to_nothing_else() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a").fingerprint() != Secret("b").fingerprint()
    assert not Secret("")
    assert Secret(VALUE).reveal() == VALUE


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=6, max_size=40))
def test_a_registered_value_is_struck_wherever_it_stands(value: str) -> None:
    redactor = Redactor()
    redactor.register(value)
    plain = value.lower() in {"postgres", "password", "secret"} or (value.isdecimal() and len(value) < 8)
    found = redactor.redact(f"<<{value}>> and {value}")
    assert plain or value not in found.replace(MASK, "")


def test_the_longer_of_two_secrets_is_struck_whole() -> None:
    Secret("correct-horse")
    Secret("correct-horse-battery")
    assert redact("it is correct-horse-battery!") == f"it is {MASK}!"


@pytest.mark.parametrize(
    ("uri", "left"),
    [
        ("postgresql://letta:letta@letta-db:5432/letta", "postgresql://letta:****@letta-db:5432/letta"),
        ("postgresql+pg8000://u:p%40ss@h/d", "postgresql+pg8000://u:****@h/d"),
        ("postgres://u:p@ss@w@h/d", "postgres://u:****@h/d"),
        ("postgres://u:p/a?s#s@h/d", "postgres://u:****@h/d"),
        ("postgres://u:p'q\"r@h/d", "postgres://u:****@h/d"),
        ("redis://:sesame@redis:6379/0", "redis://:****@redis:6379/0"),
        ("https://user:tok_en@example.com/x", "https://user:****@example.com/x"),
    ],
)
def test_the_password_of_a_uri_is_struck(uri: str, left: str) -> None:
    assert redact(f"Using database:  {uri}") == f"Using database:  {left}"
    assert redact(f'"{uri}"') == f'"{left}"'


@given(st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1, max_size=20))
def test_a_password_of_any_characters_is_struck_from_a_uri(password: str) -> None:
    found = redact(f"see postgresql://letta:{password}@letta-db:5432/letta now")
    assert found == "see postgresql://letta:****@letta-db:5432/letta now"


@pytest.mark.parametrize(
    ("line", "left"),
    [
        ("▶ Using secure mode with password: sekrit", "▶ Using secure mode with password: ****"),
        (
            "Using database:  postgresql+pg8000://letta:letta@letta-db:5432/letta",
            "Using database:  postgresql+pg8000://letta:****@letta-db:5432/letta",
        ),
        ("LETTA_SERVER_PASSWORD=abc", "LETTA_SERVER_PASSWORD=****"),
        ("LETTA_SERVER_PASSWORD=a,b;c", "LETTA_SERVER_PASSWORD=****"),
        ("PGPASSWORD='two words' psql", "PGPASSWORD='****' psql"),
        ('{"api_key": "sk-a\\"b", "n": 1}', '{"api_key": "****", "n": 1}'),
        ("OPENAI_API_KEY: sk-123", "OPENAI_API_KEY: ****"),
        ("aws_secret_access_key = AbC/dEf+1", "aws_secret_access_key = ****"),
        ("access-key=AKIA1", "access-key=****"),
        ("Authorization: Bearer abc.DEF-123", "Authorization: Bearer ****"),
        ("authorization: basic bGV0dGE6bGV0dGE=", "authorization: basic ****"),
        ("X-BARE-PASSWORD: password sekrit", "X-BARE-PASSWORD: password ****"),
        ("'x-bare-password': 'password sekrit'", "'x-bare-password': 'password ****'"),
        ("GET /x?token=abc123&limit=5", "GET /x?token=****"),
        ("password=first password=second", "password=**** password=****"),
    ],
)
def test_a_secret_that_its_name_gives_away_is_struck(line: str, left: str) -> None:
    assert redact(line) == left


@pytest.mark.parametrize(
    "text",
    [
        "letta_server on letta",
        "letta-letta_server-1 letta/letta:latest",
        "max_tokens: 100, completion_tokens=12, total_tokens: 3",
        "context_tokens: 8000",
        "tokenizer: gpt2, TOKENIZERS_PARALLELISM=false",
        'password authentication failed for user "letta"',
        "api_key: None, token=null",
        "http://localhost:8283/v1/agents/?limit=5",
        "http://localhost:8283/@me",
        "127.0.0.1:8283 answers, see admin@example.com",
        "unix:///var/run/docker.sock",
        "basic functionality and bearer authentication",
        "Letta.letta.schemas.secret - WARNING - No encryption key configured. Storing Secret value",
        "Letta.letta.monitoring - DEBUG - heartbeat_age=0.4s, current_lag=0.00s, tasks=2, executor_backlog=0",
        '172.20.0.1 - - [21/Nov/2026:22:48:09 +0000] "GET /v1/health/ HTTP/1.1" 404 153 "-" "curl/7.88.1"',
    ],
)
def test_ordinary_text_is_not_garbled(text: str) -> None:
    Secret("letta")
    Secret("128000")
    Secret("false")
    Secret("postgres")
    assert redact(text) == text


def test_numbers_that_a_name_makes_secret_are_not_struck_from_other_text() -> None:
    environment = Environment(("LETTA_MAX_TOKENS=128000", "KEY_COUNT=100000"))
    assert "KEY_COUNT" in environment
    assert redact("limit 128000, 100000 rows") == "limit 128000, 100000 rows"


def test_the_secrets_of_a_server_are_known_by_its_environment() -> None:
    environment = Environment(
        ("LETTA_PG_URI=postgresql://letta:horse%21battery@db/letta", "LETTA_SERVER_PASSWORD=sesame-open")
    )
    uri = environment.secret("LETTA_PG_URI")
    assert uri is not None
    parse_database_uri(uri.reveal())
    assert redact("sent horse!battery, sesame-open, horse%21battery") == f"sent {MASK}, {MASK}, {MASK}"
    assert environment.get("LETTA_SERVER_PASSWORD") == ""


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("LETTA_SERVER_PASSWORD", True),
        ("OPENAI_API_KEY", True),
        ("LETTA_PG_URI", True),
        ("SENTRY_DSN", True),
        ("AWS_SECRET_ACCESS_KEY", True),
        ("HF_TOKEN", True),
        ("PGPASS", True),
        ("LETTA_DEBUG", False),
        ("LETTA_KEEPALIVE_INTERVAL", False),
        ("PATH", False),
    ],
)
def test_a_variable_that_holds_a_secret_is_known_by_its_name(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret


def test_an_error_shows_no_secret_even_where_an_escape_sequence_splits_it() -> None:
    Secret("correct-horse")
    error = LettaopsError("sent correct\x1b[0m-horse", not_done="password: sesame", next_step="correct-horse")
    assert error.what == "sent ****"
    assert error.not_done == "password: ****"
    assert error.next_step == "****"


def test_an_error_shows_no_half_of_a_secret_that_a_cut_splits() -> None:
    Secret("correct-horse-battery-staple")
    error = LettaopsError("x" * (16 * 1024 - 10) + "correct-horse-battery-staple" + "y" * 100)
    assert "correct" not in error.what
