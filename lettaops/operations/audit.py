"""Who did what to which container, and how it ended: an append-only file with a hash chain.

An act is recorded before it is done; when that can't be written, the act is refused. Each record
holds the hash of the one before, and a small file beside holds the newest hash, so a changed, removed
or cut-off record shows in `verify`.
"""

import fcntl
import getpass
import hashlib
import os
import socket
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from lettaops.config.paths import StateDirectory
from lettaops.model.encoding import decode, encode
from lettaops.model.errors import Denied, Refused
from lettaops.model.secrets import presentable
from lettaops.model.text import Safe, clean

FIRST_HASH: Final = "0" * 64
MAX_RECORD_BYTES: Final = 64 * 1024
MAX_TEXT: Final = 2048  # characters of one value


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """Who is at the keyboard, as far as the system tells."""

    user: Safe
    uid: int
    sudo_user: Safe = Safe()
    from_address: Safe = Safe()
    terminal: Safe = Safe()
    host: Safe = Safe()
    pid: int = 0


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the audit file. `kind`: intent or result."""

    at: str
    kind: str
    act_id: str
    act: str
    target: dict[str, str]
    operator: Operator
    detail: dict[str, str] = {}
    previous: str
    hash: str = ""


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """A place where the chain doesn't hold. Lines count from 1."""

    line: int
    words: Safe


def current_operator(environ: Mapping[str, str]) -> Operator:
    """The operator of this process."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.geteuid())
    try:
        terminal = os.ttyname(0)
    except OSError:
        terminal = ""
    return Operator(
        user=clean(user),
        uid=os.geteuid(),
        sudo_user=clean(environ.get("SUDO_USER", "")),
        from_address=clean(environ.get("SSH_CONNECTION", "").partition(" ")[0]),
        terminal=clean(terminal),
        host=clean(socket.gethostname()),
        pid=os.getpid(),
    )


class AuditLog:
    """The audit file of a state directory."""

    def __init__(self, directory: StateDirectory, operator: Operator) -> None:
        self._directory = directory
        self._operator = operator
        self.path: Path = directory.path / "audit.jsonl"
        self._head: Path = directory.path / "audit.head"

    def intend(self, act: str, target: Mapping[str, str], detail: Mapping[str, str]) -> str:
        """Record that an act is about to be done; gives its id. Raises `Refused` when it can't be written."""
        act_id = uuid.uuid4().hex
        self._append("intent", act_id, act, target, detail)
        return act_id

    def conclude(self, act_id: str, act: str, target: Mapping[str, str], detail: Mapping[str, str]) -> None:
        """Record how an act ended. Raises `Refused` when it can't be written."""
        self._append("result", act_id, act, target, detail)

    def records(self) -> Iterator[Record | Break]:
        """All records, oldest first; a line that is none is given as a `Break`. Raises `Denied`."""
        for number, line in enumerate(self._read()[0], start=1):
            yield _decode(line, number)

    def verify(self) -> tuple[int, tuple[Break, ...]]:
        """How many records there are, and where the chain is broken. Raises `Denied`."""
        lines, head = self._read()
        previous, count = FIRST_HASH, 0
        breaks: list[Break] = []
        seen = set()
        for number, line in enumerate(lines, start=1):
            record = _decode(line, number)
            if isinstance(record, Break):
                breaks.append(record)
                continue
            count += 1
            if record.hash != _hash_of_line(line, record):
                breaks.append(Break(line=number, words=Safe("the record was changed")))
            if record.previous != previous:
                breaks.append(Break(line=number, words=Safe("records before it are missing or were moved")))
            previous = record.hash
            seen.add(record.hash)
        if head and head not in seen:
            breaks.append(Break(line=count + 1, words=Safe("the newest records were cut off")))
        if count and not head:
            breaks.append(
                Break(
                    line=count, words=clean(f"{self._head.name} is missing, so a cut-off end can't be seen")
                )
            )
        return count, tuple(breaks)

    def _read(self) -> tuple[list[bytes], str]:
        """The lines and the newest hash as they are at one moment: no writer is between the two."""
        newest = self._newest()
        try:
            with self.path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                return file.readlines(), self._newest()
        except FileNotFoundError:
            return [], newest  # as it was before: the first writer may have come in between
        except OSError as error:
            raise Denied(
                f"the audit record {self.path} can't be read: {error.strerror}",
                next_step="its readers are its owner and, in a shared state directory, the group docker",
            ) from error

    def _newest(self) -> str:
        try:
            return self._head.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def _append(
        self, kind: str, act_id: str, act: str, target: Mapping[str, str], detail: Mapping[str, str]
    ) -> None:
        try:
            descriptor = self._directory.open(self.path.name, os.O_RDWR | os.O_APPEND)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                previous, whole = _last_hash(descriptor)
                record = Record(
                    at=datetime.now(UTC).isoformat(timespec="milliseconds"),
                    kind=kind,
                    act_id=act_id,
                    act=act,
                    target=_presentable(target),
                    operator=self._operator,
                    detail=_presentable(detail),
                    previous=previous,
                )
                record = msgspec.structs.replace(record, hash=_hash(record))
                _write_all(descriptor, (b"" if whole else b"\n") + encode(record) + b"\n")
                os.fsync(descriptor)
                self._remember(record.hash)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise Refused(
                f"the audit record {self.path} can't be written: {error.strerror}",
                not_done=f"Nothing was done: {act} needs a record first." if kind == "intent" else "",
                next_step="free space or mend the permissions of the state directory",
            ) from error

    def _remember(self, newest: str) -> None:
        temporary = self._head.with_suffix(f".{os.getpid()}")
        descriptor = self._directory.open(temporary.name, os.O_WRONLY | os.O_TRUNC)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(newest + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._head)


def _presentable(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: clean(presentable(text), MAX_TEXT) for name, text in texts.items()}


def _hash(record: Record) -> str:
    unsigned = msgspec.structs.replace(record, hash="")
    return hashlib.sha256(encode(unsigned)).hexdigest()


def _hash_of_line(line: bytes, record: Record) -> str:
    """The hash that a stored record should have: of its bytes as they stand, so that no change escapes."""
    return hashlib.sha256(line.rstrip(b"\n").removesuffix(f'{record.hash}"}}'.encode()) + b'"}').hexdigest()


def _decode(line: bytes, number: int) -> Record | Break:
    try:
        return decode(line, Record)
    except (msgspec.DecodeError, msgspec.ValidationError, RecursionError):
        cut = "" if line.endswith(b"\n") else ", it is cut"
        return Break(line=number, words=clean(f"the line is no audit record{cut}"))


def _last_hash(descriptor: int) -> tuple[str, bool]:
    """The hash of the last whole record, and whether the file ends with a whole line."""
    end = os.fstat(descriptor).st_size
    if end == 0:
        return FIRST_HASH, True
    start = max(0, end - 4 * MAX_RECORD_BYTES)
    tail = os.pread(descriptor, end - start, start)
    whole = tail.endswith(b"\n")
    for line in reversed(tail.splitlines()[1 if start else 0 :]):
        record = _decode(line + b"\n", 0)
        if isinstance(record, Record):
            return record.hash, whole
    return FIRST_HASH, whole


def _write_all(descriptor: int, data: bytes) -> None:
    end = os.fstat(descriptor).st_size
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        os.ftruncate(descriptor, end)  # a full disk must not leave half a record in the chain
        raise
