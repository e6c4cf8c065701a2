"""`lettaops logs`: what is printed where, in which form, and what is refused."""

import asyncio
import json
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

import pytest

from lettaops.model.moment import parse_moment
from tests.fakes.engine import framed, stream
from tests.fakes.logs import PROJECT, FakeContainer, FakeHost
from tests.unit.build import HOSTILE, is_clean

ERROR = "Letta.letta.server.db - ERROR - it broke"
TRACEBACK = ("Traceback (most recent call last):", '  File "db.py", line 1, in connect', "ValueError: no")


class Done(NamedTuple):
    """What a run gave."""

    status: int
    out: bytes
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.decode().splitlines()


Verb = Callable[..., Awaitable[Done]]


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[FakeHost]:
    async with FakeHost(tmp_path / "engine.sock") as running:
        yield running


@pytest.fixture
async def server(host: FakeHost) -> FakeContainer:
    return await host.add("letta_server")


def command(host: FakeHost, *words: str) -> list[str]:
    target = ["--host", f"unix://{host.engine.path}", "--project", PROJECT]
    return [sys.executable, "-m", "lettaops", *target, "logs", *words]


def environ(folder: Path) -> dict[str, str]:
    return os.environ | {
        "LETTAOPS_STATE_DIR": str(folder / "state"),
        "LETTAOPS_CONFIG": str(folder / "absent.toml"),
        "TZ": "UTC",
    }


@pytest.fixture
def logs(host: FakeHost, tmp_path: Path) -> Verb:
    """Runs the verb to its end."""

    async def run(*words: str) -> Done:
        process = await asyncio.create_subprocess_exec(
            *command(host, *words),
            env=environ(tmp_path),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), 20)
        except TimeoutError:
            process.kill()
            raise
        assert process.returncode is not None
        return Done(process.returncode, out, err.decode())

    return run


async def test_lines_for_programs(host: FakeHost, server: FakeContainer, logs: Verb) -> None:
    await host.write(server, "one", f"hostile {HOSTILE}", "postgresql://letta:hunter22@db/letta")
    await host.add("terminal", tty=True)
    done = await logs()
    assert done.status == 0
    assert [line.split(" ")[1] for line in done.lines] == ["letta_server"] * 3
    assert done.lines[0].endswith("Z letta_server one")
    assert all(is_clean(line) for line in done.lines)
    assert "hunter22" not in done.lines[2]
    assert done.lines[2].endswith("postgresql://letta:****@db/letta")
    assert done.err == "lettaops: terminal has a terminal: stdout and stderr come as one stream\n"


async def test_one_object_a_record(host: FakeHost, server: FakeContainer, logs: Verb) -> None:
    await host.write(server, ERROR, *TRACEBACK, f"INFO:     next {HOSTILE}")
    await host.add("terminal", tty=True)
    first, second, said = [json.loads(line) for line in (await logs("--json")).lines]
    assert list(first) == ["schema", "time", "service", "container", "level", "message", "fields"]
    assert first["schema"] == "lettaops/logs/1"
    assert (first["service"], first["container"]) == ("letta_server", server.id[:12])
    assert (first["level"], first["message"]) == ("error", "it broke")
    assert first["fields"]["logger"] == "letta.server.db"
    assert first["fields"]["rest"].splitlines() == list(TRACEBACK)
    assert datetime.fromisoformat(first["time"]).tzinfo is not None
    assert is_clean(second["message"])
    assert said["fields"]["marker"] == "note"


async def test_bytes_as_they_came(host: FakeHost, server: FakeContainer, logs: Verb) -> None:
    wild = [b"\x00\xff\x1b[2J", b"password=hunter22", b"", b"x" * 100_000, b"last"]
    await host.write(server, *wild)
    done = await logs("--raw")
    assert (done.status, done.out, done.err) == (0, b"".join(each + b"\n" for each in wild), "")


