"""The address of the engine that is chosen, with its TLS: one for our own client and for docker-py."""

import hashlib
import ipaddress
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NotRequired, TypedDict
from urllib.parse import SplitResult, unquote, urlsplit

import msgspec

from lettaops.model.document import Document
from lettaops.model.errors import Denied, Refused, UsageError
from lettaops.model.text import Safe, clean
from lettaops.sources.choice import (
    CONFIGURATION_LIMIT,
    DEFAULT_SOCKET,
    UNREADABLE,
    choose,
    configuration_file,
    configuration_folder,
)

if TYPE_CHECKING:
    from docker.tls import TLSConfig

_PLAIN_PORT: Final = 2375
_TLS_PORT: Final = 2376
_CONTEXT_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.+-]*")


class TlsFiles(msgspec.Struct, frozen=True, kw_only=True):
    """Files of a TLS connection, "" for none, and whether the engine's certificate is checked."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    verify: bool = True


class EngineTarget(msgspec.Struct, frozen=True, kw_only=True):
    """An engine's address. `path` is a unix socket's, `host` and `port` are a TCP address.

    `name` is for the title bar, `origin` says where the choice came from (see `choice.choose`).
    """

    kind: Literal["unix", "tcp"]
    path: str = ""
    host: str = ""
    port: int = 0
    tls: TlsFiles | None = None
    name: Safe
    origin: Safe

    @property
    def is_local(self) -> bool:
        """Whether the address is on this machine. A tunnel may end there: the engine's own name tells."""
        return self.kind == "unix" or is_loopback(self.host)

    @property
    def url(self) -> str:
        """The address as DOCKER_HOST writes it."""
        if self.kind == "unix":
            return f"unix://{self.path}"
        return f"tcp://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class DockerPyArguments(TypedDict):
    """Arguments of `docker.APIClient` that name an engine."""

    base_url: str
    tls: NotRequired["TLSConfig"]


def resolve_target(
    host: str | None,
    context: str | None,
    environ: Mapping[str, str] | None = None,
    home: Path | None = None,
) -> EngineTarget:
    """The engine that `--host` and `--context` (None: not given) and the surroundings choose.

    Raises `UsageError` when both are given, for an address or a context that makes no sense, and
    for an unreadable configuration: guessing another engine would be worse. `Refused` for ssh://
    and for TCP without a checked certificate to another machine.
    """
    environ = os.environ if environ is None else environ
    home = home or Path.home()
    if host and context:
        raise UsageError(
            "--host and --context both name an engine",
            not_done="nothing was contacted",
            next_step="give only one of the two",
        )
    try:
        chosen = choose(host, context, environ, home)
    except UNREADABLE as error:
        raise _unreadable(configuration_file(environ, home), error) from error
    found = _Surroundings(environ, home)
    if chosen.context:
        return found.from_context(chosen.context, chosen.origin)
    return found.from_address(chosen.address, chosen.origin)


