"""What the real stack and the stub stack share: a compose project on a private daemon."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any, Self

from .cache import Cache
from .common import BedError, free_ports, wait_until
from .dockerd import PrivateDockerd

DB, SERVER, PROXY = "letta_db", "letta_server", "letta_nginx"
SERVICES = (DB, SERVER, PROXY)
PROXY_HOST = "letta.localhost"
PORT_TAKEN = ("address already in use", "port is already allocated")


@dataclass(frozen=True)
class Ports:
    """Where the stack's services are published on 127.0.0.1.

    `legacy` leads to the container port 8083, which Letta's compose file publishes and nobody serves.
    """

    db: int
    server: int
    legacy: int
    proxy: int
    model: int

    @classmethod
    def free(cls) -> Ports:
        return cls(*free_ports(5))


class ComposeStack:
    """One compose project with Letta's three services; subclasses write the compose files."""

    def __init__(self, daemon: PrivateDockerd, cache: Cache, project: str) -> None:
        self.daemon = daemon
        self.project = project
        self.folder = daemon.root / "stacks" / project
        self.ports = Ports.free()
        self._cache = cache
        self._prints: dict[str, str] = {}
        # Only what compose needs: a key in the developer's environment must not reach the containers.
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        engine = {name: daemon.env[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG")}
        self.env = kept | engine

    # -- for subclasses -----------------------------------------------------------------

    def write_files(self) -> None:
        """Write the compose project into `folder` for the present `ports`."""
        raise NotImplementedError

    def before_up(self) -> None:
        """What has to exist before the services start."""

    def problems(self) -> list[str]:
        """What keeps the stack from being healthy, in words; empty when all is well."""
        raise NotImplementedError

    # -- life ---------------------------------------------------------------------------

    def up(self, timeout: float = 180) -> None:
        """Create and start everything and wait until it is healthy (`timeout` seconds for each)."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for attempt in range(3):
            self.write_files()
            try:
                self.before_up()
                self.compose("up", "-d", timeout=timeout)
                break
            except BedError as exc:
                # Somebody else can take a free port before docker-proxy does.
                if attempt == 2 or not any(word in str(exc) for word in PORT_TAKEN):
                    raise
                self.ports = Ports.free()
        self.wait_healthy(timeout)
        self._prints = self._fingerprints()

    def down(self, *, volumes: bool = True) -> None:
        """Remove the containers and networks, and with `volumes` all data and the folder too."""
        self._remove(f"label=lettaops.testbed.stack={self.project}", volumes=True)
        label = f"label=com.docker.compose.project={self.project}"
        self.unpause()
        running = self._ids("--filter", label) if not volumes else []
        if running:
            self.docker("stop", "-t", "10", *running)  # the data is kept: let the database close it
        self._remove(label, volumes=volumes)
        for network in self.daemon.lines("network", "ls", "-q", "--filter", label):
            self.docker("network", "rm", network)
        if volumes:
            for volume in self.daemon.lines("volume", "ls", "-q", "--filter", label):
                self.docker("volume", "rm", "-f", volume)
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.up()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.down()

    # -- use ----------------------------------------------------------------------------

    def docker(self, *args: str, timeout: float = 120) -> str:
        """Standard output of a docker command; BedError when it fails."""
        return self.daemon.docker(*args, timeout=timeout).stdout

    def compose(self, *args: str, timeout: float = 180) -> str:
        """Standard output of `docker compose ARGS` on this project; BedError when it fails."""
        self._cache.compose()
        command = ["docker", "compose", "--project-directory", str(self.folder), "-p", self.project, *args]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                env=self.env,
                cwd=self.folder,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise BedError(f"docker compose {args[0]} took over {timeout:g} s\n{self.logs()}") from exc
        if done.returncode:
            raise BedError(f"docker compose {' '.join(args)} failed: {done.stderr[-3000:]}\n{self.logs()}")
        return done.stdout

    def container(self, service: str) -> str:
        """The id of the service's container; BedError unless there is exactly one."""
        found = self.containers(service)
        if len(found) != 1:
            raise BedError(f"{len(found)} containers instead of one for {self.project}/{service}")
        return found[0]

    def containers(self, service: str | None = None) -> list[str]:
        """Ids of the project's containers (of one service), running or not."""
        wanted = ["--filter", f"label=com.docker.compose.project={self.project}"]
        if service:
            wanted += ["--filter", f"label=com.docker.compose.service={service}"]
        return self._ids(*wanted)

    def logs(self, lines: int = 25) -> str:
        """The last lines of each container's log, for error messages."""
        parts = []
        for identity in self.containers():
            done = self.daemon.docker("logs", "--tail", str(lines), identity, check=False)
            parts.append(f"[{identity[:12]}]\n{done.stdout}{done.stderr}")
        return "\n".join(parts)

    def wait_healthy(self, timeout: float = 120) -> None:
        """Wait until problems() is empty; BedError with the last problems and the containers' logs."""
        last: list[str] = []

        def healthy() -> bool:
            last[:] = self.problems()
            return not last

        wait_until(
            healthy,
            f"the stack {self.project} to be healthy",
            timeout,
            log=lambda: "; ".join(last) + "\n" + self.logs(),
            interval=0.2,
        )

    def heal(self) -> None:
        """Bring everything back to what up() made, whatever a test did; quick when nothing is wrong.

        Tries the gentlest cure first: unpause and start, then recreating what was changed, and at
        last a new stack with an empty database.
        """
        if not self.changed() and not self.problems():
            return
        try:
            self._revive()
            if self.changed():
                self._renew()
            self.wait_healthy()
        except BedError:
            self.down()
            self.up()

    def changed(self) -> list[str]:
        """Services whose container is missing, doubled, not running, or not as up() made it."""
        now = self._fingerprints()
        return [service for service in SERVICES if now.get(service) != self._prints.get(service)]

    def unpause(self) -> None:
        """Unpause the project's paused containers."""
        label = f"label=com.docker.compose.project={self.project}"
        paused = self._ids("--filter", label, "--filter", "status=paused")
        if paused:
            self.daemon.docker("unpause", *paused)

    # -- inside -------------------------------------------------------------------------

    def _ids(self, *filters: str) -> list[str]:
        return self.daemon.lines("ps", "-aq", "--no-trunc", *filters)

    def _remove(self, label: str, *, volumes: bool) -> None:
        """Remove the containers with `label`, and with `volumes` their anonymous volumes."""
        found = self._ids("--filter", label)
        if found:
            self.docker("rm", "-f", *(("-v",) if volumes else ()), *found, timeout=300)

    def _revive(self) -> None:
        self.unpause()
        running = [c for c in self._inspect() if c["State"]["Running"]]
        if len(running) < len(SERVICES):
            # Compose starts the server only when the database is healthy; it would exit otherwise.
            self.compose("up", "-d", "--no-recreate")

    def _renew(self) -> None:
        broken = self.changed() or list(SERVICES)
        for service in broken:
            doubled = self.containers(service)
            if len(doubled) > 1:
                self.daemon.docker("rm", "-f", "-v", *doubled)
        self.write_files()
        self.compose("up", "-d", "--force-recreate", "--remove-orphans", *broken)
        self._prints |= {k: v for k, v in self._fingerprints().items() if k in broken}

    def _inspect(self) -> list[dict[str, Any]]:
        ids = self.containers()
        found: list[dict[str, Any]] = json.loads(self.docker("inspect", *ids)) if ids else []
        return found

    def _fingerprints(self) -> dict[str, str]:
        """Per service, what of its container a test could have changed, as comparable text."""
        prints: dict[str, str] = {}
        for container in self._inspect():
            service = container["Config"]["Labels"]["com.docker.compose.service"]
            prints[service] = prints.get(service, "") + fingerprint(container)
        return prints


def fingerprint(container: dict[str, Any]) -> str:
    """The settings in an inspect answer that a recreate or an update would change, and whether it runs."""
    config, host = container["Config"], container["HostConfig"]
    networks = {
        name: sorted(set(end["Aliases"] or ()) - {container["Id"][:12]})
        for name, end in container["NetworkSettings"]["Networks"].items()
    }
    limits = ("Memory", "NanoCpus", "CpuQuota", "CpuShares", "RestartPolicy", "PortBindings", "LogConfig")
    return json.dumps(
        {
            "name": container["Name"],
            "status": container["State"]["Status"],
            "image": container["Image"],
            "env": sorted(config["Env"] or ()),
            "command": [config["Entrypoint"], config["Cmd"]],
            "limits": {key: host.get(key) for key in limits},
            "binds": sorted(host.get("Binds") or ()),
            "networks": networks,
        },
        sort_keys=True,
    )


def http_status(port: int, path: str, host: str = "localhost", timeout: float = 5) -> tuple[int, bytes]:
    """Status and body of GET `path` on 127.0.0.1:`port` with the Host header `host`; OSError if none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except http.client.HTTPException as exc:
        raise OSError(f"no HTTP answer: {exc!r}") from exc
    finally:
        connection.close()
