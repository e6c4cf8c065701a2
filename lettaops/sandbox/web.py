"""httpx on the loopback, and without its command line, whose imports cost more than all the rest."""

import sys
from collections.abc import Mapping

sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # None: Python's way to say "not there"

import httpx  # noqa: E402 - only after the line above

__all__ = ["httpx", "loopback_client"]


def loopback_client(base: str, headers: Mapping[str, str], seconds: float) -> httpx.AsyncClient:
    """A client for plain HTTP on this machine: no certificates are loaded, no proxy is asked."""
    return httpx.AsyncClient(base_url=base, headers=headers, timeout=seconds, verify=False, trust_env=False)  # noqa: S501 - no TLS
