"""The first frame and the application mean the same engine, whatever chooses it."""

import contextlib
import hashlib
import json
from pathlib import Path

import pytest

from lettaops.model.errors import Refused, UsageError
from lettaops.sources.choice import DEFAULT_SOCKET
from lettaops.sources.target import resolve_target
from lettaops.terminal.first_look import engine_socket

LOCAL = "unix:///run/local.sock"
CONTEXTS = {"local": LOCAL, "far": "tcp://127.0.0.1:2375"}
# Options, environment, the docker command line's config.json (None: there is none), and the socket that the
# first frame looks behind: None where finding the engine takes more than it has time for.
CASES: tuple[tuple[dict[str, str], dict[str, str], str | None, str | None], ...] = (
    ({}, {}, None, DEFAULT_SOCKET),
    ({}, {}, "{}", DEFAULT_SOCKET),
    ({}, {}, '{"currentContext": ""}', DEFAULT_SOCKET),
    ({}, {}, '{"currentContext": null}', DEFAULT_SOCKET),
    ({}, {}, '{"currentContext": 3}', DEFAULT_SOCKET),
    ({}, {}, "[]", DEFAULT_SOCKET),
    ({}, {}, '{"currentContext": "default"}', DEFAULT_SOCKET),
    ({}, {}, '{"currentContext": "local"}', None),
    ({}, {}, '{"currentContext": "far"}', None),
    ({}, {}, '{"currentContext": "gone"}', None),
    ({}, {}, "{broken", None),
    ({}, {}, '\ufeff{"auths": {}}', None),
    ({}, {}, '{"size": NaN}', None),
    ({}, {}, "[" * 100_000, None),
    ({}, {"DOCKER_HOST": LOCAL}, '{"currentContext": "far"}', "/run/local.sock"),
    ({}, {"DOCKER_HOST": LOCAL}, "{broken", "/run/local.sock"),
    ({}, {"DOCKER_HOST": LOCAL, "DOCKER_CONTEXT": "far"}, None, "/run/local.sock"),
    ({}, {"DOCKER_HOST": "/run/local.sock"}, None, "/run/local.sock"),
    ({}, {"DOCKER_HOST": ""}, None, DEFAULT_SOCKET),
    ({}, {"DOCKER_HOST": "tcp://127.0.0.1:2375"}, None, None),
    ({}, {"DOCKER_HOST": "127.0.0.1:2375"}, None, None),
    ({}, {"DOCKER_HOST": "ssh://host"}, None, None),
    ({}, {"DOCKER_HOST": "unix://relative.sock"}, None, None),
    ({}, {"DOCKER_CONTEXT": "local"}, None, None),
    ({}, {"DOCKER_CONTEXT": "default"}, '{"currentContext": "far"}', DEFAULT_SOCKET),
    ({}, {"DOCKER_CONTEXT": "gone"}, None, None),
    ({"host": LOCAL}, {"DOCKER_HOST": "unix:///run/other.sock"}, None, "/run/local.sock"),
    ({"host": LOCAL}, {"DOCKER_CONTEXT": "far"}, "{broken", "/run/local.sock"),
    ({"host": "/run/local.sock"}, {}, None, "/run/local.sock"),
    ({"host": "tcp://127.0.0.1:2375"}, {}, None, None),
    ({"context": "local"}, {"DOCKER_HOST": "unix:///run/other.sock"}, None, None),
    ({"context": "default"}, {}, '{"currentContext": "far"}', DEFAULT_SOCKET),
    ({"context": "default"}, {"DOCKER_HOST": LOCAL}, None, "/run/local.sock"),
    ({"context": "gone"}, {}, None, None),
    ({"host": LOCAL, "context": "local"}, {}, None, None),
)


def surroundings(home: Path, configuration: str | None, folder: str = ".docker") -> Path:
    """A home with contexts, and with a current one."""
    for name, address in CONTEXTS.items():
        meta = home / folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
        meta.mkdir(parents=True)
        document = {"Name": name, "Endpoints": {"docker": {"Host": address}}}
        (meta / "meta.json").write_text(json.dumps(document))
    if configuration is not None:
        (home / folder / "config.json").write_text(configuration, encoding="utf-8")
    return home


@pytest.mark.parametrize(("options", "environ", "configuration", "path"), CASES)
def test_both_mean_the_same_engine(
    tmp_path: Path,
    options: dict[str, str],
    environ: dict[str, str],
    configuration: str | None,
    path: str | None,
) -> None:
    home = surroundings(tmp_path, configuration)
    host, context = options.get("host"), options.get("context")
    assert engine_socket(host, context, environ, home) == path
    if path is not None:
        assert resolve_target(host, context, environ, home).path == path
        return
    with contextlib.suppress(UsageError, Refused):
        target = resolve_target(host, context, environ, home)
        assert target.kind == "tcp" or target.name.split()[0] in CONTEXTS


def test_the_configuration_of_another_folder_counts_for_both(tmp_path: Path) -> None:
    home = surroundings(tmp_path, '{"currentContext": "local"}', folder="elsewhere")
    environ = {"DOCKER_CONFIG": str(tmp_path / "elsewhere")}
    assert engine_socket(None, None, {}, home) == resolve_target(None, None, {}, home).path == DEFAULT_SOCKET
    assert engine_socket(None, None, environ, home) is None
    assert resolve_target(None, None, environ, home).path == "/run/local.sock"
