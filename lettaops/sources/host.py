"""Load, memory and disk of the machine lettaops runs on. The one module that imports psutil."""

import os
from typing import Final

import psutil

from lettaops.model.host import HostSample
from lettaops.model.text import clean

_DOCKER_ROOT: Final = "/var/lib/docker"


def sample(disk_path: str | None = None) -> HostSample:
    """Read the counters; takes about a millisecond. The first call of a process knows no CPU share yet."""
    cpu = psutil.cpu_percent(interval=None)
    memory = psutil.virtual_memory()
    path = disk_path or (_DOCKER_ROOT if os.path.isdir(_DOCKER_ROOT) else "/")
    disk = psutil.disk_usage(path)
    return HostSample(
        name=clean(os.uname().nodename),
        cpu_percent=cpu if cpu > 0 else None,
        load_1m=os.getloadavg()[0],
        cores=psutil.cpu_count() or 1,
        memory_used_bytes=memory.total - memory.available,
        memory_total_bytes=memory.total,
        disk_path=clean(path),
        disk_used_bytes=disk.total - disk.free,
        disk_total_bytes=disk.total,
    )
