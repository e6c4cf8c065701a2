"""JSON of our own values: the only encoder, because it knows what `Safe` and `Secret` become."""

from typing import TypeVar

import msgspec

from lettaops.model.text import Safe, clean

T = TypeVar("T")


def encode(value: object) -> bytes:
    """JSON on one line. `Safe` becomes a string, a `Secret` `****`, any other foreign value its text."""
    return msgspec.json.encode(value, enc_hook=str)


def decode(data: bytes | str, kind: type[T]) -> T:
    """A value of ours from JSON; texts of type `Safe` are cleaned. Raises msgspec's errors."""
    try:
        return msgspec.json.decode(data, type=kind, dec_hook=_cleaned)
    except UnicodeDecodeError as error:  # inside a string, msgspec lets Python's own through
        raise msgspec.DecodeError(str(error)) from error


def _cleaned(kind: type, value: object) -> object:
    if kind is Safe and isinstance(value, str):
        return clean(value)
    raise NotImplementedError(kind)  # msgspec's way to say that a type isn't ours
