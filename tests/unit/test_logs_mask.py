"""Secrets in log lines: none is shown, and ordinary lines are left alone."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.logs.buffer import LogBuffer
from lettaops.model.logs.display import lines_of
from lettaops.model.logs.mask import mask, masked_lines
from lettaops.model.secrets import Secret, redact
from tests.unit.torture import many

PLAIN = (
    "INFO:     Uvicorn running on http://0.0.0.0:8283 (Press CTRL+C to quit)",
    "Letta.letta.app - INFO - completion_tokens: 12, total_tokens=40, max_tokens: 128000",
    "Letta.letta.schemas.secret - WARNING - No encryption key configured. Storing Secret value as plaintext",
    "mail to somebody@example.com about monkeys: and keys",
    "WATCHDOG_CHECK: heartbeat_age=0.4s, current_lag=0.00s",
)
_WORDS = st.sampled_from(
    (
        "password", "PASSWORD", "passwd", "passphrase", "secret", "api_key", "apikey", "API-KEY",
        "access_key", "key", "credential", "credentials", "token", "tokens", "token_count", "access_token",
        "tokenizer", "Authorization", "Bearer", "bearer", "Basic", "basic", "x-bare-password", "monkey", "my",
        "_id", "=", ":", " ", "  ", '"', "'", '\\"', "abc", "aGVsbG8=", "hunter2", "none", "true", "postgresql://u:pw@h/db",
        "http://h:80/", "://", "@", "u:", ",", "}", "{", "(", "/", "\\", "12345", "é",
        "secure mode with password: a b",
    )
)  # fmt: skip


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            "Using database:  postgresql+pg8000://letta:letta@letta-db:5432/letta",
            "Using database:  postgresql+pg8000://letta:****@letta-db:5432/letta",
        ),
        ("▶ Using secure mode with password: sekrit", "▶ Using secure mode with password: ****"),
        ("▶ Using secure mode with password: three words in it", "▶ Using secure mode with password: ****"),
        ("OPENAI_API_KEY=sk-123456 set", "OPENAI_API_KEY=**** set"),
        ('{"authorization": "Bearer abc.def-ghi"}', '{"authorization": "Bearer ****"}'),
        ("x-bare-password: password hunter2", "x-bare-password: password ****"),
        ("retrying with Bearer abc.def-ghi now", "retrying with Bearer **** now"),
    ],
)
def test_what_letta_prints_of_secrets_is_masked(line: str, shown: str) -> None:
    assert lines_of(line.encode()) == [shown]


@pytest.mark.parametrize("line", PLAIN)
def test_ordinary_lines_are_left_alone(line: str) -> None:
    assert mask(line) == line
    assert masked_lines(line) == {}


def test_a_known_secret_is_masked_where_no_name_tells_of_it() -> None:
    secret = Secret("zebra-crossing-17")
    assert mask(f"connecting with {secret.reveal()} to it") == "connecting with **** to it"


def test_a_secret_that_colours_or_a_carriage_return_split_is_masked() -> None:
    Secret("giraffe-on-stilts")
    assert lines_of(b"it is giraffe-\x1b[31mon\x1b[0m-stilts") == ["it is ****"]
    assert lines_of(b"it is giraffe-xx\x08\x08on-stilts") == ["it is ****"]


def test_a_secret_that_becomes_known_later_is_masked_in_lines_that_are_held() -> None:
    buffer = LogBuffer(1 << 20)
    buffer.extend(many(["opening hippopotamus-99", *["filler " * 20] * 3000]))
    block = buffer.block_of(0)
    assert "hippopotamus-99" in block.text().text
    Secret("hippopotamus-99")
    assert "hippopotamus-99" not in block.text().text


@given(st.lists(_WORDS, max_size=8).map("".join))
def test_the_quick_look_lets_no_secret_through(line: str) -> None:
    expected = redact(re.sub(r"(secure mode with password:\s*)\S.*", r"\1****", line))
    assert mask(line) == expected
    text = f"first line\n{line}\nlast line"
    assert masked_lines(text) == ({1: expected} if expected != line else {})
