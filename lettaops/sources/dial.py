"""TCP connections to services: a name is looked up in a thread that can't keep the process from ending."""

import asyncio
import socket
from contextlib import suppress
from typing import Any

from lettaops.sources.daemon_thread import in_daemon_thread


async def addresses_of(host: str, port: int) -> list[tuple[int, tuple[Any, ...]]]:
    """The address families and addresses of a host, in the order to try. Raises `socket.gaierror`."""
    with suppress(socket.gaierror):  # a numeric address needs no thread
        return _found(host, port, socket.AI_NUMERICHOST)
    return await in_daemon_thread(lambda: _found(host, port, 0))


async def dial(host: str, port: int) -> socket.socket:
    """A connected socket, to the first address of the host that takes it.

    Raises OSError, that of the last address. Sets no deadline.
    """
    failure = OSError("the name has no address")
    loop = asyncio.get_running_loop()
    for family, address in await addresses_of(host, port):
        sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            await loop.sock_connect(sock, address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


def _found(host: str, port: int, flags: int) -> list[tuple[int, tuple[Any, ...]]]:
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in rows]
