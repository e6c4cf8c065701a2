"""A 2 MB image made from Debian's static busybox, under the names of the stack's real images.

For tests about the engine (kill, freeze, recreate, many containers) that don't need Letta.
The server and proxy stubs answer `/v1/health/` and `/v1/agents/count`; the others only run.
"""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .cache import LETTA_VERSION
from .common import BedError, run
from .dockerd import PrivateDockerd

SCRIPTS = Path(__file__).parent / "recipes" / "stub"
STUB_IMAGE = "lettaops-testbed/stub"

# image name: (role that the stub plays, port it exposes)
STUB_TAGS: dict[str, tuple[str, int | None]] = {
    "letta/letta:latest": ("server", 8283),
    "ankane/pgvector:v0.5.1": ("db", 5432),
    "nginx:latest": ("proxy", 80),
    "nginx:stable-alpine3.17-slim": ("proxy", 80),
    "redis:7": ("redis", 6379),
    STUB_IMAGE: ("idle", None),
}

FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/group": "root:x:0:\n",
    "etc/httpd.conf": "I:index.json\n.json:application/json\n",
    "www/v1/health/index.json": json.dumps({"version": LETTA_VERSION, "status": "ok"}),
    "www/v1/agents/count": "0",
}


def busybox() -> Path:
    """The machine's busybox; BedError unless it is a static one, which runs in an empty image."""
    found = shutil.which("busybox")
    if not found:
        raise BedError("busybox is missing: run tests/testbed/install.sh as root")
    if b"/ld-linux" in Path(found).read_bytes()[:4096]:
        raise BedError(f"{found} is not static: install the package busybox-static")
    return Path(found)


def write_rootfs(target: Path) -> None:
    """Write the stub's root file system as a tar archive, the same bytes every time."""
    program = busybox()
    with tarfile.open(target, "w") as tar:

        def add(name: str, content: bytes, mode: int = 0o644) -> None:
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), mode
            tar.addfile(info, io.BytesIO(content))

        for folder, mode in (("tmp", 0o1777), ("root", 0o700), ("run", 0o755), ("var", 0o755)):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, mode
            tar.addfile(info)
        add("bin/busybox", program.read_bytes(), 0o755)
        for applet in sorted(set(run([program, "--list"]).stdout.split()) - {"busybox"}):
            info = tarfile.TarInfo(f"bin/{applet}")
            info.type, info.linkname, info.mode = tarfile.SYMTYPE, "busybox", 0o777
            tar.addfile(info)
        for script in sorted(SCRIPTS.glob("*.sh")):
            add(f"bin/{script.stem}", script.read_bytes(), 0o755)
        for name, text in FILES.items():
            add(name, text.encode())


def import_stub_images(daemon: PrivateDockerd, tags: Iterable[str] = tuple(STUB_TAGS)) -> None:
    """Put the stub images on `daemon` under `tags`; they share one layer."""
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / "stub.tar"
        write_rootfs(archive)
        for tag in tags:
            role, port = STUB_TAGS[tag]
            changes = ["ENV PATH=/bin", f'CMD ["stub", "{role}"]']
            if port is not None:
                changes.append(f"EXPOSE {port}")
            options = [word for change in changes for word in ("-c", change)]
            daemon.docker("import", *options, str(archive), tag)