async def test_bytes_are_not_given_to_a_terminal(
    host: FakeHost, server: FakeContainer, tmp_path: Path
) -> None:
    await host.write(server, HOSTILE)
    ours, theirs = pty.openpty()
    try:
        for words, status in ((["--raw"], 2), ([], 0)):
            process = await asyncio.create_subprocess_exec(
                *command(host, *words),
                env=environ(tmp_path),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=theirs,
                stderr=asyncio.subprocess.PIPE,
            )
            _, err = await asyncio.wait_for(process.communicate(), 20)
            assert process.returncode == status
            if status:
                assert b"obeys them" in err
        printed = os.read(ours, 65_536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    (line,) = printed.splitlines()
    assert is_clean(line)
    assert line.split()[1] == "letta_server"


async def test_what_is_asked_for(host: FakeHost, server: FakeContainer, logs: Verb) -> None:
    await host.write(
        server,
        "Letta.a - DEBUG - small talk",
        "Letta.a - INFO - Uvicorn running",
        "Letta.b - WARNING - pool is nearly full",
        ERROR,
        *TRACEBACK,
    )

    async def messages(*words: str) -> list[str]:
        done = await logs("--json", *words)
        assert done.status == 0, done.err
        return [json.loads(line)["message"] for line in done.lines]

    assert await messages("--level", "warning") == ["pool is nearly full", "it broke"]
    assert await messages("--grep", "uvicorn|nearly") == ["Uvicorn running", "pool is nearly full"]
    assert await messages("--grep", "pool", "--grep", "full$") == ["pool is nearly full"]
    assert await messages("--grep", "valueerror") == ["it broke"]
    assert await messages("--exclude", "Letta.[ab]") == ["it broke"]
    assert (await logs("--raw", "--grep", "connect")).lines == [ERROR, *TRACEBACK]


async def test_words_that_can_not_be_followed(host: FakeHost, server: FakeContainer, logs: Verb) -> None:
    await host.write(server, "a" * 60)
    for words, said in (
        (["nosuch"], "known: letta_server"),
        (["--tail", "ten"], "give a number, or all"),
        (["--since", "yesterday"], "known forms"),
        (["--level", "loud"], "known: trace"),
        (["--grep", "("], "not a regular expression"),
        (["--json", "--raw"], "exclude each other"),
        (["--grep", "(a|aa)+$b"], "takes too long"),
    ):
        done = await logs(*words)
        assert (done.status, done.out) == (2, b""), words
        assert said in done.err


async def test_a_moment_and_a_number_of_lines(host: FakeHost, server: FakeContainer, logs: Verb) -> None:
    host.clock_ns -= 7200 * 1_000_000_000
    await host.write(server, "old")
    host.clock_ns += 7199 * 1_000_000_000
    await host.write(server, "new", "newest")
    assert [line.rpartition(" ")[2] for line in (await logs("--since", "1h")).lines] == ["new", "newest"]
    assert [line.rpartition(" ")[2] for line in (await logs("--tail", "1")).lines] == ["newest"]
    assert len((await logs("--tail", "all")).lines) == 3


async def test_logs_that_can_not_be_read(host: FakeHost, server: FakeContainer, logs: Verb) -> None:
    await host.write(server, "line")
    await host.add("letta_db", driver="none")
    done = await logs()
    assert done.status == 3
    assert len(done.lines) == 1
    assert "letta_db its log can't be read" in done.err
    assert (await logs("letta_db")).status == 1


async def test_a_new_file(host: FakeHost, server: FakeContainer, logs: Verb, tmp_path: Path) -> None:
    await host.write(server, "one", "two")
    place = tmp_path / "out" / "log.txt"
    place.parent.mkdir()
    done = await logs("-o", str(place))
    assert (done.status, done.out) == (0, b"")
    assert done.err == f"2 records written to {place}\n"
    assert [line.rpartition(" ")[2] for line in place.read_text().splitlines()] == ["one", "two"]
    assert place.stat().st_mode & 0o777 == 0o600
    again = await logs("-o", str(place), "--raw")
    assert again.status == 2
    assert "exists already" in again.err
    assert os.listdir(place.parent) == ["log.txt"]
    nowhere = await logs("-o", str(tmp_path / "nosuch" / "log"))
    assert nowhere.status == 1
    assert "can't be written" in nowhere.err


async def test_a_log_that_breaks_off_leaves_no_file(
    host: FakeHost, server: FakeContainer, logs: Verb, tmp_path: Path
) -> None:
    host.engine.on(f"/containers/{server.id}/logs", stream(framed(1, b"2026-")[:10], then="cut"))
    place = tmp_path / "out" / "log"
    place.parent.mkdir()
    done = await logs("-o", str(place))
    assert done.status == 1
    assert os.listdir(place.parent) == []


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_followed_file_keeps_what_came(
    host: FakeHost, server: FakeContainer, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    await host.write(server, "one")
    place = tmp_path / "log"
    process = await asyncio.create_subprocess_exec(
        *command(host, "-f", "--raw", "-o", str(place)),
        env=environ(tmp_path),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    await host.followed(server)
    await host.write(server, "two")
    async with asyncio.timeout(10):
        while not any(each.stat().st_size for each in tmp_path.glob(".log.*.part")):
            await host.write(server, "x" * 10_000)  # more than is held back before writing
            await asyncio.sleep(0.02)
    process.send_signal(number)
    _, err = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == status
    assert b"lines written to" in err
    assert place.read_bytes().startswith(b"one\ntwo\nx")
    assert not list(tmp_path.glob(".log.*"))


NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("2h30m", NOW - timedelta(hours=2, minutes=30)),
        ("1.5d", NOW - timedelta(hours=36)),
        ("11:59", NOW - timedelta(minutes=1)),
        ("9:05", NOW.replace(hour=9, minute=5)),
        ("12:00:01", NOW + timedelta(seconds=1) - timedelta(days=1)),
        ("2026-11-21", NOW - timedelta(days=1, hours=12)),
        ("2026-11-21T12:00", NOW - timedelta(days=1)),
        ("2026-11-21 12:00:00Z", datetime(2026, 11, 21, 12, tzinfo=UTC)),
        ("1795333126", datetime.fromtimestamp(1795333126, UTC)),
        ("", None),
        ("10", None),
        ("10x", None),
        ("25:00", None),
        ("2026-13-01", None),
        ("999999999w", None),
        ("99999999999", datetime.fromtimestamp(99999999999, UTC)),
    ],
)
def test_moments(text: str, meant: datetime | None) -> None:
    assert parse_moment(text, NOW) == meant
