"""Files out of a container, from the tar archive that the engine makes of them."""

import io
import posixpath
import tarfile
from typing import Final

from lettaops.model.errors import ProtocolError

MAX_FILE_BYTES: Final = 1024 * 1024
MAX_FILES: Final = 2000


def unpacked(data: bytes, path: str, what: str) -> dict[str, bytes]:
    """Contents by path in the container; symbolic links inside the archive are followed, devices left out.

    Nothing is written anywhere. A file over `MAX_FILE_BYTES` is left out. Raises `ProtocolError`.
    """
    parent = posixpath.dirname(posixpath.normpath(path))
    found: dict[str, bytes] = {}
    links: dict[str, str] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for count, member in enumerate(archive):
                if count >= MAX_FILES:
                    break
                name = posixpath.normpath(posixpath.join(parent, member.name))
                if member.isfile() and member.size <= MAX_FILE_BYTES:
                    file = archive.extractfile(member)
                    if file is not None:
                        found[name] = file.read()
                elif member.issym():
                    links[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
    except (tarfile.TarError, EOFError) as error:
        raise ProtocolError(f"{what}: the engine's archive can't be read ({error})") from error
    for name, target in links.items():
        if target in found:
            found[name] = found[target]
    return found
