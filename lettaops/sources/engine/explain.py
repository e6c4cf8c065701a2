"""What went wrong between us and an engine, in words that say what to do next."""

import errno
import os
import socket
import ssl
import stat
from typing import Final

import msgspec

from lettaops.model.document import Document
from lettaops.model.errors import (
    ApiError,
    Conflict,
    DeadlineExceeded,
    Denied,
    LettaopsError,
    NotFound,
    ProtocolError,
    Unreachable,
)
from lettaops.model.text import Safe, clean, clean_bytes
from lettaops.sources.choice import DEFAULT_SOCKET
from lettaops.sources.target import EngineTarget

_MESSAGE_BYTES: Final = 4096
_DEFAULT_SOCKETS: Final = frozenset({DEFAULT_SOCKET, DEFAULT_SOCKET.removeprefix("/var")})


def connect_error(target: EngineTarget, error: Exception) -> LettaopsError:
    """The error for a connection that could not be made."""
    where = target.name
    if wrong := _no_socket(target):
        return Unreachable(wrong, next_step="name a Docker engine's socket with --host or --context")
    if isinstance(error, ssl.SSLError):
        return tls_error(target, error)
    if isinstance(error, FileNotFoundError):
        return Unreachable(
            f"there is no socket at {target.path}: is the engine running?",
            next_step=_start_it(target),
        )
    if isinstance(error, PermissionError):
        return Denied(
            f"no permission to use the engine at {where}",
            next_step="join the group that owns the socket (`usermod -aG docker $USER`, then log in again; "
            "its members are as good as root), use sudo, or choose another engine with --context",
        )
    if isinstance(error, ConnectionRefusedError):
        return Unreachable(
            f"nothing listens at {where}: is the engine running?",
            next_step=_start_it(target),
        )
    if isinstance(error, socket.gaierror):
        return Unreachable(
            f"the name {target.host} can't be resolved",
            next_step="check the host name, and this machine's DNS",
        )
    if isinstance(error, TimeoutError):
        return DeadlineExceeded(
            f"no connection to {where}: {_reason(error)}", next_step="check the network and the firewall"
        )
    return Unreachable(
        f"no connection to {where}: {_reason(error)}", next_step="check the address and the network"
    )


def _no_socket(target: EngineTarget) -> str:
    """What is wrong with a path where something else than a socket is; empty when nothing is."""
    if target.kind != "unix":
        return ""
    try:
        mode = os.stat(target.path).st_mode
    except (OSError, ValueError):
        return ""
    if stat.S_ISSOCK(mode):
        return ""
    return f"{target.path} is {'a directory' if stat.S_ISDIR(mode) else 'a file'}, not a socket"


def _start_it(target: EngineTarget) -> str:
    how = " (`systemctl start docker`)" if target.path in _DEFAULT_SOCKETS else ""
    return f"start it{how}, or name another with --host or --context"


def tls_error(target: EngineTarget, error: ssl.SSLError) -> LettaopsError:
    """The error for a TLS connection that one of the two sides refuses."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Denied(
            f"the certificate of {target.name} is not accepted: {error.verify_message or error}",
            next_step="check ca.pem and that the certificate names this host; nothing was sent",
        )
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Unreachable(
            f"{target.name} closed the connection in the TLS handshake",
            next_step="check that the port speaks TLS",
        )
    return Denied(
        f"no TLS with {target.name}: {error.reason or error}",
        next_step="check that the port speaks TLS, and that the engine trusts the CA of cert.pem",
    )


def lost_error(target: EngineTarget, error: Exception | None) -> LettaopsError:
    """The error for a connection that broke."""
    if isinstance(error, ssl.SSLError):
        return tls_error(target, error)
    why = f": {_reason(error)}" if error is not None else ""
    return Unreachable(
        f"the connection to {target.name} was cut{why}",
        next_step="the engine may be restarting: try again, or look at `systemctl status docker`",
    )


def deadline_error(target: EngineTarget, what: str, seconds: float) -> DeadlineExceeded:
    """The error for an engine that took the connection and stays silent."""
    return DeadlineExceeded(
        f"{target.name} did not answer within {seconds:g} s ({what})",
        next_step="the engine may be frozen or overloaded: look at its load and at `journalctl -u docker`",
    )


def status_error(status: int, body: bytes, what: str, *, not_done: str = "") -> LettaopsError:
    """The error for an answer with an error status; the engine's own message is kept."""
    return api_error(status, _message(body) or f"status {status}", what, not_done=not_done)


def api_error(status: int, message: str, what: str, *, not_done: str = "") -> LettaopsError:
    """The error for an error status and the engine's message. `what` names the request in words."""
    said = f"{what}: {clean(message)}"
    if status == 404:
        return NotFound(status, said, not_done=not_done, next_step="it is gone: look at the list again")
    if status == 409:
        return Conflict(
            status, said, not_done=not_done, next_step="look at the state of the container, then try again"
        )
    if status in (401, 403):
        return Denied(
            said, not_done=not_done, next_step="an authorization plugin or a proxy refuses it: ask its keeper"
        )
    if status >= 500:
        return ApiError(
            status, said, not_done=not_done, next_step="look at the engine's log (journalctl -u docker)"
        )
    return ApiError(
        status, said, not_done=not_done, next_step="the engine doesn't take this request: see its message"
    )


def not_json(what: str, body: bytes) -> ProtocolError:
    """The error for an answer that should be JSON."""
    return ProtocolError(
        f"{what}: the answer is not an engine's JSON (it begins with {clean_bytes(body[:60])!r})",
        next_step="check what answers at this address: it may not be a Docker engine",
    )


def _message(body: bytes) -> Safe:
    try:
        message = Document(msgspec.json.decode(body)).text("message")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        message = Safe()
    return message or clean_bytes(body[:_MESSAGE_BYTES].strip(), 400)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return errno.errorcode.get(error.errno, "") + f" {error.strerror or error}"
    return str(error) or type(error).__name__
