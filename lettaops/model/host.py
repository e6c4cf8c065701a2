"""The machine that lettaops runs on."""

import msgspec

from lettaops.model.text import Safe


class HostSample(msgspec.Struct, frozen=True, kw_only=True):
    """The host at one moment. CPU in percent of all cores since the last sample; memory and disk in bytes."""

    name: Safe
    cpu_percent: float | None
    load_1m: float
    cores: int
    memory_used_bytes: int
    memory_total_bytes: int
    disk_path: Safe
    disk_used_bytes: int
    disk_total_bytes: int
