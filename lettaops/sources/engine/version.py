"""Which version of the Engine API to speak."""

import re
from typing import Final

from lettaops.model.document import Document
from lettaops.model.engine import EngineVersion
from lettaops.model.errors import ProtocolError, Refused

OLDEST: Final = (1, 41)  # Engine 20.10
NEWEST: Final = (1, 47)  # Engine 27; what we use has the same meaning in all of them
_VERSION: Final = re.compile(r"(\d{1,3})\.(\d{1,4})")


def choose_version(value: object, name: str) -> EngineVersion:
    """The engine's version from its answer to `GET /version`, with the newest API that both speak.

    Raises `Refused` when there is none, `ProtocolError` when the answer names no version.
    """
    document = Document(value)
    newest = _parsed(document.text("ApiVersion"))
    if newest is None:
        raise ProtocolError(
            f"{name} doesn't say which version of the Engine API it speaks",
            next_step="check what answers at this address: it may not be a Docker engine",
        )
    engine = document.text("Version")
    if newest < OLDEST:
        raise Refused(
            f"the engine at {name} ({engine}) speaks API {_shown(newest)}; {_shown(OLDEST)} is the oldest "
            "that lettaops can use",
            not_done="nothing else was asked",
            next_step="upgrade the engine to 20.10 or later",
        )
    oldest = _parsed(document.text("MinAPIVersion"))
    if oldest is not None and oldest > NEWEST:
        raise Refused(
            f"the engine at {name} ({engine}) speaks API {_shown(oldest)} and later; {_shown(NEWEST)} is the "
            "newest that lettaops knows",
            not_done="nothing else was asked",
            next_step="install a newer lettaops, or set DOCKER_MIN_API_VERSION of the engine lower",
        )
    return EngineVersion(
        engine=engine,
        api=_shown(min(newest, NEWEST)),
        minimum_api=document.text("MinAPIVersion"),
        os=document.text("Os"),
        arch=document.text("Arch"),
        kernel=document.text("KernelVersion"),
    )


def _parsed(text: str) -> tuple[int, int] | None:
    match = _VERSION.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def _shown(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
