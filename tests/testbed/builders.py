"""How the stand-in images are made: from a package mirror, a Dockerfile, or a script."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .cache import Cache
from .common import BedError, run
from .dockerd import PrivateDockerd

RECIPES = Path(__file__).parent / "recipes"
BASE_IMAGE = "lettaops-testbed/base"
SUITE = "bookworm"
BASE_PACKAGES = ("ca-certificates", "curl", "iproute2", "procps")
# Documentation and translations make up a fifth of a minimal system.
BASE_EXCLUDES = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
BUILD_TIMEOUT = 1800.0


@dataclass(frozen=True)
class Recipe:
    """One stand-in image: its tags, its folder in recipes/, and what else decides its content.

    `pins` are texts for the hash, `parents` names of recipes it is made from; `prepare` adds
    files to the copy of the folder that the build sees.
    """

    name: str
    tags: tuple[str, ...]
    pins: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    prepare: Callable[[Cache, Path], None] = lambda _cache, _context: None


@dataclass(frozen=True)
class Build:
    """What one build needs to know: where, with what label, in which scratch folder, with which log."""

    daemon: PrivateDockerd
    cache: Cache
    recipe: Recipe
    label: str
    scratch: Path

    @property
    def log(self) -> Path:
        return self.cache.logs / f"build-{self.recipe.name}.log"

    def docker(self, *args: str) -> None:
        """A docker command whose output goes to the log."""
        self.daemon.docker(*args, timeout=BUILD_TIMEOUT, log=self.log)

    def context(self) -> Path:
        """A copy of the recipe's folder with the prepared files."""
        folder = self.scratch / "context"
        shutil.copytree(RECIPES / self.recipe.name, folder)
        self.recipe.prepare(self.cache, folder)
        return folder


def _apt_sources() -> Path:
    """This machine's own package sources."""
    for path in (*sorted(Path("/etc/apt/sources.list.d").glob("*.sources")), Path("/etc/apt/sources.list")):
        if path.exists() and path.stat().st_size:
            return path
    raise BedError("no package sources in /etc/apt: the base image is made from this machine's own")


def import_base(build: Build) -> None:
    """A minimal Debian from this machine's own package sources."""
    archive = build.scratch / "base.tar"
    run(
        [
            "mmdebstrap",
            "--variant=minbase",
            f"--include={','.join(BASE_PACKAGES)}",
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in BASE_EXCLUDES),
            '--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin',
            SUITE,
            archive,
            _apt_sources(),
        ],
        timeout=BUILD_TIMEOUT,
        log=build.log,
    )
    changes = ("-c", 'CMD ["/bin/bash"]', "-c", f"LABEL {build.label}")
    build.docker("import", *changes, str(archive), build.recipe.tags[0])


def from_dockerfile(build: Build) -> None:
    """The recipe's Dockerfile."""
    build.docker(
        "build",
        *("--network", "host"),  # the engine has no outward network of its own
        *("--label", build.label),
        *(word for tag in build.recipe.tags for word in ("--tag", tag)),
        str(build.context()),
    )


def from_script(build: Build) -> None:
    """The file system of a base container in which the recipe's install.sh has run.

    Unlike a Dockerfile this leaves the context, which has machine settings, out of the image,
    and makes one layer, which for the gigabyte that Letta takes saves minutes.
    """
    name = f"build-{build.recipe.name}"
    try:
        build.docker(
            *("run", "--name", name, "--network", "host", "-v", f"{build.context()}:/build:ro"),
            *(BASE_IMAGE, "bash", "/build/install.sh"),
        )
        changes = ("-c", f"LABEL {build.label}", "-c", 'CMD ["/bin/bash"]')
        build.docker("commit", *changes, name, build.recipe.tags[0])
    finally:
        build.daemon.docker("rm", "-f", "-v", name, check=False)
