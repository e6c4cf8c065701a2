"""Proof that the test stack is what the other stack tests take it for."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from tests.testbed import leftovers, network
from tests.testbed.cache import Cache
from tests.testbed.common import BedError, wait_until
from tests.testbed.composed import http_status
from tests.testbed.dockerd import PrivateDockerd, throwaway
from tests.testbed.images import stale
from tests.testbed.stacks import DB, PROXY, PROXY_HOST, SERVER, LettaStack, StubStack
from tests.testbed.stub_images import STUB_IMAGE, import_stub_images

CHECKOUT = Path(__file__).resolve().parents[2]
LATE = 10.0


def ask(url: str, body: dict[str, Any] | None = None) -> Any:
    """The JSON answer of a GET, or of a POST when there is a body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as exc:
        raise AssertionError(f"{url} answered {exc.code}: {exc.read()[:500]!r}") from exc


def host_rules() -> str:
    """The packet filter's rules and the forwarding switch, which no engine of ours may change."""
    rules = subprocess.run(["iptables-save"], capture_output=True, text=True, check=True).stdout
    kept = [line for line in rules.splitlines() if not line.startswith("#")]
    return "\n".join([*kept, Path("/proc/sys/net/ipv4/ip_forward").read_text()])


class TestEngine:
    def test_leaves_nothing_behind(self, cache: Cache) -> None:
        rules, mounts = host_rules(), Path("/proc/self/mounts").read_text()
        daemon = throwaway(cache.daemons, name="tidy", cli_config=cache.cli_config)
        with daemon:
            pid = daemon.pid
            assert network.link_exists(daemon.bridge)
            assert daemon.leftovers()
            assert Path("/proc/self/mounts").read_text() == mounts
        assert daemon.leftovers() == []
        assert not Path("/proc", str(pid)).exists()
        assert host_rules() == rules
        assert Path("/proc/self/mounts").read_text() == mounts

    def test_reads_no_foreign_configuration(self, stub_dockerd: PrivateDockerd) -> None:
        info = json.loads(stub_dockerd.docker("info", "--format", "{{json .}}").stdout)
        assert info["DockerRootDir"] == str(stub_dockerd.data_root)
        assert info["Labels"] == ["lettaops.testbed=stub"]

    def test_names_and_ports_work(self, stub_stack: StubStack) -> None:
        inside = stub_stack.docker(
            "exec", stub_stack.container(PROXY), "wget", "-qO-", "http://letta-server:8283/v1/health/"
        )
        assert json.loads(inside)["status"] == "ok"
        for alias in ("letta-db", "pgvector_db", DB):
            stub_stack.docker("exec", stub_stack.container(SERVER), "ping", "-c1", "-W2", alias)
        assert http_status(stub_stack.ports.server, "/v1/health/")[0] == 200
        assert http_status(stub_stack.ports.proxy, "/v1/agents/count") == (200, b"0")

    def test_outside_names_fail_at_once(self, stub_stack: StubStack) -> None:
        began = time.monotonic()
        with pytest.raises(BedError, match="bad address"):
            stub_stack.docker("exec", stub_stack.container(SERVER), "ping", "-c1", "name.invalid")
        assert time.monotonic() - began < 2

    def test_freeze_and_thaw(self, stub_dockerd: PrivateDockerd) -> None:
        stub_dockerd.freeze()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(0.5)
            sock.connect(str(stub_dockerd.socket))
            sock.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
            with pytest.raises(TimeoutError):
                sock.recv(1)
        stub_dockerd.thaw()
        wait_until(stub_dockerd.answers, "the thawed daemon to answer", LATE)

    def test_killed_daemon_comes_back_on_its_data(self, stub_dockerd: PrivateDockerd) -> None:
        stub_dockerd.docker("run", "-d", "--name", "kept", "--restart", "always", STUB_IMAGE)
        stub_dockerd.kill()
        assert not stub_dockerd.running
        stub_dockerd.start()
        wait_until(
            lambda: "kept" in stub_dockerd.lines("ps", "--format", "{{.Names}}"),
            "the container with a restart policy to run again",
            LATE,
        )

    def test_live_restore_keeps_containers(self, cache: Cache) -> None:
        daemon = throwaway(cache.daemons, name="live", cli_config=cache.cli_config, args=["--live-restore"])
        with daemon:
            import_stub_images(daemon, [STUB_IMAGE])
            daemon.docker("run", "-d", "--name", "survivor", STUB_IMAGE)
            before = daemon.docker("inspect", "-f", "{{.State.Pid}}", "survivor").stdout
            for end in (daemon.kill, daemon.stop):
                end()
                assert Path("/proc", before.strip()).exists()
                daemon.start()
                assert daemon.docker("inspect", "-f", "{{.State.Pid}}", "survivor").stdout == before
            assert daemon.docker("exec", "survivor", "echo", "hello").stdout == "hello\n"
        assert daemon.leftovers() == []

    def test_clears_up_after_a_killed_owner(self, cache: Cache) -> None:
        script = (
            "import os, sys, time\n"
            "from tests.testbed.cache import Cache\n"
            "from tests.testbed.dockerd import throwaway\n"
            "from tests.testbed.stub_images import import_stub_images\n"
            "c = Cache()\n"
            "d = throwaway(c.daemons, name='orphan', cli_config=c.cli_config)\n"
            "d.start(); import_stub_images(d)\n"
            "d.docker('network', 'create', 'net')\n"
            f"d.docker('run', '-d', '--network', 'net', '--name', 'left', '{STUB_IMAGE}')\n"
            "d.docker('pause', 'left')\n"
            "print(d.root, flush=True)\n"
            "time.sleep(600)\n"
        )
        owner = subprocess.Popen(
            [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=CHECKOUT
        )
        assert owner.stdout is not None
        with owner:
            root = Path(owner.stdout.readline().strip())
            owner.kill()
        abandoned = PrivateDockerd(root, name="orphan")
        assert leftovers.owned_processes(abandoned.data_root, abandoned.exec_root)
        subnet = json.loads((root / "claim.json").read_text())["subnet"]
        heir = throwaway(cache.daemons, name="heir", cli_config=cache.cli_config)
        try:
            assert not root.exists()
            assert abandoned.leftovers() == []
            assert network.bridges_within(IPv4Network(subnet)) == []
        finally:
            heir.close()

    def test_second_user_is_told_who_has_it(self, stub_dockerd: PrivateDockerd) -> None:
        with pytest.raises(BedError, match=f"process {os.getpid()} is using it"):
            PrivateDockerd(stub_dockerd.root, name="second").start()

    def test_error_shows_the_log(self, cache: Cache) -> None:
        daemon = throwaway(cache.daemons, name="bad", cli_config=cache.cli_config, args=["--no-such-option"])
        try:
            with pytest.raises(BedError, match="unknown flag: --no-such-option"):
                daemon.start()
        finally:
            daemon.close()
        assert daemon.leftovers() == []


class TestStubs:
    def test_up_is_quick(self, stub_dockerd: PrivateDockerd, cache: Cache) -> None:
        began = time.monotonic()
        with StubStack(stub_dockerd, cache, "quick") as stubs:
            assert time.monotonic() - began < LATE
            labels = json.loads(
                stubs.docker("inspect", "-f", "{{json .Config.Labels}}", stubs.container(SERVER))
            )
        assert labels["com.docker.compose.service"] == SERVER
        assert labels["com.docker.compose.project"] == "quick"
        assert labels["com.docker.compose.config-hash"]
        assert stub_dockerd.lines("ps", "-aq") == []

    def test_two_projects_at_once(self, stub_stack: StubStack, cache: Cache) -> None:
        with StubStack(stub_stack.daemon, cache, "other") as other:
            assert other.container(SERVER) != stub_stack.container(SERVER)
            assert http_status(other.ports.server, "/v1/health/")[0] == 200
        assert stub_stack.problems() == []

    def test_sleepers(self, stub_stack: StubStack) -> None:
        names = stub_stack.add_sleepers(10)
        running = stub_stack.daemon.lines("ps", "--format", "{{.Names}}")
        assert set(names) <= set(running)
        assert len(running) == 13

    def test_heals_what_a_test_broke(self, stub_stack: StubStack) -> None:
        server = stub_stack.container(SERVER)
        stub_stack.docker("pause", server)
        stub_stack.docker("kill", stub_stack.container(DB))
        stub_stack.docker("rm", "-f", stub_stack.container(PROXY))
        assert stub_stack.problems()
        stub_stack.heal()
        assert stub_stack.problems() == []
        assert stub_stack.changed() == []
        assert stub_stack.container(SERVER) == server

    def test_heal_undoes_changed_settings(self, stub_stack: StubStack) -> None:
        server = stub_stack.container(SERVER)
        stub_stack.docker("update", "--memory", "64m", "--memory-swap", "64m", server)
        assert stub_stack.changed() == [SERVER]
        stub_stack.heal()
        assert stub_stack.changed() == []
        assert stub_stack.container(SERVER) != server

    def test_database_stub_can_be_made_unhealthy(self, stub_stack: StubStack) -> None:
        database = stub_stack.container(DB)

        def health() -> str:
            return stub_stack.docker("inspect", "-f", "{{.State.Health.Status}}", database).strip()

        wait_until(lambda: health() == "healthy", "a healthy database stub", LATE)
        stub_stack.docker("exec", database, "touch", "/tmp/unready")
        wait_until(lambda: health() == "unhealthy", "an unhealthy database stub", LATE)


class TestLetta:
    def test_images_are_up_to_date(self, real_dockerd: PrivateDockerd) -> None:
        assert stale(real_dockerd) == []

    def test_is_letta_itself(self, stack: LettaStack) -> None:
        assert ask(f"{stack.url}/v1/health/") == {"version": "0.16.8", "status": "ok"}
        revision = stack.docker(
            *("exec", stack.container(DB), "psql", "-qAt", "-U", "letta"),
            *("-c", "SELECT version_num FROM alembic_version"),
        )
        assert revision.strip() == "1c28e167b74f"

    def test_proxy_serves_its_host_only(self, stack: LettaStack) -> None:
        assert http_status(stack.ports.proxy, "/v1/health/", PROXY_HOST)[0] == 200
        assert http_status(stack.ports.proxy, "/v1/health/", "localhost")[0] == 404

    def test_agent_answers_by_the_fake_model(self, stack: LettaStack) -> None:
        handles = [model["handle"] for model in ask(f"{stack.url}/v1/models/")]
        assert "openai-proxy/gpt-4o-mini" in handles
        agent = ask(
            f"{stack.url}/v1/agents/",
            {
                "name": "probe",
                "model": "openai-proxy/gpt-4o-mini",
                "embedding": "openai/text-embedding-3-small",
            },
        )
        answer = ask(
            f"{stack.url}/v1/agents/{agent['id']}/messages",
            {"messages": [{"role": "user", "content": "hello"}]},
        )
        said = [m for m in answer["messages"] if m["message_type"] == "assistant_message"]
        assert said
        assert "word1" in said[-1]["content"]

    def test_heals_a_frozen_database(self, stack: LettaStack) -> None:
        stack.docker("pause", stack.container(DB))
        stack.heal()
        assert stack.problems() == []
        assert stack.changed() == []

    def test_heals_stopped_containers(self, stack: LettaStack) -> None:
        stack.docker("stop", "-t", "10", stack.container(SERVER), stack.container(DB))
        stack.heal()
        assert stack.problems() == []
