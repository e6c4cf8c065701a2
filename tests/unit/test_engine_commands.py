"""Commands in containers: their output, input and end."""

from __future__ import annotations

import fcntl
import json
import sys
import termios

import pytest

from lettaops.model.errors import Conflict, DeadlineExceeded, ProtocolError
from lettaops.model.secrets import Secret
from lettaops.sources.engine import Engine
from tests.fakes.engine import CONTAINER_ID, FakeEngine, Request, answer, error, framed
from tests.waiting import until

SHORT = 0.2  # seconds of deadline where a test wants to see it pass


def commands(fake: FakeEngine, output: bytes, *, states: list[dict[str, object]], status: int = 101) -> None:
    async def start(request: Request) -> None:
        request.writer.write(b"HTTP/1.1 %d UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n" % status)
        request.writer.write(output)
        request.writer.close()

    async def state(request: Request) -> None:
        await answer(states.pop(0) if len(states) > 1 else states[0])(request)

    fake.on(f"/containers/{CONTAINER_ID}/exec", answer({"Id": "e1"}, 201))
    fake.on("/exec/e1/start", start)
    fake.on("/exec/e1/json", state)


async def test_a_command_is_over_when_its_status_says_so(fake: FakeEngine, engine: Engine) -> None:
    running: dict[str, object] = {"Running": True, "ExitCode": None}
    commands(
        fake,
        framed(1, b"out") + framed(2, b"err") + framed(1, b"put"),
        states=[running, running, {"Running": False, "ExitCode": 3}],
    )
    secret = Secret("hunter22")
    result = await engine.exec(
        CONTAINER_ID, ["psql"], environment={"PGPASSWORD": secret, "A": "b"}, user="postgres", timeout=5
    )
    assert (result.exit_code, result.stdout, result.stderr) == (3, b"output", b"err")
    body = json.loads(fake.asked(f"/containers/{CONTAINER_ID}/exec")[0].body)
    assert body["Env"] == ["PGPASSWORD=hunter22", "A=b"]
    assert (body["Cmd"], body["User"], body["AttachStdin"]) == (["psql"], "postgres", False)
    assert fake.asked("/exec/e1/start")[0].headers["upgrade"] == "tcp"


async def test_a_command_that_goes_on_after_its_output(fake: FakeEngine, engine: Engine) -> None:
    commands(fake, framed(1, b"out"), states=[{"Running": True}])
    with pytest.raises(DeadlineExceeded) as raised:
        await engine.exec(CONTAINER_ID, ["sleep"], timeout=SHORT)
    assert "may still run" in raised.value.not_done
    async with engine.exec_stream(CONTAINER_ID, ["sleep"]) as process:
        assert process.id == "e1"
        with pytest.raises(DeadlineExceeded, match="still runs") as raised:
            await process.exit_code(SHORT)
        assert "goes on in the container" in raised.value.not_done


async def test_a_command_that_prints_too_much(fake: FakeEngine, engine: Engine) -> None:
    commands(fake, framed(1, b"x" * 5000) * 3, states=[{"Running": False, "ExitCode": 0}])
    with pytest.raises(ProtocolError, match="more than 10000 bytes"):
        await engine.exec(CONTAINER_ID, ["yes"], timeout=5, max_output=10_000)


async def test_arguments_of_commands_are_in_no_message(fake: FakeEngine, engine: Engine) -> None:
    fake.on(f"/containers/{CONTAINER_ID}/exec", error(409, "container is paused"))
    with pytest.raises(Conflict) as raised:
        await engine.exec(CONTAINER_ID, ["sh", "-c", "the-argument"], timeout=5)
    assert "the-argument" not in raised.value.what
    assert raised.value.not_done == "nothing was run"


async def test_input_needs_a_way_through(fake: FakeEngine, engine: Engine) -> None:
    commands(fake, b"", states=[{"Running": False, "ExitCode": 0}], status=200)
    with pytest.raises(ProtocolError, match="doesn't let input through"):
        await engine.exec(CONTAINER_ID, ["cat"], stdin=b"x", timeout=5)


async def test_input_is_sent_whole_and_ended(fake: FakeEngine, engine: Engine) -> None:
    received = b""

    async def start(request: Request) -> None:
        nonlocal received
        request.writer.write(b"HTTP/1.1 101 UPGRADED\r\n\r\n")
        received = await request.reader.read(-1)
        request.writer.write(framed(1, b"%d" % len(received)))
        request.writer.close()

    commands(fake, b"", states=[{"Running": False, "ExitCode": 0}])
    fake.on("/exec/e1/start", start)
    data = bytes(range(256)) * 20_000
    result = await engine.exec(CONTAINER_ID, ["cat"], stdin=data, timeout=10)
    assert result.stdout == b"5120000"
    assert received == data


async def test_a_command_that_ends_without_reading_its_input(fake: FakeEngine, engine: Engine) -> None:
    data = b"x" * 100_000

    async def start(request: Request) -> None:
        request.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a duplex transport
        request.writer.write(b"HTTP/1.1 101 UPGRADED\r\n\r\n")
        sock = request.writer.get_extra_info("socket")
        await until(lambda: unread_bytes(sock.fileno()) == len(data))
        request.writer.write(framed(2, b"bad option\n"))
        # What is unread at the close makes the kernel reset the connection.
        request.writer.close()

    commands(fake, b"", states=[{"Running": False, "ExitCode": 2}])
    fake.on("/exec/e1/start", start)
    result = await engine.exec(CONTAINER_ID, ["pg_restore"], stdin=data, timeout=10)
    assert (result.exit_code, result.stderr) == (2, b"bad option\n")


async def test_a_command_that_ends_in_the_middle_of_its_input(fake: FakeEngine, engine: Engine) -> None:
    commands(fake, framed(2, b"bad option\n"), states=[{"Running": False, "ExitCode": 2}])
    result = await engine.exec(CONTAINER_ID, ["pg_restore"], stdin=b"x" * 10_000_000, timeout=10)
    assert (result.exit_code, result.stderr) == (2, b"bad option\n")


def unread_bytes(descriptor: int) -> int:
    return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), sys.byteorder)
