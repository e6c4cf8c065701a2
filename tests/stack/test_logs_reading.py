"""Logs read from a real engine whose containers are recreated, and that is stopped, killed and frozen."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from lettaops.model.logs.line import LogLine, Marker, marker_of
from lettaops.monitor.logs import FeedOptions
from lettaops.sources.engine import Engine
from lettaops.sources.target import EngineTarget, resolve_target
from tests.log_reader import LogReader, read, reading
from tests.stack.lettaops_cli import COMMAND, ROOT, LettaOps
from tests.testbed.cache import Cache
from tests.testbed.composed import ComposeStack
from tests.testbed.dockerd import PrivateDockerd
from tests.testbed.stub_images import STUB_IMAGE

PROJECT = "logs"
FOLLOW = FeedOptions(follow=True, tail=None)
# Its own name and rising numbers; the file holds one that was printed for certain.
WRITER = """
trap 'exit 0' TERM
n=$(cat /out/$HOSTNAME 2>/dev/null || echo 0)
while :; do
  for _ in 1 2 3 4 5; do n=$((n+1)); echo "$HOSTNAME $n"; done
  echo $n > /out/$HOSTNAME
  usleep 4000
done
"""


class Writers(ComposeStack):
    """A compose project: one service that writes numbered lines, and one that is silent."""

    @property
    def printed(self) -> dict[str, int]:
        """A number that each container has printed for certain."""
        return {each.name: int(each.read_text() or 0) for each in (self.folder / "out").iterdir()}

    def write_files(self) -> None:
        (self.folder / "out").mkdir()
        common = {"image": STUB_IMAGE, "network_mode": "none", "stop_grace_period": "1s", "restart": "always"}
        writer = common | {
            "command": ["sh", "-c", WRITER.replace("$", "$$")],
            "volumes": ["./out:/out"],
        }
        silent = common | {"command": ["sh", "-c", "trap 'exit 0' TERM; sleep 86400 & wait"]}
        services = {"services": {"writer": writer, "silent": silent}}
        (self.folder / "compose.yaml").write_text(json.dumps(services))

    def problems(self) -> list[str]:
        return []


@pytest.fixture
def writers(stub_dockerd: PrivateDockerd, cache: Cache) -> Iterator[Writers]:
    with Writers(stub_dockerd, cache, PROJECT) as stack:
        yield stack
        stub_dockerd.revive()


@pytest.fixture
def target(stub_dockerd: PrivateDockerd) -> EngineTarget:
    return resolve_target(stub_dockerd.host, None, {}, Path("/nonexistent"))


@pytest.fixture
async def engine(target: EngineTarget) -> AsyncIterator[Engine]:
    async with Engine(target) as client:
        yield client


def run(daemon: PrivateDockerd, service: str, script: str, *options: str) -> str:
    """Start a container of the project; its full id."""
    labels = [f"com.docker.compose.project={PROJECT}", f"com.docker.compose.service={service}"]
    words = [word for label in labels for word in ("--label", label)]
    (container_id,) = daemon.lines(
        "run", "-d", "--network", "none", *words, *options, STUB_IMAGE, "sh", "-c", script
    )
    return container_id


def whole_log(daemon: PrivateDockerd, container_id: str) -> list[str]:
    """The log as `docker logs` prints it."""
    return daemon.docker("logs", container_id).stdout.splitlines()


def numbers_of(lines: Sequence[LogLine]) -> dict[str, list[int]]:
    """The numbers of each container, in the order in which they came."""
    found: dict[str, list[int]] = defaultdict(list)
    for line in lines:
        if not line.is_marker:
            name, number = line.raw.decode().split()
            assert line.container == name
            found[name].append(int(number))
    return found


async def grown(reader: LogReader, by: int = 100) -> None:
    """Wait for some more lines."""
    before = len(reader.lines)
    await reader.until(lambda: len(reader.lines) > before + by, f"{by} more lines", 40)


# -- recreation --------------------------------------------------------------------------------


async def test_ten_recreations_by_compose(writers: Writers, engine: Engine) -> None:
    async with reading(engine, FOLLOW, PROJECT) as reader:
        await grown(reader)
        for number in range(1, 11):
            await asyncio.to_thread(writers.compose, "up", "-d", "--force-recreate", "writer")
            await reader.until(
                lambda number=number: len(numbers_of(reader.lines)) > number,  # type: ignore[misc] # a default
                "lines of the new container",
            )
            await grown(reader)
        await asyncio.to_thread(writers.docker, "stop", "-t", "1", writers.container("writer"))
        printed = writers.printed
        await reader.told(Marker.ENDED, "ended")

        def all_read() -> bool:
            found = numbers_of(reader.lines)
            return all(
                found[name] and found[name][-1] >= printed[name] for name in printed if name not in cut
            )

        cut = {line.container for line in reader.lines if line.is_marker and b"may be missing" in line.raw}
        await reader.until(all_read, "all lines that were printed")
    found = numbers_of(reader.lines)
    assert len(found) == len(printed) == 11
    for name, numbers in found.items():
        assert numbers == list(range(1, len(numbers) + 1)), f"{name}: lines lost or doubled"
        assert len(numbers) >= printed[name] or name in cut
    recreated = [words for kind, words in reader.markers if words.startswith("recreated: ")]
    assert len(recreated) == 10
    names = list(found)
    for words, old, new in zip(recreated, names, names[1:], strict=False):
        assert words.startswith(f"recreated: {old} -> {new}")
    short = [name for name, numbers in found.items() if len(numbers) < printed[name]]
    print(f"the end of {len(cut)} of 11 logs is in doubt, that of {len(short)} is missing")


async def test_restarts_are_marked_where_they_happened(writers: Writers, engine: Engine) -> None:
    container = writers.container("writer")
    async with reading(engine, FOLLOW, PROJECT) as reader:
        await grown(reader)
        for _ in range(3):
            await asyncio.to_thread(writers.docker, "kill", container)
            await asyncio.to_thread(writers.docker, "start", container)
            await grown(reader)
        await asyncio.to_thread(writers.docker, "stop", "-t", "1", container)
        await reader.told(Marker.ENDED, "exit 0")
    found = [line.raw.decode() for line in reader.lines if not line.is_marker]
    assert found == whole_log(writers.daemon, container)
    restarts = [words for kind, words in reader.markers if kind is Marker.STARTED]
    assert len(restarts) == 3
    assert all(words.startswith("restarted ") and words.endswith(", exit 137") for words in restarts)
    times = [line.timestamp_ns for line in reader.lines]
    assert times == sorted(times)


async def test_a_restart_loop_is_followed(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container = run(stub_dockerd, "loop", "echo begun; exit 3", "--restart", "always")
    async with reading(engine, FOLLOW, PROJECT) as reader:
        await reader.until(lambda: reader.texts.count("begun") >= 5, "five runs", 40)
        await asyncio.to_thread(stub_dockerd.docker, "update", "--restart", "no", container)
        await asyncio.to_thread(stub_dockerd.docker, "wait", container)
        expected = whole_log(stub_dockerd, container)
        await reader.until(lambda: len(reader.texts) >= len(expected), "the last run")
    assert reader.texts == expected
    told = [words for _, words in reader.markers]
    assert any(words.startswith(("restarted", "ended")) and "exit 3" in words for words in told)


# -- the engine --------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_nothing_lost_and_nothing_doubled_over_ends_of_the_engine(
    writers: Writers, engine: Engine, end: str
) -> None:
    container = writers.container("writer")
    async with reading(engine, FOLLOW, PROJECT) as reader:
        await grown(reader)
        for _ in range(2):
            seen = len(reader.markers)
            await asyncio.to_thread(getattr(writers.daemon, end))
            await reader.until(
                lambda seen=seen: any("no logs for now" in words for _, words in reader.markers[seen:]),  # type: ignore[misc] # a default
                "the silence told",
            )
            await asyncio.to_thread(writers.daemon.start)
            await reader.until(
                lambda seen=seen: any("answers again" in words for _, words in reader.markers[seen:]),  # type: ignore[misc] # a default
                "the end of the silence told",
            )
            await grown(reader)
        await asyncio.to_thread(writers.docker, "stop", "-t", "1", container)
        expected = await asyncio.to_thread(whole_log, writers.daemon, container)
        await reader.until(lambda: len(reader.texts) >= len(expected), "the whole log")
        await asyncio.sleep(0.3)  # what would be doubled had time to come
    assert reader.texts == expected
    assert not [words for kind, words in reader.markers if kind in {Marker.GAP, Marker.DROPPED}]


async def test_a_frozen_engine_is_told_and_costs_nothing(writers: Writers, engine: Engine) -> None:
    async with reading(engine, FOLLOW, PROJECT) as reader:
        await grown(reader)
        writers.daemon.freeze()
        try:
            assert "did not answer" in await reader.told(Marker.NOTE, "no logs for now")
        finally:
            writers.daemon.thaw()
        await reader.told(Marker.NOTE, "answers again")
        await grown(reader)
        container = writers.container("writer")
        await asyncio.to_thread(writers.docker, "stop", "-t", "1", container)
        await reader.told(Marker.ENDED)
    assert reader.texts == whole_log(writers.daemon, container)


# -- logs that are special -----------------------------------------------------------------------


async def test_logs_that_can_not_be_read_and_terminals(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    syslog = ("--log-driver", "syslog", "--log-opt", "syslog-address=udp://127.0.0.1:5140")
    run(stub_dockerd, "none", "echo unseen; exec stub", "--log-driver", "none")
    run(stub_dockerd, "syslog", "echo unseen; exec stub", *syslog, "--log-opt", "cache-disabled=true")
    run(stub_dockerd, "cached", "echo cached; exec stub", *syslog)
    run(stub_dockerd, "terminal", "echo one; echo two >&2; exec stub", "--tty")
    local = run(stub_dockerd, "local", "seq 3; exec stub", "--log-driver", "local")
    for options in (FeedOptions(), FOLLOW):
        async with asyncio.timeout(30):
            if options.follow:
                async with reading(engine, options, PROJECT) as reader:
                    await reader.has("cached", "two", "3")
                    await reader.counted(3)
                lines = reader.lines
            else:
                lines = await read(engine, options, PROJECT)
        by_service: dict[str, list[str]] = defaultdict(list)
        said: dict[str, list[str]] = defaultdict(list)
        for line in lines:
            if line.is_marker:
                said[line.service].append(marker_of(line.raw)[1])
            else:
                by_service[line.service].append(line.raw.decode())
        assert by_service["terminal"][:2] == ["one", "two"]
        assert by_service["cached"][0] == "cached"
        assert by_service["local"][:3] == ["1", "2", "3"], local
        assert set(said) == {"none", "syslog", "terminal"}
        assert "log driver none" in said["none"][0]
        assert "log driver syslog" in said["syslog"][0]
        assert "does not support reading" in said["syslog"][0]
        assert all(len(words) == 1 for words in said.values())


async def test_what_was_rotated_away_is_told(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    container = run(
        stub_dockerd,
        "rotated",
        "mkfifo /tmp/go; echo before; read -r _ < /tmp/go; seq 20000; echo after; exec stub",
        *("--log-opt", "max-size=20k", "--log-opt", "max-file=2"),
    )
    async with reading(engine, FOLLOW, PROJECT) as reader:
        await reader.has("before")
        reader.feed.pause()
        await asyncio.to_thread(stub_dockerd.docker, "exec", container, "sh", "-c", "echo x > /tmp/go")
        await asyncio.to_thread(_wait_for_line, stub_dockerd, container, "after")
        reader.feed.resume()
        await reader.has("after")
        assert "rotated" in await reader.told(Marker.GAP, "may be missing")
    seen = [each for each in reader.texts if each.isdigit()]
    assert seen == [str(number) for number in range(int(seen[0]), 20_001)]
    assert int(seen[0]) > 1


def _wait_for_line(daemon: PrivateDockerd, container_id: str, line: str) -> None:
    for _ in range(200):
        if line in daemon.docker("logs", "--tail", "5", container_id).stdout.split():
            return
    raise AssertionError(f"{line} was not printed")


async def test_binary_and_unfinished_lines(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    script = (
        "printf 'a\\000b\\377\\n'; printf '\\303'; usleep 50000; printf '\\251\\n'; "
        "head -c 300000 /dev/urandom; echo; printf end"
    )
    # Files of the driver json-file hold text, so the engine itself has no other bytes left there.
    container = run(stub_dockerd, "binary", script, "--log-driver", "local")
    stub_dockerd.docker("wait", container)
    lines = await read(engine, FeedOptions(tail=None, keep_bytes=1024 * 1024), PROJECT)
    assert [line.raw for line in lines[:2]] == [b"a\0b\xff", "é".encode()]
    assert b"\n".join(line.raw for line in lines) == await asyncio.to_thread(
        _bytes_of_log, stub_dockerd, container
    )


async def test_ten_megabytes_in_a_line(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    script = "echo before; head -c 10000000 /dev/zero | tr '\\000' x; echo; echo after"
    container = run(stub_dockerd, "long", script)
    stub_dockerd.docker("wait", container)
    before, long, after = await read(engine, FeedOptions(tail=None), PROJECT)
    assert (before.raw, after.raw) == (b"before", b"after")
    assert len(long.raw) <= 16 * 1024
    assert len(long.raw) + long.more == 10_000_000
    whole = await read(engine, FeedOptions(tail=None, keep_bytes=64 * 1024 * 1024), PROJECT)
    assert whole[1].raw == b"x" * 10_000_000


def _bytes_of_log(daemon: PrivateDockerd, container_id: str) -> bytes:
    done = subprocess.run(["docker", "logs", container_id], env=daemon.env, capture_output=True, check=True)
    return done.stdout


# -- floods --------------------------------------------------------------------------------------


async def test_a_flood_for_a_screen(stub_dockerd: PrivateDockerd, engine: Engine) -> None:
    """What a screen takes: few lines, told what is left out, memory as it was, others' lines in time."""
    run(stub_dockerd, "flood", "yes 'a line of a flood, as long as lines of logs commonly are: eighty-three'")
    run(stub_dockerd, "calm", "while :; do date +%s.%N; usleep 100000; done")
    options = FeedOptions(follow=True, tail=100, rate=5000, lag_s=1.0, catch_up=5000, interval=0.1)
    async with reading(engine, options, PROJECT) as reader:
        await reader.told(Marker.DROPPED, "an unknown number of lines")
        before, used = _memory(), resource.getrusage(resource.RUSAGE_SELF)
        began = asyncio.get_running_loop().time()
        calm = len([line for line in reader.lines if line.service == "calm"])
        await asyncio.sleep(5)
        seconds = asyncio.get_running_loop().time() - began
        now = resource.getrusage(resource.RUSAGE_SELF)
        assert len([line for line in reader.lines if line.service == "calm"]) >= calm + 25
        assert _memory() < before + 40 * 1024 * 1024, "the lines kept by this test are part of it"
        assert (now.ru_utime - used.ru_utime) / seconds < 0.6
        assert len([words for kind, words in reader.markers if kind is Marker.DROPPED]) < 20


