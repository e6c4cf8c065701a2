"""The API's documents of containers, images, networks and volumes. Reads, and changes nothing."""

import hashlib
from collections.abc import Iterable
from typing import Final

from lettaops.sandbox.engine import clock
from lettaops.sandbox.engine.container import Container, Status
from lettaops.sandbox.engine.health import HealthMonitor
from lettaops.sandbox.spec import MountSpec

Document = dict[str, object]

PROJECT_LABEL: Final = "com.docker.compose.project"
_PREFIX_LENGTH: Final = 24
_HOST: Final = "127.0.0.1"


def inspected(container: Container, network: str) -> Document:
    """The answer of `GET /containers/{id}/json`."""
    spec, words = container.spec, command_words(container)
    return {
        "Id": container.id,
        "Created": clock.rfc3339(container.created_at),
        "Path": words[0] if words else "",
        "Args": words[1:],
        "State": state_of(container),
        "Image": image_id(spec.image),
        "ResolvConfPath": "",
        "HostnamePath": "",
        "HostsPath": "",
        "LogPath": str(container.log.path),
        "Name": f"/{spec.name}",
        "RestartCount": container.restart_count,
        "Driver": "sandbox",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": list(container.execs) or None,
        "HostConfig": _host_config(container, network),
        "Mounts": [_mount(each) for each in spec.mounts],
        "Config": _config(container),
        "NetworkSettings": _network_settings(container, network),
    }


def listed(container: Container, network: str) -> Document:
    """A row of the answer of `GET /containers/json`."""
    spec = container.spec
    return {
        "Id": container.id,
        "Names": [f"/{spec.name}"],
        "Image": spec.image,
        "ImageID": image_id(spec.image),
        "Command": " ".join(command_words(container)),
        "Created": container.created_at // clock.SECOND,
        "Ports": _listed_ports(container),
        "Labels": spec.labels,
        "State": container.state.status,
        "Status": status_words(container),
        "HostConfig": {"NetworkMode": network},
        "NetworkSettings": {"Networks": {network: _endpoint(container, network)}},
        "Mounts": [_mount(each) for each in spec.mounts],
    }


def state_of(container: Container) -> Document:
    """`State` of an inspect document."""
    state = container.state
    document: Document = {
        "Status": state.status,
        "Running": state.up or state.status is Status.RESTARTING,
        "Paused": state.status is Status.PAUSED,
        "Restarting": state.status is Status.RESTARTING,
        "OOMKilled": state.oom_killed,
        "Dead": False,
        "Pid": state.pid,
        "ExitCode": state.exit_code,
        "Error": state.error,
        "StartedAt": clock.rfc3339(state.started_at),
        "FinishedAt": clock.rfc3339(state.finished_at),
    }
    if container.health:
        document["Health"] = _health(container.health)
    return document


def status_words(container: Container) -> str:
    """The column STATUS of `docker ps`."""
    state, now = container.state, clock.now()
    if state.status is Status.CREATED:
        return "Created"
    if state.status is Status.RESTARTING:
        return f"Restarting ({state.exit_code}) {clock.ago(now - state.finished_at)} ago"
    if state.status is Status.EXITED:
        return f"Exited ({state.exit_code}) {clock.ago(now - state.finished_at)} ago"
    up = f"Up {clock.ago(now - state.started_at)}"
    if state.status is Status.PAUSED:
        return f"{up} (Paused)"
    if container.health:
        health = container.health.status
        return f"{up} ({'health: starting' if health == 'starting' else health})"
    return up


def command_words(container: Container) -> list[str]:
    """Entrypoint and command as they are shown."""
    spec = container.spec
    return [*spec.shown_entrypoint, *(spec.shown_command or spec.command)]


def image_id(name: str) -> str:
    """An identity for an image that only exists as a name."""
    return f"sha256:{hashlib.sha256(name.encode()).hexdigest()}"


def network_id(name: str) -> str:
    """An identity for the network."""
    return hashlib.sha256(f"network {name}".encode()).hexdigest()


def network_document(name: str, containers: Iterable[Container], created_at: int) -> Document:
    """The answer of `GET /networks/{id}`."""
    inside = list(containers)
    project = next((p for each in inside if (p := each.spec.labels.get(PROJECT_LABEL))), "")
    labels = {PROJECT_LABEL: project, "com.docker.compose.network": "default"} if project else {}
    return {
        "Name": name,
        "Id": network_id(name),
        "Created": clock.rfc3339(created_at),
        "Scope": "local",
        "Driver": "bridge",
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": []},
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {
            each.id: {"Name": each.spec.name, "IPv4Address": each.spec.address}
            for each in inside
            if each.state.up
        },
        "Options": {},
        "Labels": labels,
    }


def volume_documents(containers: Iterable[Container], created_at: int) -> list[Document]:
    """The volumes that the containers mount, once each."""
    volumes = {
        mount.name: mount
        for each in containers
        for mount in each.spec.mounts
        if mount.kind == "volume" and mount.name
    }
    return [
        {
            "Name": name,
            "Driver": "local",
            "Mountpoint": mount.source,
            "CreatedAt": clock.rfc3339(created_at),
            "Labels": None,
            "Scope": "local",
            "Options": None,
        }
        for name, mount in sorted(volumes.items())
    ]


