"""Which engine is meant: precedence, contexts, TLS, and what is refused."""

from __future__ import annotations

import hashlib
import json
import shlex
from pathlib import Path

import pytest

from lettaops.model.errors import Denied, Refused, UsageError
from lettaops.sources.choice import DEFAULT_SOCKET
from lettaops.sources.target import docker_py_kwargs, is_loopback, resolve_target


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / ".docker"
    folder.mkdir()
    return folder


def add_context(config: Path, name: str, host: str, *, skip_verify: bool = False, tls: bool = False) -> None:
    digest = hashlib.sha256(name.encode()).hexdigest()
    meta = config / "contexts" / "meta" / digest
    meta.mkdir(parents=True)
    endpoint = {"Host": host, "SkipTLSVerify": skip_verify}
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": endpoint}}))
    if tls:
        add_certificates(config / "contexts" / "tls" / digest / "docker")


def add_certificates(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (folder / name).write_text("")


def use_context(config: Path, name: str) -> None:
    (config / "config.json").write_text(json.dumps({"currentContext": name, "auths": {}}))


def test_precedence_from_the_words_down_to_the_default(tmp_path: Path, config: Path) -> None:
    for name in ("flag", "env", "current"):
        add_context(config, name, f"unix:///run/{name}.sock")
    use_context(config, "current")
    everything = {"DOCKER_HOST": "unix:///run/host.sock", "DOCKER_CONTEXT": "env"}

    def chosen(host: str | None, context: str | None, environ: dict[str, str]) -> tuple[str, str]:
        target = resolve_target(host, context, environ, tmp_path)
        return target.path, target.origin

    assert chosen("unix:///a.sock", None, everything) == ("/a.sock", "--host")
    assert chosen(None, "flag", everything) == ("/run/flag.sock", "--context flag")
    assert chosen(None, None, everything) == ("/run/host.sock", "DOCKER_HOST")
    assert chosen(None, None, {"DOCKER_CONTEXT": "env"}) == ("/run/env.sock", "DOCKER_CONTEXT")
    assert chosen(None, None, {}) == ("/run/current.sock", "current context current")
    use_context(config, "default")
    assert chosen(None, None, {}) == (DEFAULT_SOCKET, "current context default")
    assert resolve_target(None, None, {}, tmp_path / "nobody").origin == "default"


def test_both_words_are_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="both"):
        resolve_target("unix:///a", "b", {}, tmp_path)


