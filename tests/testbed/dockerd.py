"""A Docker engine of our own beside whatever else runs on the machine.

It has its own socket, data-root, exec-root, pid file, bridge and subnet, and writes no
packet filter rules. It runs in a mount namespace of its own, in which /etc/docker and
/run/containerd are empty: so no foreign daemon.json is read, a system containerd is not
found (dockerd then manages one itself), and no mount can be left behind on the host.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from . import leftovers, network
from .background import Background, Scoped
from .common import BedError, FileLock, require_root, run, wait_until
from .deadend import DeadEndNames

START_TIMEOUT = 60.0
STOP_TIMEOUT = 40.0
HIDDEN_FOLDERS = ("/etc/docker", "/run/containerd")
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class PrivateDockerd(Scoped):
    """One engine below `root` (keep the path short: sockets in it may have 107 characters).

    The first start() claims `root` with a lock, clears away what a killed earlier run left,
    and makes the bridge. stop(), kill() and freeze() leave all that in place for the next
    start(); close() removes it, and with `keep_images=False` removes `root` altogether.
    """

    def __init__(
        self,
        root: Path,
        *,
        name: str,
        args: Sequence[str] = (),
        live_restore: bool = False,
        keep_images: bool = False,
        cli_config: Path | None = None,
        patience: float = 0,
    ) -> None:
        """`patience`: how many seconds start() waits while another process uses `root`."""
        self.root = root.resolve()
        self.name = name
        self.args = list(args)
        self.live_restore = live_restore
        # Containers on the host's network (image builds) need real names: False from the next start on.
        self.dead_end_names = True
        self.keep_images = keep_images
        self.data_root = self.root / "data"
        self.exec_root = self.root / "exec"
        self.pidfile = self.root / "docker.pid"
        self.socket = self.root / "docker.sock"
        self.host = f"unix://{self.socket}"
        self.log = self.root / "dockerd.log"
        self.bridge = "lop-" + hashlib.sha256(str(self.root).encode()).hexdigest()[:10]
        self.subnet: ipaddress.IPv4Network | None = None
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("DOCKER_", "COMPOSE_"))}
        self.env |= {"DOCKER_HOST": self.host, "DOCKER_CONFIG": str(cli_config or self.root / "cli")}
        self._state = self.root / "claim.json"
        self._lock = FileLock(self.root / "owner.lock", f"the Docker engine {name}", patience)
        self._claimed = False
        self._process = Background(f"dockerd {name}", self.log, self.answers)
        self._mount_namespace: int | None = None
        self._names: DeadEndNames | None = None

    # -- life ---------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The daemon's process id; BedError when it isn't running."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the daemon's process exists (a frozen one does)."""
        return self._process.running

    def start(self, timeout: float = START_TIMEOUT) -> None:
        """Start the daemon and wait until it answers; nothing happens when it runs already."""
        if self.running:
            return
        first = not self._claimed
        if first:
            self._claim()
        # dockerd trusts the numbers in pid files, even those of a zombie or of another program.
        for stale in (self.pidfile, self.socket, self.exec_root / "containerd/containerd.pid"):
            stale.unlink(missing_ok=True)
        held = () if self._mount_namespace is None else (self._mount_namespace,)
        self._process.start(self._command(), timeout, env=self.env, pass_fds=held)
        if self._mount_namespace is None:
            # Held open so that a restarted daemon finds the mounts and sockets of live containers.
            self._mount_namespace = os.open(f"/proc/{self.pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        if first:
            self.remove_everything()  # a killed earlier run may have left containers in the data-root

    def stop(self, timeout: float = STOP_TIMEOUT) -> None:
        """SIGTERM and wait for the end; the containers stop too unless live_restore is set."""
        self._process.end(signal.SIGTERM, timeout)

    def kill(self) -> None:
        """SIGKILL the daemon. Its containers go on without it, as on a real crash."""
        self._process.end(signal.SIGKILL, 10)
        wait_until(
            lambda: not leftovers.engine_processes(self.exec_root, shims=False),
            f"containerd of {self.name} to end with its parent",
            10,
        )

    def freeze(self) -> None:
        """SIGSTOP: connections are accepted by the kernel and never answered.

        Returns when every thread has stopped; right after the signal some still answer.
        """
        os.kill(self.pid, signal.SIGSTOP)
        wait_until(lambda: leftovers.all_threads_stopped(self.pid), f"dockerd {self.name} to freeze", 10)

    def thaw(self) -> None:
        """SIGCONT after freeze()."""
        os.kill(self.pid, signal.SIGCONT)

    def restart(self) -> None:
        """stop() and start()."""
        self.stop()
        self.start()

    def revive(self) -> None:
        """Make it run and answer again, whether it is frozen, stopped, killed or fine."""
        if self.running:
            self.thaw()
            self._process.wait_ready(30)
        self.start()

    def reserve(self) -> None:
        """Take the lock on `root`, so that no other process uses it or clears it away."""
        if not self._lock.held:
            self._lock.acquire()

    def close(self) -> None:
        """End the daemon and everything it started; remove containers, networks, volumes, bridge.

        Safe to call twice and after any failure.
        """
        if not self._lock.held:
            return
        if self.running:
            os.kill(self.pid, signal.SIGCONT)
        if self.keep_images and self._claimed:
            self._close_gently()
        elif self.running:
            self.kill()
        if self._names is not None:
            self._names.close()
            self._names = None
        if self._mount_namespace is not None:
            os.close(self._mount_namespace)
            self._mount_namespace = None
        self._sweep()
        self._claimed = False
        if not self.keep_images:
            shutil.rmtree(self.root)
        self._lock.release()

    def close_if_abandoned(self) -> bool:
        """close(), if the process that owned `root` is dead; False when it is in use."""
        if not self._lock.try_acquire():
            return False
        self.close()
        return True

    # -- use ----------------------------------------------------------------------------

    def docker(
        self, *args: str, timeout: float = 120, check: bool = True, log: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the docker command line tool against this daemon."""
        return run(["docker", *args], timeout=timeout, env=self.env, check=check, log=log)

    def lines(self, *args: str) -> list[str]:
        """The output lines of a docker command that has to succeed."""
        return self.docker(*args).stdout.split()

    def answers(self, timeout: float = 2.0) -> bool:
        """Whether GET /_ping is answered with 200 within `timeout` seconds."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(timeout)
            sock.connect(str(self.socket))
            sock.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
            return b" 200 " in sock.recv(64)
        return False

    def remove_everything(self) -> None:
        """Remove all containers, user-defined networks and volumes; images stay."""
        containers = self.lines("ps", "-aq", "--no-trunc")
        if containers:
            self.docker("rm", "-f", "-v", *containers, timeout=300)
        self.docker("network", "prune", "-f")
        volumes = self.lines("volume", "ls", "-q")
        if volumes:
            self.docker("volume", "rm", "-f", *volumes)

    def leftovers(self) -> list[str]:
        """What of this daemon is still on the machine, in words; empty after close()."""
        pids = leftovers.owned_processes(self.data_root, self.exec_root)
        found = [f"process {pid}" for pid in pids]
        found += [f"mount {point}" for point in leftovers.mounts_below(self.root)]
        if network.link_exists(self.bridge):
            found.append(f"bridge {self.bridge}")
        if self.subnet is not None:
            found += [f"link {name}" for name in network.bridges_within(self.subnet)]
        if not self.keep_images and self.root.exists():
            found.append(f"folder {self.root}")
        return found

    # -- inside -------------------------------------------------------------------------

    def _command(self) -> list[str]:
        dockerd = [
            "dockerd",
            *("--config-file", str(self.root / "daemon.json")),
            *("--host", self.host),
            *("--data-root", str(self.data_root)),
            *("--exec-root", str(self.exec_root)),
            *("--pidfile", str(self.pidfile)),
            *("--bridge", self.bridge),
            *("--default-address-pool", network.pool_of(self._subnet())),
            # Somebody else's rules and forwarding switch stay as they are: traffic inside a network
            # goes over its bridge, and published ports go through docker-proxy.
            *("--iptables=false", "--ip6tables=false", "--ip-masq=false", "--ip-forward=false"),
            *("--label", f"lettaops.testbed={self.name}"),
            *(("--dns", self.gateway) if self.dead_end_names else ()),
            *(("--live-restore",) if self.live_restore else ()),
            *self.args,
        ]
        if self._mount_namespace is not None:
            return ["nsenter", f"--mount=/proc/self/fd/{self._mount_namespace}", *dockerd]
        hide = " && ".join(f"mount -t tmpfs -o mode=755 lettaops {folder}" for folder in HIDDEN_FOLDERS)
        hidden = ["sh", "-c", f'{hide} && exec "$@"', "sh", *dockerd]
        return ["unshare", "--mount", "--propagation", "slave", *hidden]

    @property
    def gateway(self) -> str:
        """This machine's address on the daemon's default bridge."""
        return str(self._subnet()[1])

    def _subnet(self) -> ipaddress.IPv4Network:
        if self.subnet is None:
            raise BedError(f"dockerd {self.name} has no subnet yet")
        return self.subnet

    def _claim(self) -> None:
        require_root()
        network.check_forwarding()
        self.reserve()
        self._claimed = True
        self._sweep()
        for folder in (self.data_root, self.exec_root, self.root / "cli", *map(Path, HIDDEN_FOLDERS)):
            folder.mkdir(parents=True, exist_ok=True)
        (self.root / "daemon.json").write_text("{}\n")
        # Networks of an earlier run would come back with its old subnets.
        (self.data_root / "network/files/local-kv.db").unlink(missing_ok=True)
        self.subnet = network.claim(self.bridge, str(self.root))
        self._names = DeadEndNames(self.gateway)
        state = {"boot": BOOT_ID.read_text().strip(), "subnet": str(self.subnet)}
        self._state.write_text(json.dumps(state))

    def _close_gently(self) -> None:
        """Let the daemon itself undo what it did, so that the kept data-root stays tidy."""
        try:
            if not self.running:
                self.start()
            self.remove_everything()
            self.stop()
        except BedError as exc:
            with self.log.open("a") as log:
                log.write(f"lettaops: gentle close failed, killing: {exc}\n")
            self.kill()

    def _sweep(self) -> None:
        """Clear away processes, control groups and links of this root, whoever started them."""
        ids = leftovers.container_ids(self.data_root)
        leftovers.end_processes(self.data_root, self.exec_root)
        leftovers.remove_cgroups(ids)
        subnet = None
        if self._state.exists():
            state = json.loads(self._state.read_text())
            if state["boot"] == BOOT_ID.read_text().strip():
                subnet = ipaddress.IPv4Network(state["subnet"])
        network.release(self.bridge, subnet)
        for stale in (self._state, self.pidfile, self.socket):
            stale.unlink(missing_ok=True)
        shutil.rmtree(self.exec_root, ignore_errors=True)


def throwaway(folder: Path, *, name: str, cli_config: Path, args: Sequence[str] = ()) -> PrivateDockerd:
    """A daemon with an empty data-root in a new folder below `folder`, not started yet.

    Folders there whose owner was killed are cleared away first.
    """
    require_root()
    with FileLock(folder / "choice.lock", "the choice of a folder", timeout=120):
        for entry in folder.iterdir():
            if entry.is_dir():
                PrivateDockerd(entry, name=entry.name).close_if_abandoned()
        root = Path(tempfile.mkdtemp(dir=folder, prefix=f"{name}-"))
        daemon = PrivateDockerd(root, name=name, cli_config=cli_config, args=args)
        daemon.reserve()
    return daemon