def image_document(name: str, created_at: int) -> Document:
    """A row of `GET /images/json`; enough for an inspect, too."""
    return {
        "Id": image_id(name),
        "RepoTags": [name if ":" in name.rpartition("/")[2] else f"{name}:latest"],
        "RepoDigests": [],
        "Created": created_at // clock.SECOND,
        "Size": 0,
        "Labels": None,
        "Containers": -1,
    }


def _health(health: HealthMonitor) -> Document:
    return {
        "Status": health.status,
        "FailingStreak": health.failing_streak,
        "Log": [
            {
                "Start": clock.rfc3339(each.began),
                "End": clock.rfc3339(each.ended),
                "ExitCode": each.exit_code,
                "Output": each.output.decode(errors="replace"),
            }
            for each in health.results
        ],
    }


def _config(container: Container) -> Document:
    spec = container.spec
    document: Document = {
        "Hostname": container.hostname,
        "Domainname": "",
        "User": "",
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "ExposedPorts": {port: {} for port in sorted({*spec.exposed, *spec.ports})},
        "Tty": spec.tty,
        "OpenStdin": False,
        "StdinOnce": False,
        "Env": [f"{name}={value}" for name, value in spec.environment.items()],
        "Cmd": list(spec.shown_command or spec.command),
        "Image": spec.image,
        "Volumes": None,
        "WorkingDir": "",
        "Entrypoint": list(spec.shown_entrypoint) or None,
        "OnBuild": None,
        "Labels": spec.labels,
        "StopSignal": spec.stop_signal,
        "StopTimeout": spec.stop_timeout_s,
    }
    if spec.health:
        document["Healthcheck"] = {
            "Test": ["CMD", *spec.health.argv],
            "Interval": int(spec.health.interval_s * clock.SECOND),
            "Timeout": int(spec.health.timeout_s * clock.SECOND),
            "Retries": spec.health.retries,
            "StartPeriod": int(spec.health.start_period_s * clock.SECOND),
        }
    return document


def _host_config(container: Container, network: str) -> Document:
    spec = container.spec
    return {
        "Binds": [
            f"{each.source}:{each.destination}:{'rw' if each.writable else 'ro'}"
            for each in spec.mounts
            if each.kind == "bind"
        ]
        or None,
        "LogConfig": {"Type": "json-file", "Config": {}},
        "NetworkMode": network,
        "PortBindings": {port: [_binding(number)] for port, number in spec.ports.items()},
        "RestartPolicy": {
            "Name": spec.restart_policy.name,
            "MaximumRetryCount": spec.restart_policy.maximum_retries,
        },
        "AutoRemove": False,
        "IpcMode": "private",
        "PidMode": "",
        "Privileged": False,
        "ReadonlyRootfs": False,
        "ShmSize": 67108864,
        "Runtime": "sandbox",
        "Memory": spec.memory_limit_bytes,
        "MemorySwap": spec.memory_limit_bytes,
        "NanoCpus": 0,
    }


def _network_settings(container: Container, network: str) -> Document:
    spec, up = container.spec, container.state.up
    ports: Document = dict.fromkeys(sorted(spec.exposed), None) if up else {}
    if up:
        ports |= {port: [_binding(number)] for port, number in spec.ports.items()}
    return {
        "Bridge": "",
        "SandboxID": "",
        "Ports": ports,
        "EndpointID": "",
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "MacAddress": "",
        "Networks": {network: _endpoint(container, network)},
    }


def _endpoint(container: Container, network: str) -> Document:
    spec, up = container.spec, container.state.up
    aliases = dict.fromkeys((*spec.aliases, spec.service, container.id[:12]))
    return {
        "IPAMConfig": None,
        "Links": None,
        "Aliases": [each for each in aliases if each],
        "NetworkID": network_id(network),
        "EndpointID": "",
        "Gateway": "",
        "IPAddress": spec.address if up else "",
        "IPPrefixLen": _PREFIX_LENGTH if up and spec.address else 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "MacAddress": "",
        "DriverOpts": None,
    }


def _listed_ports(container: Container) -> list[Document]:
    if not container.state.up:
        return []
    spec = container.spec
    rows: list[Document] = []
    for port in sorted({*spec.exposed, *spec.ports}):
        number, _, protocol = port.partition("/")
        row: Document = {"PrivatePort": int(number), "Type": protocol or "tcp"}
        if port in spec.ports:
            row = {"IP": _HOST, "PublicPort": spec.ports[port], **row}
        rows.append(row)
    return rows


def _binding(number: int) -> Document:
    return {"HostIp": _HOST, "HostPort": str(number)}


def _mount(mount: MountSpec) -> Document:
    document: Document = {
        "Type": mount.kind,
        "Source": mount.source,
        "Destination": mount.destination,
        "Mode": "rw" if mount.writable else "ro",
        "RW": mount.writable,
        "Propagation": "" if mount.kind == "volume" else "rprivate",
    }
    return {**document, "Name": mount.name, "Driver": "local"} if mount.kind == "volume" else document