def _memory() -> int:
    pages = int(Path(f"/proc/{os.getpid()}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


# -- the verb --------------------------------------------------------------------------------------


def test_the_verb_gives_the_bytes_that_docker_gives(writers: Writers, tmp_path: Path) -> None:
    container = writers.container("writer")
    writers.docker("stop", "-t", "1", container)
    expected = writers.docker("logs", container)
    lettaops = LettaOps(writers.daemon.host, PROJECT, tmp_path)
    done = lettaops.run("logs", "writer", "--raw", "--tail", "all")
    assert (done.stdout, done.stderr, done.returncode) == (expected, "", 0)
    into = tmp_path / "log.jsonl"
    done = lettaops.run("logs", "--json", "--tail", "20", "-o", str(into))
    assert done.returncode == 0
    assert oct(into.stat().st_mode & 0o777) == "0o600"
    objects = [json.loads(line) for line in into.read_text().splitlines()]
    assert f"{len(objects)} records written to" in done.stderr
    messages = [each["message"] for each in objects if each["service"] == "writer"]
    assert messages == expected.splitlines()[-20:]
    assert all(each["schema"] == "lettaops/logs/1" and each["container"] for each in objects)
    assert lettaops.run("logs", "nosuch").returncode == 2


def test_the_verb_follows_over_a_recreation(writers: Writers, tmp_path: Path) -> None:
    lettaops = LettaOps(writers.daemon.host, PROJECT, tmp_path)
    old = writers.container("writer")
    with subprocess.Popen(
        lettaops.command("logs", "writer", "-f", "--json", "--tail", "1"),
        env=lettaops.environ,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            first = json.loads(process.stdout.readline())
            assert first["container"] == old[:12]
            writers.compose("up", "-d", "--force-recreate", "writer")
            new = writers.container("writer")
            markers: list[dict[str, Any]] = []
            for line in process.stdout:
                found = json.loads(line)
                if "marker" in found["fields"]:
                    markers.append(found)
                elif found["container"] == new[:12]:
                    break
            assert any(f"{old[:12]} -> {new[:12]}" in each["message"] for each in markers)
        finally:
            process.terminate()


def test_the_verb_is_quiet_when_nobody_reads_on(writers: Writers, tmp_path: Path) -> None:
    lettaops = LettaOps(writers.daemon.host, PROJECT, tmp_path)
    words = " ".join(lettaops.command("logs", "-f")[len(COMMAND) :])
    done = subprocess.run(
        ["bash", "-c", f"{' '.join(COMMAND)} {words} | head -n 1; echo ${{PIPESTATUS[0]}}"],
        env=lettaops.environ,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    line, status = done.stdout.splitlines()
    assert (status, done.stderr) == ("141", "")
    assert " writer " in line
