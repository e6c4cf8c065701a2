"""The stand-in for nginx: routes by Host, hides upgrades, logs as nginx does."""

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from lettaops.sandbox.client import EngineClient
from lettaops.sandbox.deployment import PROXY
from lettaops.sandbox.place import free_ports
from lettaops.sandbox.proxy.rules import CONFIGURATION
from tests.sandbox.living import Sandbox, Sandboxes, get, wait_until

UPGRADE = (
    b"GET /v1/health/ HTTP/1.1\r\nHost: letta.localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
HOST = {"host": "letta.localhost"}
COMBINED = re.compile(
    r"^127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "
    r'"GET /v1/health/ HTTP/1\.1" 200 34 "-" "probe-7"$',
    re.MULTILINE,
)
ERROR = re.compile(
    r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[error\] \d+#\d+: \*\d+ connect\(\) failed \(111: Connection refused"
    r"\) while connecting to upstream, client: 127\.0\.0\.1, server: letta\.localhost, request: ",
    re.MULTILINE,
)


def log(sandbox: Sandbox) -> str:
    async def read() -> list[str]:
        async with EngineClient(Path(sandbox.told["engine"].removeprefix("unix://"))) as engine:
            return await engine.last_lines(PROXY, 500)

    return "\n".join(asyncio.run(read()))


async def status_of_upgrade(port: int) -> int:
    """The status that a wish for a WebSocket gets, as soon as somebody listens."""
    async with asyncio.timeout(60):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except OSError:
                await asyncio.sleep(0.05)
        writer.write(UPGRADE)
        status = int((await reader.readline()).split()[1])
        writer.close()
        await writer.wait_closed()
        return status


def test_only_its_own_host_is_passed_on(sandbox: Sandbox) -> None:
    passed = get(f"{sandbox.told['proxy']}/v1/health/", headers=HOST)
    assert passed.json() == {"version": "0.16.8", "status": "ok"}
    refused = get(f"{sandbox.told['proxy']}/v1/health/")
    assert refused.status_code == 404
    for answer in (passed, refused):
        assert answer.headers["server"].startswith("nginx/")
    assert "<center><h1>404 Not Found</h1></center>" in refused.text


def test_every_request_has_its_line(sandbox: Sandbox) -> None:
    get(f"{sandbox.told['proxy']}/v1/health/", headers=HOST | {"user-agent": "probe-7"})
    wait_until(lambda: COMBINED.search(log(sandbox)), "a line of the access log")


def test_a_request_can_not_write_lines_of_its_own(sandbox: Sandbox) -> None:
    get(f"{sandbox.told['proxy']}/v1/health/?x=%22%0a", headers=HOST | {"user-agent": 'a"b\x7f'})
    wait_until(lambda: r"a\x22b\x7F" in log(sandbox), "the escaped name of the client")


def test_a_server_that_is_down_is_a_bad_gateway(sandboxes: Sandboxes) -> None:
    with sandboxes.start() as own:
        own.lettaops.run("stop", "letta_server", "--yes")
        answer = get(f"{own.told['proxy']}/v1/health/", headers=HOST)
        assert answer.status_code == 502
        assert "502 Bad Gateway" in answer.text
        wait_until(lambda: ERROR.search(log(own)), "a line of the error log")
        sentence = own.lettaops.status()["sentence"]
        assert sentence.startswith("letta_server was stopped")
        assert "answers 502" in sentence


async def test_upgrades_are_hidden_as_stock_nginx_hides_them(sandbox: Sandbox) -> None:
    assert await status_of_upgrade(int(sandbox.told["proxy"].rpartition(":")[2])) == 200


@contextlib.contextmanager
def upgrading(sandbox: Sandbox, folder: Path) -> Iterator[int]:
    """Another proxy before the sandbox's server, whose configuration passes upgrades; its port."""
    spec = sandbox.container("letta_nginx")
    for name, text in CONFIGURATION.items():
        path = folder / Path(name).relative_to("/etc/nginx")
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            text.replace("proxy_pass", "proxy_set_header Upgrade $http_upgrade;\n        proxy_pass")
        )
    (port,) = free_ports(1)
    environ = {"PATH": os.environ["PATH"], **spec["process_environment"]}
    environ |= {"SANDBOX_NGINX": str(folder), "SANDBOX_HTTP": f"127.0.0.1:{port}"}
    with subprocess.Popen(
        [sys.executable, "-m", "lettaops.sandbox.proxy"], env=environ, stdout=subprocess.DEVNULL
    ) as process:
        try:
            yield port
        finally:
            process.terminate()
            process.wait(30)


async def test_upgrades_are_passed_where_the_configuration_says_so(sandbox: Sandbox, tmp_path: Path) -> None:
    with upgrading(sandbox, tmp_path) as port:
        assert await status_of_upgrade(port) == 403