def test_a_context_brings_its_own_certificates(tmp_path: Path, config: Path) -> None:
    add_context(config, "prod", "tcp://docker.example:2376", tls=True)
    target = resolve_target(None, "prod", {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/wrong"}, tmp_path)
    assert (target.kind, target.host, target.port, target.is_local) == ("tcp", "docker.example", 2376, False)
    assert target.tls is not None
    assert target.tls.verify
    assert Path(target.tls.ca).parent.name == "docker"
    assert target.name == "prod (tcp://docker.example:2376)"


def test_docker_config_moves_the_store(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    add_context(elsewhere, "prod", "unix:///run/prod.sock")
    target = resolve_target(None, "prod", {"DOCKER_CONFIG": str(elsewhere)}, tmp_path)
    assert target.path == "/run/prod.sock"


@pytest.mark.parametrize("name", ["nosuch", "../../etc", "", "a b", "-v"])
def test_an_unknown_context_names_the_known_ones(tmp_path: Path, config: Path, name: str) -> None:
    add_context(config, "prod", "unix:///run/prod.sock")
    if name:
        with pytest.raises(UsageError) as raised:
            resolve_target(None, name, {}, tmp_path)
        assert "default, prod" in raised.value.next_step
    use_context(config, "gone")
    with pytest.raises(UsageError, match="current context gone"):
        resolve_target(None, None, {}, tmp_path)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_an_unreadable_configuration_never_means_the_default_engine(
    tmp_path: Path, config: Path, content: bytes
) -> None:
    (config / "config.json").write_bytes(content)
    with pytest.raises(UsageError, match=r"config\.json can't be read"):
        resolve_target(None, None, {}, tmp_path)
    assert resolve_target("unix:///a.sock", None, {}, tmp_path).path == "/a.sock"


@pytest.mark.parametrize("content", ["[]", "null", '{"currentContext": null}', '{"currentContext": 3}', "{}"])
def test_a_configuration_without_a_context_is_fine(tmp_path: Path, config: Path, content: str) -> None:
    (config / "config.json").write_text(content)
    assert resolve_target(None, None, {}, tmp_path).origin == "default"


@pytest.mark.parametrize(
    ("address", "command", "socket"),
    [
        (
            "ssh://ops@letta.example",
            "ssh -nNT -L /run/user/7/lettaops-letta.example.sock:/var/run/docker.sock ops@letta.example",
            "unix:///run/user/7/lettaops-letta.example.sock",
        ),
        (
            "ssh://h:2222/run/podman/podman.sock",
            "ssh -nNT -L /run/user/7/lettaops-h.sock:/run/podman/podman.sock -p 2222 h",
            "unix:///run/user/7/lettaops-h.sock",
        ),
    ],
)
def test_ssh_is_refused_with_the_command_that_helps(
    tmp_path: Path, address: str, command: str, socket: str
) -> None:
    with pytest.raises(Refused) as raised:
        resolve_target(address, None, {"XDG_RUNTIME_DIR": "/run/user/7"}, tmp_path)
    assert f"`{command}`" in raised.value.next_step
    assert f"--host {socket}" in raised.value.next_step


@pytest.mark.parametrize("address", ["ssh://-oProxyCommand=x", "ssh://-l@host", "ssh://"])
def test_an_ssh_address_can_not_smuggle_options(tmp_path: Path, address: str) -> None:
    with pytest.raises(Refused) as raised:
        resolve_target(address, None, {}, tmp_path)
    assert "ssh -nNT" not in raised.value.next_step


def test_the_ssh_command_survives_a_shell(tmp_path: Path) -> None:
    with pytest.raises(Refused) as raised:
        resolve_target("ssh://u@host/run/a b;rm.sock", None, {"XDG_RUNTIME_DIR": "/r"}, tmp_path)
    words = shlex.split(raised.value.next_step.split("`")[1])
    assert words == ["ssh", "-nNT", "-L", "/r/lettaops-host.sock:/run/a b;rm.sock", "u@host"]


@pytest.mark.parametrize(
    ("address", "environ"),
    [
        ("tcp://docker.example:2375", {}),
        ("docker.example", {}),
        ("http://docker.example", {"DOCKER_TLS_VERIFY": "1"}),
        ("tcp://docker.example", {"DOCKER_TLS": "1"}),
        ("tcp://10.0.0.5:2375", {"DOCKER_TLS_VERIFY": ""}),
        ("tcp://[2001:db8::1]:2375", {}),
    ],
)
def test_tcp_to_another_machine_needs_a_checked_certificate(
    tmp_path: Path, address: str, environ: dict[str, str]
) -> None:
    with pytest.raises(Refused, match="root"):
        resolve_target(address, None, environ, tmp_path)


def test_a_context_that_skips_verification_is_refused(tmp_path: Path, config: Path) -> None:
    add_context(config, "lax", "tcp://docker.example:2376", skip_verify=True, tls=True)
    with pytest.raises(Refused, match="certificate"):
        resolve_target(None, "lax", {}, tmp_path)


@pytest.mark.parametrize(
    ("address", "environ", "url"),
    [
        ("tcp://127.0.0.1", {}, "tcp://127.0.0.1:2375"),
        ("localhost:99", {}, "tcp://localhost:99"),
        ("tcp://[::1]:2375", {}, "tcp://[::1]:2375"),
        ("/run/user/1/podman.sock", {}, "unix:///run/user/1/podman.sock"),
        ("https://docker.example", {}, "tcp://docker.example:2376"),
        ("tcp://docker.example", {"DOCKER_TLS_VERIFY": "1"}, "tcp://docker.example:2376"),
    ],
)
def test_addresses_that_are_fine(tmp_path: Path, address: str, environ: dict[str, str], url: str) -> None:
    target = resolve_target(address, None, environ, tmp_path)
    assert target.url == url
    assert target.name == url


def test_the_certificate_folder_of_the_environment(tmp_path: Path) -> None:
    add_certificates(tmp_path / "certs")
    environ = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path / "certs")}
    target = resolve_target("tcp://docker.example", None, environ, tmp_path)
    assert target.tls is not None
    assert target.tls.cert == str(tmp_path / "certs" / "cert.pem")
    (tmp_path / "certs" / "key.pem").unlink()
    with pytest.raises(UsageError, match="only one of"):
        resolve_target("tcp://docker.example", None, environ, tmp_path)


@pytest.mark.parametrize(
    "address",
    [
        "npipe:////./pipe/docker_engine",
        "unix://relative",
        "tcp://",
        "tcp://h:99999",
        "tcp://h:x",
        "tcp://[::1",
    ],
)
def test_addresses_that_make_no_sense(tmp_path: Path, address: str) -> None:
    with pytest.raises(UsageError) as raised:
        resolve_target(address, None, {}, tmp_path)
    assert raised.value.next_step


def test_a_password_in_an_address_is_refused_and_not_shown(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        resolve_target("tcp://user:hunter2@127.0.0.1:2375", None, {}, tmp_path)
    assert "hunter2" not in f"{raised.value.what} {raised.value.next_step}"


def test_a_hostile_name_reaches_no_terminal(tmp_path: Path) -> None:
    target = resolve_target("unix:///run/\x1b]0;owned\x07a.sock", None, {}, tmp_path)
    assert "\x1b" not in target.name
    assert "\x07" not in target.name


def test_docker_py_gets_the_same_engine(tmp_path: Path) -> None:
    assert docker_py_kwargs(resolve_target("/run/x.sock", None, {}, tmp_path)) == {
        "base_url": "unix:///run/x.sock"
    }
    add_certificates(tmp_path)
    environ = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
    target = resolve_target("tcp://docker.example", None, environ, tmp_path)
    arguments = docker_py_kwargs(target)
    assert arguments["base_url"] == "tcp://docker.example:2376"
    assert arguments["tls"].verify is True
    assert arguments["tls"].ca_cert == str(tmp_path / "ca.pem")
    (tmp_path / "ca.pem").unlink()
    with pytest.raises(Denied, match="can't be used"):
        docker_py_kwargs(target)


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("LOCALHOST", True), ("localhost.x", False)],
)
def test_loopback_by_form(host: str, local: bool) -> None:
    assert is_loopback(host) is local
