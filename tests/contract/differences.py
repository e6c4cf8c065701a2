"""Where the sandbox's engine is allowed to differ from a real one. Tests ask here and nowhere else."""

from enum import StrEnum


class Difference(StrEnum):
    """One allowed difference, in words."""

    NO_CREATION = (
        "it has its containers from the start: creating, removing, renaming and building are refused"
    )
    NO_FIRST_PROCESS = (
        "a first process takes signals like any other: one without a handler ends at SIGTERM, "
        "where the first process of a real container ignores it"
    )
    OPEN_HOUSE = "processes see the machine: its files, names and network; an exec's user is not changed"
    BARE_BYTES = (
        "a log keeps bytes as they were printed, as with most drivers; the driver json-file makes U+FFFD "
        "of what isn't UTF-8"
    )
    NO_NETWORK_COUNTERS = "statistics say nothing of networks: the processes use the machine's"
    STATISTICS_AT_ONCE = (
        "a single sample comes at once, as with engines from 23.0; 20.10 takes a second or two"
    )
    ONE_NETWORK = "it has the one network of its containers, and no bridge, host and none"
    EAGER_HEALTH = "a starting container's health is asked for twice a second, not only at each interval"
    FEWER_EVENTS = "attach, top, resize and archive make no events, nor do networks and volumes"
    SHORTER_INSPECT = "inspect leaves fields out that concern namespaces and devices"
    COUNTED_MEMORY = "a memory limit is looked at once a second, so a container may exceed it for a moment"


# Fields of a real engine's inspect document (20.10) that the sandbox's leaves out, besides `GraphDriver`.
LEFT_OUT: dict[str, frozenset[str]] = {
    "HostConfig": frozenset(
        {
            "BlkioDeviceReadBps",
            "BlkioDeviceReadIOps",
            "BlkioDeviceWriteBps",
            "BlkioDeviceWriteIOps",
            "BlkioWeight",
            "BlkioWeightDevice",
            "CapAdd",
            "CapDrop",
            "Cgroup",
            "CgroupParent",
            "CgroupnsMode",
            "ConsoleSize",
            "ContainerIDFile",
            "CpuCount",
            "CpuPercent",
            "CpuPeriod",
            "CpuQuota",
            "CpuRealtimePeriod",
            "CpuRealtimeRuntime",
            "CpuShares",
            "CpusetCpus",
            "CpusetMems",
            "DeviceCgroupRules",
            "DeviceRequests",
            "Devices",
            "Dns",
            "DnsOptions",
            "DnsSearch",
            "ExtraHosts",
            "GroupAdd",
            "IOMaximumBandwidth",
            "IOMaximumIOps",
            "Isolation",
            "KernelMemory",
            "KernelMemoryTCP",
            "Links",
            "MaskedPaths",
            "MemoryReservation",
            "MemorySwappiness",
            "OomKillDisable",
            "OomScoreAdj",
            "PidsLimit",
            "PublishAllPorts",
            "ReadonlyPaths",
            "SecurityOpt",
            "UTSMode",
            "Ulimits",
            "UsernsMode",
            "VolumeDriver",
            "VolumesFrom",
        }
    ),
    "NetworkSettings": frozenset(
        {
            "GlobalIPv6Address",
            "GlobalIPv6PrefixLen",
            "HairpinMode",
            "IPv6Gateway",
            "LinkLocalIPv6Address",
            "LinkLocalIPv6PrefixLen",
            "SandboxKey",
            "SecondaryIPAddresses",
            "SecondaryIPv6Addresses",
        }
    ),
    "": frozenset(),
    "Config": frozenset(),
    "State": frozenset(),
}
