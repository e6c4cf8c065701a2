"""`status --watch` while the engine itself is stopped, killed, frozen, slow or out of bounds.

A silent engine says nothing about containers: none may be called exited because a stream ended.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.unix_proxy import UnixProxy
from tests.stack.lettaops_cli import COMMAND, ROOT, LettaOps, service, summary
from tests.testbed.stacks import DB, SERVER, StubStack

ENDED = ("ended", "exit", "stopped", "killed")


@pytest.fixture
def lettaops(lasting: StubStack, tmp_path: Path) -> LettaOps:
    return LettaOps(lasting.daemon.host, lasting.project, tmp_path)


def live(document: dict[str, Any]) -> bool:
    return bool(document["engine"]["state"] == "live")


def silent(document: dict[str, Any]) -> bool:
    return document["engine"]["state"] in {"stale", "down"}


def assert_no_false_end(documents: list[dict[str, Any]]) -> None:
    for document in documents:
        for each in document["services"]:
            assert each["state"] == "running", summary(document)
            assert not any(word in each["reason"] for word in ENDED), summary(document)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_engine_ends_and_comes_back(lettaops: LettaOps, lasting: StubStack, end: str) -> None:
    with lettaops.watch() as watch:
        before = watch.wait_for(live, "a live engine")
        getattr(lasting.daemon, end)()
        document = watch.wait_for(silent, "an engine that is gone")
        assert "the engine doesn't answer" in document["sentence"].lower()
        assert service(document, SERVER)["id"] == service(before, SERVER)["id"], "the last state stands"
        asked = watch.wait_for(
            lambda each: silent(each) and bool(service(each, SERVER)["probe"]),
            "the server asked without the engine",
        )
        assert service(asked, SERVER)["verdict"] == "ok", summary(asked)
        lasting.daemon.start()
        again = watch.wait_for(live, "a live engine again", timeout=15)
        assert service(again, SERVER)["id"] == service(before, SERVER)["id"]
        assert_no_false_end(watch.documents)


def test_engine_frozen(lettaops: LettaOps, lasting: StubStack) -> None:
    """A frozen engine ends no stream: only the watchdog's question tells."""
    with lettaops.watch() as watch:
        watch.wait_for(live, "a live engine")
        lasting.daemon.freeze()
        try:
            document = watch.wait_for(silent, "a silent engine")
            assert document["engine"]["state"] == "stale"
            assert document["engine"]["seen_age_s"] is not None
        finally:
            lasting.daemon.thaw()
        watch.wait_for(live, "a live engine again")
        assert_no_false_end(watch.documents)


def test_containers_that_die_with_the_engine_are_shown_so(stub_stack: StubStack, tmp_path: Path) -> None:
    """Without live-restore the engine's end is the containers' end: then it is true."""
    lettaops = LettaOps(stub_stack.daemon.host, stub_stack.project, tmp_path)
    with lettaops.watch() as watch:
        watch.wait_for(live, "a live engine")
        stub_stack.daemon.stop()
        watch.wait_for(silent, "an engine that is gone")
        stub_stack.daemon.start()
        document = watch.wait_for(
            lambda each: live(each) and service(each, DB)["verdict"] in {"down", "stopped"},
            "ended containers",
        )
        assert document["overall"] == "down"


def test_engine_down_at_the_start(lettaops: LettaOps, lasting: StubStack) -> None:
    lasting.daemon.stop()
    done = lettaops.run("status")
    assert done.returncode == 12, done.stdout
    assert "socket" in done.stdout
    with lettaops.watch() as watch:
        document = watch.wait_for(lambda each: each["engine"]["state"] == "down", "an engine that is down")
        assert document["overall"] == "unknown"
        assert document["services"] == []
        lasting.daemon.start()
        watch.wait_for(live, "a live engine", timeout=15)


def test_engine_forbidden(lettaops: LettaOps, lasting: StubStack) -> None:
    """An account that may not use the socket is told what to do, once."""
    socket = Path(lasting.daemon.host.removeprefix("unix://"))
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    done = subprocess.run(
        [*nobody, *COMMAND, "--host", f"unix://{socket}", "status", "--json"],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LETTAOPS_STATE_DIR": "/nonexistent/state"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout, done.stderr
    document = json.loads(done.stdout)
    assert document["engine"]["state"] == "denied"
    assert done.returncode == 12
    assert "permission" in document["sentence"].lower() or "may not" in document["sentence"].lower()


def test_a_reader_that_has_had_enough_ends_the_watch_quietly(lettaops: LettaOps, lasting: StubStack) -> None:
    process = subprocess.Popen(
        lettaops.command("status", "--watch", "--json"),
        env=lettaops.environ,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        assert process.stdout.readline()
        process.stdout.close()
        lasting.docker("pause", lasting.container(DB))
        assert process.wait(20) == 141
        assert process.stderr.read() == b""
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        lasting.docker("unpause", lasting.container(DB))


def test_slow_engine_is_never_asked_twice_at_once(lettaops: LettaOps, lasting: StubStack) -> None:
    """An answer that takes a second, at 20 KB/s: still live, and no second list is asked for meanwhile."""
    socket = lasting.daemon.host.removeprefix("unix://")
    with UnixProxy(socket, delay=1.0, bytes_per_second=20_000) as proxy:
        slow = LettaOps(proxy.host, lasting.project, lettaops.state)
        with slow.watch() as watch:
            document = watch.wait_for(live, "a live engine behind a slow link", timeout=40)
            assert service(document, SERVER)["state"] == "running"
            lasting.docker("pause", lasting.container(DB))
            watch.wait_for(lambda each: "paused" in service(each, DB)["reason"], "the pause", timeout=40)
            lasting.docker("unpause", lasting.container(DB))
        assert proxy.most_at_once("/containers/json") == 1
