"""A Postgres cluster with Letta's tables: made once, kept in the user's cache, copied for each sandbox."""

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final

import msgspec

from lettaops.model.errors import DeadlineExceeded, LettaopsError
from lettaops.model.secrets import Secret
from lettaops.sandbox.database.programs import Programs
from lettaops.sandbox.engine import launch

USER: Final = "letta"
DATABASE: Final = "letta"
_SECONDS: Final = 120.0  # for a step of the making; all of them take about two
_POLL_SECONDS: Final = 0.02
_SCRIPTS: Final = ("schema.sql", "content.sql")
# Nothing here has to survive the machine, so nothing waits for the disk. What is kept beside the data goes
# with it when the supervisor is killed: no shared memory stays behind but one small segment.
_SETTINGS: Final = """
fsync = off
full_page_writes = off
synchronous_commit = off
shared_buffers = 16MB
dynamic_shared_memory_type = mmap
max_connections = 100
max_wal_size = 64MB
min_wal_size = 8MB
timezone = UTC
log_timezone = UTC
"""
_ACCESS: Final = """local all all trust
host all all 127.0.0.0/8 scram-sha-256
"""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A user of this machine."""

    uid: int
    gid: int


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """Where a cluster is, or will be. `sockets`: the directory of its unix socket."""

    data: Path
    sockets: Path
    password: Secret


class Making:
    """A cluster to be made in `place`: what is known of it at once, and `finish`, which takes a while.

    It comes from the finished one in `cache`; the first one is made anew, and put there. One at a time: the
    others wait until that is there. `account`: who Postgres runs as, when not as this process; `place` must
    be reachable for them.
    """

    def __init__(self, place: Path, programs: Programs, cache: Path, account: Account | None) -> None:
        self._template = cache / _key(programs)
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = (cache / "lock").open("a")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._made = self._template.is_dir()
        kept = self._template / "password"
        password = kept.read_text(encoding="ascii") if self._made else secrets.token_hex(12)
        self.cluster = Cluster(data=place / "data", sockets=place / "sockets", password=Secret(password))
        _own_directory(place, account)
        _own_directory(self.cluster.sockets, account)
        self._maker = _Maker(place, self.cluster, programs, account)

    def close(self) -> None:
        """Let the next one begin."""
        self._lock.close()

    def finish(self) -> None:
        """Make it. Raises `LettaopsError` with the last words of the program that failed."""
        with contextlib.closing(self._lock):
            if self._made:
                _copy(self._template / "data", self.cluster.data, self._maker.account)
            else:
                _initialise(self._maker)
                _fill(self._maker)
                self._keep()

    def _keep(self) -> None:
        partial = self._template.with_name(f"{self._template.name}.{os.getpid()}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(mode=0o700)
        (partial / "password").write_text(self.cluster.password.reveal(), encoding="ascii")
        _copy(self.cluster.data, partial / "data", None)
        for older in self._template.parent.glob("cluster-*"):
            if older != partial:
                shutil.rmtree(older, ignore_errors=True)
        partial.rename(self._template)


class _Maker:
    """What the programs that make a cluster are run with. They end when this process does."""

    def __init__(self, place: Path, cluster: Cluster, programs: Programs, account: Account | None) -> None:
        self.place = place
        self.cluster = cluster
        self.programs = programs
        self.account = account

    def run(self, name: str, *arguments: str) -> None:
        """Run a program to its end. Raises `LettaopsError`."""
        process = self.start(name, *arguments)
        try:
            output, _ = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.communicate()
            raise DeadlineExceeded(f"{name} of the sandbox did not end in {_SECONDS:.0f} s") from error
        if process.returncode:
            raise _failed(name, process, output)

    def start(
        self, name: str, *arguments: str, death_signal: signal.Signals = signal.SIGTERM
    ) -> subprocess.Popen[bytes]:
        """Begin to run a program, by way of the engine's launcher. Raises `LettaopsError`."""
        user = f"{self.account.uid}:{self.account.gid}" if self.account else "-"
        program = self.programs.path(name)
        with open(os.devnull, "wb") as report:
            words = [str(os.getpid()), str(report.fileno()), str(int(death_signal)), "0", user, program]
            try:
                return subprocess.Popen(
                    [sys.executable, "-I", "-S", launch.__file__, *words, program, *arguments],
                    env={"PATH": os.defpath, "LC_ALL": "C", "PGTZ": "UTC"},
                    cwd=self.place,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    pass_fds=(report.fileno(),),
                )
            except OSError as error:
                raise LettaopsError(f"{name} of the sandbox could not be run: {error}") from error

    def file(self, name: str, text: str) -> Path:
        """A file that only the account can read."""
        path = self.place / name
        path.touch(mode=0o600)
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid)
        path.write_text(text, encoding="utf-8")
        return path


