"""HTTP heads and bodies: any split of the bytes gives the same result, and limits hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lettaops.model.errors import LettaopsError, ProtocolError, Unreachable
from lettaops.model.http1 import (
    MAX_HEAD_BYTES,
    BodyDecoder,
    ChunkedBody,
    HeadParser,
    LengthBody,
    ResponseHead,
    UntilCloseBody,
    body_decoder,
)

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-A: 1\r\nx-a: 2\r\n\r\n"


@st.composite
def pieces(draw: st.DrawFn, data: bytes) -> list[bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


def chunked(parts: list[bytes], trailer: bytes = b"") -> bytes:
    chunks = b"".join(b"%X;ext=1\r\n%b\r\n" % (len(part), part) for part in parts if part)
    return chunks + b"0\r\n" + trailer + b"\r\n"


def head_of(data: bytes) -> ResponseHead:
    head = HeadParser().feed(data)
    assert head is not None
    return head


@given(st.data(), st.binary(max_size=30))
def test_any_split_gives_the_same_head(draw: st.DataObject, body: bytes) -> None:
    parser = HeadParser()
    head, rest = None, b""
    for piece in draw.draw(pieces(HEAD + body)):
        if head is None:
            head = parser.feed(piece)
            rest = parser.rest
        else:
            rest += piece
    assert head is not None
    assert (head.version, head.status, head.reason, head.headers["x-a"]) == ((1, 1), 200, "OK", "1, 2")
    assert rest == body


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: nameless\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nFolded: a\r\n b\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x16",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * (MAX_HEAD_BYTES + 1),
    ],
)
def test_what_is_no_head_is_refused(garbage: bytes) -> None:
    with pytest.raises(ProtocolError) as raised:
        HeadParser().feed(garbage)
    assert raised.value.next_step


@given(st.data(), st.lists(st.binary(max_size=300), max_size=8), st.sampled_from([b"", b"A: b\r\nC: d\r\n"]))
def test_any_split_gives_the_same_chunked_body(
    draw: st.DataObject, parts: list[bytes], trailer: bytes
) -> None:
    decoder = ChunkedBody()
    found = b"".join(decoder.feed(piece) for piece in draw.draw(pieces(chunked(parts, trailer))))
    assert decoder.complete
    decoder.end()
    assert found == b"".join(parts)


@given(st.data(), st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=5))
def test_a_chunked_body_that_is_cut_anywhere_is_not_whole(draw: st.DataObject, parts: list[bytes]) -> None:
    data = chunked(parts)
    decoder = ChunkedBody()
    decoder.feed(data[: draw.draw(st.integers(0, len(data) - 1))])
    assert not decoder.complete
    with pytest.raises(Unreachable, match="cut before the answer was complete"):
        decoder.end()


@given(st.data(), st.binary(max_size=200))
def test_any_split_gives_the_same_body_of_known_length(draw: st.DataObject, body: bytes) -> None:
    decoder = LengthBody(len(body))
    assert b"".join(decoder.feed(piece) for piece in draw.draw(pieces(body))) == body
    assert decoder.complete
    with pytest.raises(ProtocolError):
        decoder.feed(b"x")


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_end_in_a_body_or_in_an_error_of_ours(data: bytes) -> None:
    for decoder in (ChunkedBody(100), LengthBody(50), UntilCloseBody(100)):
        try:
            decoder.feed(data)
            decoder.end()
        except LettaopsError as error:
            assert error.next_step  # noqa: PT017 -- both outcomes are right


@pytest.mark.parametrize(
    "bad",
    [b"xyz\r\n", b"-1\r\n", b"\r\n", b"5\r\nhelloXX", b"1" * 2000, b"f" * 16 + b"\r\n", b"0\r\n\r\nmore"],
)
def test_what_is_no_chunk_is_refused(bad: bytes) -> None:
    with pytest.raises(ProtocolError):
        ChunkedBody().feed(bad + b"\r\n")


def test_a_body_larger_than_the_limit_is_refused_at_once() -> None:
    with pytest.raises(ProtocolError, match="larger than"):
        LengthBody(11, 10)
    with pytest.raises(ProtocolError, match="larger than"):
        ChunkedBody(10).feed(b"FFFFFF\r\n")
    with pytest.raises(ProtocolError, match="larger than"):
        UntilCloseBody(10).feed(b"x" * 11)


def test_an_endless_trailer_is_refused() -> None:
    decoder = ChunkedBody()
    decoder.feed(b"0\r\n")
    line = b"A: " + b"x" * 997 + b"\r\n"
    decoder.feed(line * 65)
    with pytest.raises(ProtocolError, match="trailer"):
        decoder.feed(line)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", ChunkedBody),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n", UntilCloseBody),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", LengthBody),
        (b"HTTP/1.1 204 No Content\r\n\r\n", LengthBody),
        (b"HTTP/1.0 200 OK\r\n\r\n", UntilCloseBody),
        (b"HTTP/1.1 101 UPGRADED\r\nContent-Length: 3\r\n\r\n", UntilCloseBody),
    ],
)
def test_the_head_chooses_the_body(head: bytes, kind: type[BodyDecoder]) -> None:
    assert type(body_decoder(head_of(head))) is kind


@pytest.mark.parametrize("length", [b"5, 6", b"-1", b"5x", b"9" * 19, "\u0665".encode()])
def test_lengths_that_contradict_themselves_are_refused(length: bytes) -> None:
    with pytest.raises(ProtocolError, match="Content-Length"):
        body_decoder(head_of(b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\n"))


@pytest.mark.parametrize(
    ("head", "keep"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_which_connections_carry_another_request(head: bytes, keep: bool) -> None:
    assert head_of(head).keep_alive is keep
