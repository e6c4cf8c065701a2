"""Lines as nginx writes them: the access log's `combined` format on stdout, errors on stderr."""

import os
import sys
from datetime import UTC, datetime

from starlette.types import Scope


def access(scope: Scope, status: int, size: int) -> None:
    """One line for a request that was answered."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    when = datetime.now(UTC).strftime("%d/%b/%Y:%H:%M:%S +0000")
    agent, referer = headers.get(b"user-agent", "-"), headers.get(b"referer", "-")
    sys.stdout.write(
        f'{client(scope)} - - [{when}] "{request_line(scope)}" {status} {size} '
        f'"{_quoted(referer)}" "{_quoted(agent)}"\n'
    )
    sys.stdout.flush()


def upstream_error(scope: Scope, number: int, what: str, server: str, upstream: str) -> None:
    """One line for a request that its upstream didn't answer. `number`: of the connection."""
    when = datetime.now(UTC).strftime("%Y/%m/%d %H:%M:%S")
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    process = f"{os.getpid()}#{os.getpid()}"
    sys.stderr.write(
        f"{when} [error] {process}: *{number} {what}, client: {client(scope)}, server: {server}, "
        f'request: "{request_line(scope)}", upstream: "{upstream}", '
        f'host: "{_quoted(headers.get(b"host", ""))}"\n'
    )
    sys.stderr.flush()


def client(scope: Scope) -> str:
    """The client's address."""
    found = scope.get("client")
    return str(found[0]) if found else "unix:"


def request_line(scope: Scope) -> str:
    """Method, path with query, version."""
    query = scope.get("query_string", b"").decode("latin-1")
    path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
    target = f"{path}?{query}" if query else path
    return _quoted(f"{scope.get('method', 'GET')} {target} HTTP/{scope.get('http_version', '1.1')}")


def _quoted(text: str) -> str:
    """Control characters and quotes as nginx escapes them."""
    return "".join(
        char if " " <= char <= "~" and char not in '"\\' else f"\\x{ord(char) & 0xFF:02X}" for char in text
    )
