"""The proxy's container: `python -m lettaops.sandbox.proxy`."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Final

import uvicorn

from lettaops.model.nginx import NGINX_FOLDER
from lettaops.sandbox.names import Names
from lettaops.sandbox.proxy.app import Proxy
from lettaops.sandbox.proxy.rules import read_rules

_STOPPING_SECONDS: Final = 2


async def run() -> None:
    """Run until told to stop. The environment names the folder of its configuration and where it listens."""
    folder = Path(os.environ["SANDBOX_NGINX"])
    files = {
        f"{NGINX_FOLDER}/{each.relative_to(folder)}": each.read_bytes() for each in folder.rglob("*.conf")
    }
    rules = read_rules(files)
    host, _, port = os.environ["SANDBOX_HTTP"].rpartition(":")
    sys.stdout.write("/docker-entrypoint.sh: Configuration complete; ready for start up\n")
    sys.stdout.flush()
    proxy = Proxy(rules, Names.of(os.environ), os.environ["SANDBOX_ADDRESS"])
    upgrades = any(each.upgrades for each in rules)
    server = uvicorn.Server(
        uvicorn.Config(
            proxy, log_level="critical", access_log=False, lifespan="off", server_header=False,
            ws="websockets-sansio" if upgrades else "none", timeout_graceful_shutdown=_STOPPING_SECONDS,
        )
    )  # fmt: skip
    made = socket.create_server((host, int(port)), backlog=128)
    made.setblocking(False)

    def stop() -> None:
        server.should_exit = True

    asyncio.get_running_loop().add_signal_handler(signal.SIGQUIT, stop)  # how nginx is told to end well
    await server.serve(sockets=[made])


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    asyncio.run(run())
