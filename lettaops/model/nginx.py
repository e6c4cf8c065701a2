"""The part of nginx's configuration language that says for which Host a request is passed on."""

import fnmatch
import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from lettaops.model.document import parse_port

_TOKEN = re.compile(
    r"""\s+ | \#[^\n]* | (?P<brace>[{};]) | "(?P<double>(?:\\.|[^"\\])*)" | '(?P<single>(?:\\.|[^'\\])*)'
        | (?P<word>(?:\$\{\w*\}|\\.|[^\s{};"'])+)""",
    re.VERBOSE | re.DOTALL,
)
MAX_DEPTH: Final = 64
MAX_INCLUDES: Final = 200  # files taken in; a stock folder has two
NGINX_FOLDER: Final = "/etc/nginx"
NGINX_MAIN: Final = "/etc/nginx/nginx.conf"


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


def configuration(files: Mapping[str, bytes]) -> tuple[Directive, ...]:
    """All directives of an nginx folder (contents by path), its `include`s taken in where they stand."""
    return _Folder(files).included(NGINX_MAIN, ())


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


class _Folder:
    """Files by path, and how many more of them may be taken in: each can include all others several times."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._parsed: dict[str, tuple[Directive, ...]] = {}
        self._left = MAX_INCLUDES

    def included(self, path: str, within: tuple[str, ...]) -> tuple[Directive, ...]:
        """The directives of one file; `within`: the files whose includes led to it."""
        if path not in self._files or path in within or not self._left:
            return ()
        self._left -= 1
        if path not in self._parsed:
            self._parsed[path] = parse(self._files[path].decode("utf-8", "replace"))
        return self._expanded(self._parsed[path], (*within, path))

    def _expanded(self, directives: tuple[Directive, ...], within: tuple[str, ...]) -> tuple[Directive, ...]:
        found: list[Directive] = []
        for each in directives:
            if each.name == "include" and each.words:
                pattern = posixpath.join(NGINX_FOLDER, each.words[0])
                for path in sorted(path for path in self._files if _matches(path, pattern)):
                    found += self.included(path, within)
            elif each.block is not None:
                found.append(msgspec.structs.replace(each, block=self._expanded(each.block, within)))
            else:
                found.append(each)
        return tuple(found)


def _matches(path: str, pattern: str) -> bool:
    """As glob(3) does: a star passes no slash and no leading dot."""
    names, patterns = path.split("/"), posixpath.normpath(pattern).split("/")
    return len(names) == len(patterns) and all(
        fnmatch.fnmatchcase(name, each) and (each.startswith(".") or not name.startswith("."))
        for name, each in zip(names, patterns, strict=True)
    )


def _server(directive: Directive) -> ServerBlock:
    ports: list[int] = []
    names: list[str] = []
    default = listens = False
    for each in directive.block or ():
        if each.name == "listen" and each.words:
            listens = True
            port = _listened(each.words[0])
            ports += [port] if port is not None else []
            default = default or "default_server" in each.words
        elif each.name == "server_name":
            names += each.words
    inner = list(_walk(directive.block or ()))
    return ServerBlock(
        ports=tuple(dict.fromkeys(ports)) if listens else (80,),
        names=tuple(names),
        default=default,
        passes=any(each.name in {"proxy_pass", "grpc_pass", "uwsgi_pass", "fastcgi_pass"} for each in inner),
        line=directive.line,
    )


def _listened(address: str) -> int | None:
    """The port of a `listen`: 80 where an address stands alone; None for a socket's path, or nonsense."""
    if address.startswith("unix:"):
        return None
    _, colon, tail = address.rpartition("]:") if "]" in address else address.rpartition(":")
    if colon or tail.isdecimal():
        return parse_port(tail)
    return 80


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
