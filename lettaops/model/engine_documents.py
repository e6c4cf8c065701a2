"""Decoders: documents of the Docker Engine API to our values. Lenient, none raises.

Field names are those of the Engine API reference, version 1.41 and later.
"""

from lettaops.model.document import Document, parse_port
from lettaops.model.engine import (
    STOP_GRACE_SECONDS,
    Attachment,
    Container,
    ContainerState,
    ContainerStatus,
    ContainerSummary,
    Environment,
    Event,
    Health,
    Mount,
    PublishedPort,
    StatsSample,
)
from lettaops.model.text import Safe, clean


def container_from_inspect(value: object) -> Container:
    """A container from the answer of `GET /containers/{id}/json`."""
    document = Document(value)
    config, host = document.sub("Config"), document.sub("HostConfig")
    state = document.sub("State")
    return Container(
        id=_identity(document.text("Id")),
        name=_without_slash(document.text("Name")),
        image=config.text("Image"),
        image_id=document.text("Image"),
        labels=config.mapping("Labels"),
        environment=Environment(config.raw_texts("Env")),
        command=config.texts("Entrypoint") + config.texts("Cmd"),
        hostname=config.text("Hostname"),
        state=_state(state),
        restart_count=document.integer("RestartCount") or 0,
        restart_policy=host.sub("RestartPolicy").text("Name"),
        auto_remove=host.flag("AutoRemove"),
        stop_grace_s=_grace(config.integer("StopTimeout")),
        memory_limit_bytes=host.integer("Memory") or None,
        network_mode=host.text("NetworkMode"),
        attachments=_attachments(document.sub("NetworkSettings")),
        ports=_published(document.sub("NetworkSettings")),
        exposed=tuple(
            sorted({port for name, _ in config.entries("ExposedPorts") if (port := _port(name)) is not None})
        ),
        mounts=_mounts(document),
        tty=config.flag("Tty"),
        log_driver=host.sub("LogConfig").text("Type"),
        has_healthcheck=_is_checked(config.sub("Healthcheck"), state.sub("Health")),
    )


def container_from_list(value: object) -> ContainerSummary:
    """A row of the answer of `GET /containers/json`."""
    document = Document(value)
    names = [name for name in document.texts("Names") if name.count("/") == 1] or document.texts("Names")
    return ContainerSummary(
        id=_identity(document.text("Id")),
        name=_without_slash(names[0]) if names else Safe(),
        image=document.text("Image"),
        state=ContainerStatus(document.text("State")),
        status=document.text("Status"),
        command=document.text("Command"),
        labels=document.mapping("Labels"),
        ports=tuple(
            sorted(
                {port for row in document.subs("Ports") if (port := row.integer("PrivatePort")) is not None}
            )
        ),
        created_at=document.time("Created"),
    )


def event_from(value: object) -> Event:
    """An event from a line of `GET /events`."""
    document = Document(value)
    actor = document.sub("Actor")
    action, _, detail = document.text("Action").partition(":")
    attributes = actor.mapping("Attributes")
    nanoseconds = document.integer("timeNano")
    return Event(
        type=document.text("Type"),
        action=clean(action.strip()),
        detail=clean(detail.strip()),
        id=actor.text("ID"),
        name=attributes.get(Safe("name"), Safe()),
        attributes=attributes,
        time_ns=nanoseconds if nanoseconds is not None else (document.integer("time") or 0) * 1_000_000_000,
    )


def stats_from(value: object) -> StatsSample:
    """A sample from a document of `GET /containers/{id}/stats`, cgroup v1 or v2."""
    document = Document(value)
    cpu, memory = document.sub("cpu_stats"), document.sub("memory_stats")
    cpu_ns = cpu.sub("cpu_usage").integer("total_usage")
    networks = [Document(counters) for _, counters in document.entries("networks")]
    blocks = list(document.sub("blkio_stats").subs("io_service_bytes_recursive"))
    return StatsSample(
        read_at=document.time("read"),
        cpu_ns=cpu_ns,
        system_cpu_ns=cpu.integer("system_cpu_usage"),
        online_cpus=cpu.integer("online_cpus") or None,
        memory_bytes=_memory_without_cache(memory),
        memory_limit_bytes=memory.integer("limit") or None,
        received_bytes=_total([each.integer("rx_bytes") for each in networks]),
        sent_bytes=_total([each.integer("tx_bytes") for each in networks]),
        read_bytes=_total([each.integer("value") for each in blocks if each.text("op").lower() == "read"]),
        written_bytes=_total(
            [each.integer("value") for each in blocks if each.text("op").lower() == "write"]
        ),
        pids=document.sub("pids_stats").integer("current"),
    )