def docker_py_kwargs(target: EngineTarget) -> DockerPyArguments:
    """What `docker.APIClient(**…)` needs to talk to the target. Imports docker only for TLS.

    Give it a `version` too and set `trust_env = False` on it before its first request: else
    REQUESTS_CA_BUNDLE replaces our CA, and HTTPS_PROXY stands between.
    """
    arguments = DockerPyArguments(base_url=target.url)
    if target.tls is not None:
        from docker.errors import TLSParameterError
        from docker.tls import TLSConfig

        files = target.tls
        try:
            arguments["tls"] = TLSConfig(
                client_cert=(files.cert, files.key) if files.cert else None,
                ca_cert=files.ca or None,
                verify=files.verify,
            )
        except TLSParameterError as error:
            raise Denied(
                f"the TLS files for {target.name} can't be used: {error}",
                next_step="check ca.pem, cert.pem and key.pem of this engine",
            ) from error
    return arguments


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine, by its form alone."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Surroundings:
    """The environment variables and files that describe engines."""

    def __init__(self, environ: Mapping[str, str], home: Path) -> None:
        self.environ = environ
        self._home = home
        self._config = configuration_folder(environ, home)

    def from_context(self, name: str, origin: str) -> EngineTarget:
        """The engine of a context that somebody made."""
        folder = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
        meta = None
        if _CONTEXT_NAME.fullmatch(name):
            meta = self._read(self._config / "contexts" / "meta" / folder / "meta.json")
        if meta is None:
            raise self._unknown_context(name, origin)
        endpoint = meta.sub("Endpoints").sub("docker")
        address = endpoint.text("Host")
        if not address:
            raise UsageError(
                f"the context {name} has no Docker endpoint",
                next_step=f"look at `docker context inspect {name}`, or name the engine with --host",
            )
        files = self._tls_in(self._config / "contexts" / "tls" / folder / "docker")
        skip = endpoint.flag("SkipTLSVerify")
        tls = TlsFiles(ca=files.ca, cert=files.cert, key=files.key, verify=not skip) if files else None
        return self._target(address, origin, tls, label=name)

    def from_address(self, address: str, origin: str) -> EngineTarget:
        """The engine at an address; TLS is what DOCKER_TLS_VERIFY, DOCKER_TLS and DOCKER_CERT_PATH say."""
        verify = bool(self.environ.get("DOCKER_TLS_VERIFY"))
        tls = None
        if verify or self.environ.get("DOCKER_TLS"):
            folder = Path(self.environ.get("DOCKER_CERT_PATH") or self._config)
            files = self._tls_in(folder) or TlsFiles()
            tls = TlsFiles(ca=files.ca, cert=files.cert, key=files.key, verify=verify)
        return self._target(address, origin, tls)

    def _target(self, address: str, origin: str, tls: TlsFiles | None, label: str = "") -> EngineTarget:
        if address.startswith("/"):
            address = f"unix://{address}"
        elif "://" not in address:
            address = f"tcp://{address}"
        scheme, _, rest = address.partition("://")
        scheme = scheme.lower()
        if scheme == "unix":
            if not rest.startswith("/"):
                raise _bad_address(address, origin, "a unix socket needs an absolute path: unix:///path")
            return EngineTarget(kind="unix", path=rest, name=_name(label, address), origin=clean(origin))
        parts = _split(address, origin)
        if scheme == "ssh":
            raise self._ssh_refused(parts)
        if scheme not in ("tcp", "http", "https"):
            raise _bad_address(address, origin, "use unix:///path or tcp://host:port")
        if scheme == "https" and tls is None:
            tls = TlsFiles()
        if scheme == "http":
            tls = None
        return _tcp_target(parts, origin, tls, label)

    def _tls_in(self, folder: Path) -> TlsFiles | None:
        """The TLS files in a folder of the docker command line's layout; None without any."""
        paths = {kind: folder / f"{kind}.pem" for kind in ("ca", "cert", "key")}
        there = {kind: str(path) if path.exists() else "" for kind, path in paths.items()}
        if bool(there["cert"]) != bool(there["key"]):
            raise UsageError(
                f"{folder} has only one of cert.pem and key.pem",
                next_step="put both there, or none",
            )
        if not any(there.values()):
            return None
        return TlsFiles(ca=there["ca"], cert=there["cert"], key=there["key"])

    def _read(self, path: Path) -> Document | None:
        """A JSON file of the docker command line; None when it isn't there."""
        try:
            with path.open("rb") as file:
                value = msgspec.json.decode(file.read(CONFIGURATION_LIMIT))
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, RecursionError) as error:
            raise _unreadable(path, error) from error
        return Document(value)

    def _unknown_context(self, name: str, origin: str) -> UsageError:
        known = ["default"]
        for meta in sorted((self._config / "contexts" / "meta").glob("*/meta.json")):
            document = self._read(meta)
            known.append(document.text("Name") if document is not None else "")
        return UsageError(
            f"there is no Docker context {clean(name, 100)} ({clean(origin, 120)})",
            not_done="nothing was contacted",
            next_step=f"known contexts: {', '.join(filter(None, known))}; or name the engine with --host",
        )

    def _ssh_refused(self, parts: SplitResult) -> Refused:
        host, user = unquote(parts.hostname or ""), unquote(parts.username or "")
        if not host or host.startswith("-") or user.startswith("-"):
            return Refused("this ssh:// address names no host", next_step="write ssh://user@host")
        runtime = Path(self.environ.get("XDG_RUNTIME_DIR") or self._home)
        local = runtime / f"lettaops-{re.sub(r'[^A-Za-z0-9.-]', '-', host)}.sock"
        remote = parts.path if parts.path not in ("", "/") else DEFAULT_SOCKET
        words = ["ssh", "-nNT", "-L", f"{local}:{remote}"]
        if parts.port:
            words += ["-p", str(parts.port)]
        words.append(f"{user}@{host}" if user else host)
        return Refused(
            "ssh:// engines are reached through a forwarded socket",
            not_done="nothing was contacted",
            next_step=f"run `{shlex.join(words)}` in another terminal, then use --host unix://{local}",
        )


def _tcp_target(parts: SplitResult, origin: str, tls: TlsFiles | None, label: str) -> EngineTarget:
    host = parts.hostname or ""
    if not host or parts.username or parts.password or parts.path not in ("", "/") or parts.query:
        raise _bad_address(f"{parts.scheme}://{host}", origin, "write tcp://host:port, nothing else")
    port = parts.port or (_PLAIN_PORT if tls is None else _TLS_PORT)
    if (tls is None or not tls.verify) and not is_loopback(host):
        lack = "has no TLS" if tls is None else "doesn't check the engine's certificate"
        raise Refused(
            f"tcp://{host}:{port} {lack}: whoever gets into that connection is root there",
            not_done="nothing was contacted",
            next_step="set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH (ca.pem, cert.pem, key.pem), or forward "
            "the engine's socket with `ssh -nNT -L`",
        )
    shown = f"tcp://{f'[{host}]' if ':' in host else host}:{port}"
    return EngineTarget(
        kind="tcp", host=host, port=port, tls=tls, name=_name(label, shown), origin=clean(origin)
    )


def _split(address: str, origin: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError as error:
        raise _bad_address(address, origin, str(error)) from error
    return parts


def _unreadable(path: Path, error: Exception) -> UsageError:
    return UsageError(
        f"{path} can't be read: {error}",
        not_done="nothing was contacted: which engine is meant is not known",
        next_step="mend the file, or name the engine with --host",
    )


def _bad_address(address: str, origin: str, why: str) -> UsageError:
    return UsageError(
        f"{clean(address, 200)} ({origin}) is no address of an engine",
        not_done="nothing was contacted",
        next_step=why,
    )


def _name(label: str, address: str) -> Safe:
    return clean(f"{label} ({address})" if label else address, 200)