def _initialise(maker: _Maker) -> None:
    secret = maker.file("password", maker.cluster.password.reveal())
    maker.run(
        "initdb", "-D", str(maker.cluster.data), "-U", USER, f"--pwfile={secret}", "--auth=scram-sha-256",
        "--no-sync", "--encoding=UTF8", "--locale=C", "--wal-segsize=1", "--no-instructions",
    )  # fmt: skip
    secret.unlink()
    with (maker.cluster.data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(_SETTINGS)
    (maker.cluster.data / "pg_hba.conf").write_text(_ACCESS, encoding="utf-8")


def _fill(maker: _Maker) -> None:
    """Run Postgres on its unix socket alone, and the scripts in it."""
    sockets = str(maker.cluster.sockets)
    address = ("-h", sockets, "-U", USER)
    data = str(maker.cluster.data)
    settings = (
        "-c",
        "listen_addresses=",
        "-c",
        f"unix_socket_directories={sockets}",
        "-c",
        "logging_collector=off",
    )
    server = maker.start("postgres", "-D", data, *settings, death_signal=signal.SIGQUIT)
    try:
        _until_ready(maker, server)
        create = f"CREATE DATABASE {DATABASE} TEMPLATE template0"
        maker.run("psql", *address, "-d", "postgres", "-XqAt", "-c", create)
        for name in _SCRIPTS:
            script = maker.file(name, _script(name))
            maker.run("psql", *address, "-d", DATABASE, "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", str(script))
            script.unlink()
    finally:
        if server.poll() is None:
            server.send_signal(signal.SIGINT)  # its fast end
            server.communicate(timeout=_SECONDS)
    maker.run("pg_resetwal", "-D", data)  # its log is a third of what would be copied


def _until_ready(maker: _Maker, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            maker.run("pg_isready", "-q", "-h", str(maker.cluster.sockets))
        except LettaopsError:
            if server.poll() is not None:
                raise _failed("postgres", server, server.communicate()[0]) from None
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return


def _failed(name: str, process: subprocess.Popen[bytes], output: bytes) -> LettaopsError:
    said = " / ".join(output.decode("utf-8", "replace").strip().splitlines()[-5:])
    return LettaopsError(f"{name} of the sandbox ended with {process.returncode}: {said}")


def _key(programs: Programs) -> str:
    """A name that changes with everything that goes into the cluster."""
    version = subprocess.run(
        [programs.path("postgres"), "--version"], capture_output=True, timeout=_SECONDS, check=True
    ).stdout
    parts = (version, _SETTINGS.encode(), _ACCESS.encode(), *(_script(name).encode() for name in _SCRIPTS))
    return f"cluster-{hashlib.sha256(b'|'.join(parts)).hexdigest()[:16]}"


def _script(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _copy(source: Path, target: Path, account: Account | None) -> None:
    """Copy a data directory, private to its owner."""
    made: list[Path] = []
    for folder, _, names in os.walk(source):
        into = target / Path(folder).relative_to(source)
        into.mkdir(mode=0o700)
        made.append(into)
        for name in names:
            shutil.copyfile(Path(folder, name), into / name)
            made.append(into / name)
    for path in made:
        if account is not None:
            os.chown(path, account.uid, account.gid)
        if path.is_file():
            path.chmod(0o600)


def _own_directory(path: Path, account: Account | None) -> None:
    path.mkdir(mode=0o700, parents=True)
    if account is not None:
        os.chown(path, account.uid, account.gid)


def connect_words(cluster: Cluster, port: int, addresses: Sequence[str]) -> tuple[str, ...]:
    """The arguments with which Postgres runs on the cluster and listens on `addresses`."""
    return (
        "-D", str(cluster.data), "-p", str(port), "-c", f"listen_addresses={','.join(addresses)}",
        "-c", f"unix_socket_directories={cluster.sockets}",
    )  # fmt: skip
