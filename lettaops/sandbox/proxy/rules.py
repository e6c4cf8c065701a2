"""What of an nginx configuration the proxy follows: names, upstream, and whether upgrades are passed."""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from lettaops.model.nginx import Directive, configuration

CONFIGURATION: Final[Mapping[str, str]] = {
    "/etc/nginx/nginx.conf": """\
worker_processes 1;
events {
    worker_connections 256;
}
http {
    access_log /dev/stdout combined;
    error_log /dev/stderr;
    include /etc/nginx/conf.d/*.conf;
}
""",
    "/etc/nginx/conf.d/letta.conf": """\
server {
    listen 80;
    server_name letta.localhost;
    location / {
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_pass http://letta-server:8283;
    }
}
server {
    listen 80 default_server;
    server_name not_found;
    return 404;
}
""",
}


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A server block that passes requests on. `upgrades`: WebSockets too."""

    names: tuple[str, ...]
    host: str
    port: int
    upgrades: bool


def read_rules(files: Mapping[str, bytes]) -> tuple[Rule, ...]:
    """The rules of a configuration, files by path. Blocks that pass nothing on are left out."""
    return tuple(_rules(configuration(files)))


def rule_for(rules: tuple[Rule, ...], host: str) -> Rule | None:
    """The rule for a Host header; None where nginx would answer 404."""
    name = host.rpartition(":")[0] if ":" in host else host
    return next((each for each in rules if name.lower() in each.names), None)


def _rules(directives: tuple[Directive, ...]) -> Iterator[Rule]:
    for server in (each for each in _walk(directives) if each.name == "server" and each.block is not None):
        inner = list(_walk(server.block or ()))
        target = next((each.words[0] for each in inner if each.name == "proxy_pass" and each.words), None)
        if target is None:
            continue
        parts = urlsplit(target)
        names = tuple(word for each in inner if each.name == "server_name" for word in each.words)
        headers = [each.words for each in inner if each.name == "proxy_set_header"]
        upgrades = any(words and words[0].lower() == "upgrade" for words in headers)
        yield Rule(names=names, host=parts.hostname or "", port=parts.port or 80, upgrades=upgrades)


def _walk(directives: tuple[Directive, ...]) -> Iterator[Directive]:
    for each in directives:
        yield each
        yield from _walk(each.block or ())