def _memory_without_cache(memory: Document) -> int | None:
    usage = memory.integer("usage")
    if usage is None:
        return None
    detail = memory.sub("stats")
    cache = detail.integer("total_inactive_file")
    if cache is None:
        cache = detail.integer("inactive_file")
    return usage - cache if cache is not None and 0 <= cache < usage else usage


def _total(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _state(state: Document) -> ContainerState:
    status = ContainerStatus(state.text("Status"))
    if status is ContainerStatus.UNKNOWN and "Running" in state:  # Podman and old engines
        status = ContainerStatus.RUNNING if state.flag("Running") else ContainerStatus.EXITED
    health = state.sub("Health")
    checks = list(health.subs("Log"))
    result = None
    if health and health.text("Status") not in ("", "none"):
        result = Health(
            status=health.text("Status"),
            failing_streak=health.integer("FailingStreak") or 0,
            last_exit_code=checks[-1].integer("ExitCode") if checks else None,
            last_output=clean(checks[-1].text("Output").strip("␍␊ ")) if checks else Safe(),
        )
    return ContainerState(
        status=status,
        oom_killed=state.flag("OOMKilled"),
        pid=state.integer("Pid") or 0,
        exit_code=state.integer("ExitCode"),
        error=state.text("Error"),
        started_at=state.time("StartedAt"),
        finished_at=state.time("FinishedAt"),
        health=result,
    )


def _is_checked(configured: Document, result: Document) -> bool:
    """Whether a healthcheck runs: `NONE` switches an image's off, Podman's result is empty without one."""
    test = configured.texts("Test")
    return test[:1] not in ((), ("NONE",)) or result.text("Status") not in ("", "none")


def _attachments(settings: Document) -> tuple[Attachment, ...]:
    found = []
    for network, raw in settings.entries("Networks"):
        document = Document(raw)
        found.append(
            Attachment(
                network=network,
                address=document.text("IPAddress"),
                address6=document.text("GlobalIPv6Address"),
                gateway=document.text("Gateway"),
                aliases=document.texts("Aliases") + document.texts("DNSNames"),
            )
        )
    return tuple(found)


def _published(settings: Document) -> tuple[PublishedPort, ...]:
    found = []
    for name, raw in settings.entries("Ports"):
        port = _port(name)
        for binding in Document({"list": raw}).subs("list"):
            host_port = parse_port(binding.text("HostPort"))
            if port is not None and host_port is not None:
                found.append(
                    PublishedPort(
                        container_port=port,
                        protocol=clean(name.partition("/")[2] or "tcp"),
                        host_ip=binding.text("HostIp"),
                        host_port=host_port,
                    )
                )
    return tuple(found)


def _mounts(document: Document) -> tuple[Mount, ...]:
    return tuple(
        Mount(
            kind=mount.text("Type"),
            destination=mount.text("Destination"),
            source=mount.text("Source"),
            name=mount.text("Name"),
            writable=mount.flag("RW"),
        )
        for mount in document.subs("Mounts")
    )


def _grace(seconds: int | None) -> int:
    return seconds if seconds is not None and seconds >= 0 else STOP_GRACE_SECONDS


def _port(name: str) -> int | None:
    return parse_port(name.partition("/")[0])


def _without_slash(name: Safe) -> Safe:
    return Safe(name.removeprefix("/"))


def _identity(text: str) -> str:
    """A container id: hexadecimal digits, else nothing (it goes into paths of requests)."""
    return text if not text.strip("0123456789abcdef") else ""
