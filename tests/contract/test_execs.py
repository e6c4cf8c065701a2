"""Commands in containers: exit status, output, input, terminals, and what outlives what."""

import asyncio
import os
import socket
import time
from typing import Any

import pytest
from docker.errors import APIError

from lettaops.model.errors import DeadlineExceeded
from lettaops.model.frames import STDOUT
from lettaops.model.secrets import Secret
from lettaops.sources.engine import CANNOT_START, Engine
from lettaops.sources.engine_acts import EngineActs
from tests.contract.lab import Lab, client_of, one, target_of


async def test_exit_statuses_and_output(lab: Lab) -> None:
    container_id = one(lab, environment={"INHERITED": "yes"})
    async with Engine(target_of(lab)) as engine:
        good = await engine.exec(
            container_id,
            ["sh", "-c", "echo $WORD $INHERITED; id -u; echo bad >&2"],
            environment={"WORD": Secret("hunter22")},
            user="0",
            timeout=10,
        )
        assert (good.exit_code, good.stderr) == (0, b"bad\n")
        assert good.stdout.splitlines() == [b"hunter22 yes", b"%d" % os.getuid()]
        assert (await engine.exec(container_id, ["sh", "-c", "exit 3"], timeout=10)).exit_code == 3
        assert (await engine.exec(container_id, ["sh", "-c", "kill -9 $$"], timeout=10)).exit_code == 137
        for missing in ("/no/such", "nosuchprogram"):
            result = await engine.exec(container_id, [missing], timeout=10)
            assert result.exit_code in (CANNOT_START, 127)
            assert missing.encode() in result.stdout + result.stderr


async def test_input(lab: Lab) -> None:
    container_id = one(lab)
    async with Engine(target_of(lab)) as engine:
        data = os.urandom(5_000_000)
        echoed = await engine.exec(container_id, ["cat"], stdin=data, timeout=30)
        assert echoed.stdout == data
        assert (await engine.exec(container_id, ["wc", "-c"], stdin=b"", timeout=10)).stdout.strip() == b"0"


async def test_a_command_that_does_not_read_its_input(lab: Lab) -> None:
    container_id = one(lab)
    async with Engine(target_of(lab)) as engine:
        result = await engine.exec(
            container_id, ["sh", "-c", "echo refused >&2; exit 7"], stdin=b"x" * 20_000_000, timeout=20
        )
        assert (result.exit_code, result.stderr) == (7, b"refused\n")


async def test_a_command_outlives_its_connection(lab: Lab) -> None:
    container_id = one(lab)
    async with Engine(target_of(lab)) as engine:
        async with engine.exec_stream(container_id, ["sh", "-c", "echo $$; exec sleep 300"]) as process:
            async with asyncio.timeout(10):
                stream, data = await anext(process)
            assert stream == STDOUT
            with pytest.raises(DeadlineExceeded, match="still runs"):
                await process.exit_code(0.3)
        pid = data.decode().strip()
        assert (await engine.exec(container_id, ["kill", "-0", pid], timeout=10)).exit_code == 0
        await engine.exec(container_id, ["kill", "-9", pid], timeout=10)
        assert await process.exit_code(10) == 137


async def test_a_command_ends_with_its_container(lab: Lab) -> None:
    container_id = one(lab)
    async with (
        Engine(target_of(lab)) as engine,
        engine.exec_stream(container_id, ["sh", "-c", "echo on; exec sleep 300"]) as process,
    ):
        async with asyncio.timeout(10):
            await anext(process)
            await EngineActs(target_of(lab)).kill(container_id)
            assert [frame async for frame in process] == []
        assert await process.exit_code(10) == 137


def test_a_terminal_and_its_size(lab: Lab) -> None:
    container_id = one(lab)
    with client_of(lab) as client:
        script = "test -t 0 && test -t 1 && echo terminal; read word; stty size; echo got $word"
        made = client.api.exec_create(container_id, ["sh", "-c", script], stdin=True, tty=True)
        stream: Any = client.api.exec_start(made["Id"], tty=True, socket=True)
        connection: socket.socket = stream._sock
        connection.settimeout(10)
        printed = b""
        while b"terminal" not in printed:
            printed += connection.recv(4096)
        client.api.exec_resize(made["Id"], height=30, width=101)
        time.sleep(0.1)  # the size has no acknowledgement
        connection.sendall(b"hello\n")
        while b"got hello" not in printed:
            piece = connection.recv(4096)
            assert piece, printed
            printed += piece
        assert b"30 101" in printed
        assert b"\r\n" in printed
        stream.close()


def test_detached(lab: Lab) -> None:
    container_id = one(lab)
    with client_of(lab) as client:
        made = client.api.exec_create(container_id, ["sh", "-c", "sleep 0.3; exit 6"])
        client.api.exec_start(made["Id"], detach=True)
        document = client.api.exec_inspect(made["Id"])
        assert (document["ID"], document["ContainerID"]) == (made["Id"], container_id)
        assert document["ProcessConfig"]["entrypoint"] == "sh"
        ends_at = time.monotonic() + 20
        while client.api.exec_inspect(made["Id"])["Running"]:
            assert time.monotonic() < ends_at
            time.sleep(0.02)
        assert client.api.exec_inspect(made["Id"])["ExitCode"] == 6


def test_what_runs_only_once_and_what_is_no_exec(lab: Lab) -> None:
    container_id = one(lab)
    with client_of(lab) as client:
        made = client.api.exec_create(container_id, ["true"])
        client.api.exec_start(made["Id"])
        with pytest.raises(APIError) as again:
            client.api.exec_start(made["Id"], detach=True)
        assert again.value.status_code == 409
        with pytest.raises(APIError) as nobody:
            client.api.exec_inspect("f" * 64)
        assert nobody.value.status_code == 404
        with pytest.raises(APIError) as empty:
            client.api.exec_create(container_id, [])
        assert empty.value.status_code == 400
