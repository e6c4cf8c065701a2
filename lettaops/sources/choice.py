"""Which Docker engine the options, the environment and the current context choose.

With the precedence of the docker command line. Imports little: the first frame goes by it too, before
anything slow is loaded.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from lettaops.model.text import Safe, clean

DEFAULT_SOCKET: Final = "/var/run/docker.sock"
CONFIGURATION_LIMIT: Final = 1024 * 1024  # bytes of a file of the docker command line
UNREADABLE: Final = (OSError, ValueError, RecursionError)  # what a broken file raises
_DEFAULT_CONTEXT: Final = "default"


class Choice(NamedTuple):
    """An engine's address, or else the name of a context, and who chose it."""

    origin: str
    address: str = ""
    context: str = ""


def choose(host: str | None, context: str | None, environ: Mapping[str, str], home: Path) -> Choice:
    """What `--host` or `--context` (None: not given; never both) choose, or else the surroundings.

    `origin` is "--host", "--context NAME", "DOCKER_HOST", "DOCKER_CONTEXT", "current context NAME" or
    "default". Raises one of `UNREADABLE` when the file that names the current context can't be read.
    """
    if host:
        return Choice("--host", address=host)
    if context:
        return _context(context, f"--context {context}", environ)
    if address := environ.get("DOCKER_HOST"):
        return Choice("DOCKER_HOST", address=address)
    if name := environ.get("DOCKER_CONTEXT"):
        return _context(name, "DOCKER_CONTEXT", environ)
    if name := _current_context(configuration_file(environ, home)):
        return _context(name, f"current context {name}", environ)
    return Choice("default", address=f"unix://{DEFAULT_SOCKET}")


def configuration_folder(environ: Mapping[str, str], home: Path) -> Path:
    """Where the docker command line keeps its configuration, contexts and certificates."""
    return Path(environ.get("DOCKER_CONFIG") or home / ".docker")


def configuration_file(environ: Mapping[str, str], home: Path) -> Path:
    """The file that names the current context."""
    return configuration_folder(environ, home) / "config.json"


def _context(name: str, origin: str, environ: Mapping[str, str]) -> Choice:
    """A context by its name; `default` is what there is without contexts."""
    if name != _DEFAULT_CONTEXT:
        return Choice(origin, context=name)
    if address := environ.get("DOCKER_HOST"):
        return Choice(f"{origin} (DOCKER_HOST)", address=address)
    return Choice(origin, address=f"unix://{DEFAULT_SOCKET}")


def _current_context(path: Path) -> Safe:
    """The name that `docker context use` wrote; empty for none."""
    try:
        with path.open("rb") as file:
            text = file.read(CONFIGURATION_LIMIT).decode()
    except FileNotFoundError:
        return Safe()
    document = json.loads(text, parse_constant=_no_number)
    name = document.get("currentContext") if isinstance(document, dict) else None
    return clean(name) if isinstance(name, str) else Safe()


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")
