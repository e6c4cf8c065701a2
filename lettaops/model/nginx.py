"""The part of nginx's configuration language that says for which Host a request is passed on."""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

_TOKEN = re.compile(
    r"""\s+ | \#[^\n]* | (?P<brace>[{};]) | "(?P<double>(?:\\.|[^"\\])*)" | '(?P<single>(?:\\.|[^'\\])*)'
        | (?P<word>(?:\$\{[^}]*\}|\\.|[^\s{};"'])+)""",
    re.VERBOSE | re.DOTALL,
)
MAX_DEPTH: Final = 64


class Directive(msgspec.Struct, frozen=True, kw_only=True):
    """One directive with its words, its line (from 1) and, where it has braces, what they hold."""

    name: str
    words: tuple[str, ...]
    line: int
    block: tuple["Directive", ...] | None = None


class ServerBlock(msgspec.Struct, frozen=True, kw_only=True):
    """A `server` block: ports it listens on, names it answers to, whether it passes requests on."""

    ports: tuple[int, ...]
    names: tuple[str, ...]
    default: bool
    passes: bool
    line: int


def parse(text: str) -> tuple[Directive, ...]:
    """The directives of a configuration. Lenient: what is cut off or unbalanced ends where the text does."""
    pieces = _lex(text)
    found: list[Directive] = []
    while True:
        directives, ended = _block(pieces, 0)
        found += directives
        if ended:
            return tuple(found)


def server_blocks(directives: tuple[Directive, ...]) -> tuple[ServerBlock, ...]:
    """All `server` blocks of HTTP, in the order of the text."""
    return tuple(
        _server(each) for each in _walk(directives) if each.name == "server" and each.block is not None
    )


def host_for(blocks: tuple[ServerBlock, ...], port: int) -> str | None:
    """A Host header by which a request to `port` is passed on; None when no block would do that.

    A block without a usable name is reached by any Host when it is the port's default one.
    """
    here = [each for each in blocks if port in each.ports]
    default = next((each for each in here if each.default), here[0] if here else None)
    for block in here:
        if not block.passes:
            continue
        for name in block.names:
            if name and name != "_" and not name.startswith("~"):
                return name.replace("*", "letta").strip(".")
        if block is default:
            return "localhost"
    return None


def _server(directive: Directive) -> ServerBlock:
    ports: list[int] = []
    names: list[str] = []
    default = False
    for each in directive.block or ():
        if each.name == "listen" and each.words:
            tail = (
                each.words[0].rpartition(":")[2]
                if "]" not in each.words[0]
                else each.words[0].rpartition("]:")[2]
            )
            ports.append(int(tail) if tail.isdecimal() else 80)
            default = default or "default_server" in each.words
        elif each.name == "server_name":
            names += each.words
    inner = list(_walk(directive.block or ()))
    return ServerBlock(
        ports=tuple(dict.fromkeys(ports)) or (80,),
        names=tuple(names),
        default=default,
        passes=any(each.name in {"proxy_pass", "grpc_pass", "uwsgi_pass", "fastcgi_pass"} for each in inner),
        line=directive.line,
    )


def _walk(directives: tuple[Directive, ...]) -> Iterator[Directive]:
    for each in directives:
        yield each
        if each.block is not None:
            yield from _walk(each.block)


def _lex(text: str) -> Iterator[tuple[str, bool, int]]:
    """Tokens with whether they are punctuation, and their line."""
    line, at = 1, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:  # a quote that never ends
            at += 1
            continue
        kind = match.lastgroup
        if kind is not None:
            yield match[kind], kind == "brace", line
        line += match[0].count("\n")
        at = match.end()


def _block(pieces: Iterator[tuple[str, bool, int]], depth: int) -> tuple[list[Directive], bool]:
    """Directives up to the closing brace, and whether the text ended instead."""
    found: list[Directive] = []
    words: list[str] = []
    line = 0
    for piece, punctuation, at in pieces:
        if not punctuation:
            line = line or at
            words.append(piece)
            continue
        if piece == "}":
            return found, False
        inner: tuple[Directive, ...] | None = None
        ended = False
        if piece == "{":
            if depth >= MAX_DEPTH:
                return found, True
            directives, ended = _block(pieces, depth + 1)
            inner = tuple(directives)
        if words:
            found.append(Directive(name=words[0], words=tuple(words[1:]), line=line, block=inner))
        words, line = [], 0
        if ended:
            return found, True
    return found, True
