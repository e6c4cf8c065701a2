"""Logs in memory: what a record takes, how fast records come in, and how long questions take.

`python -m bench.logs [--quick] [--records N]`. No engine: lines are made here, some 100 bytes each, of
Letta's formats; once plain, once with colours. Promises, for plain lines: 1.3 times their bytes of memory,
whole searches of a million records within 1.5 s of CPU time, the first 50 hits within 100 ms.
"""

import argparse
import gc
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from lettaops.model.logs.assemble import Assembler
from lettaops.model.logs.buffer import LogBuffer
from lettaops.model.logs.histogram import Histogram, bucket_width
from lettaops.model.logs.level import Level
from lettaops.model.logs.line import STDOUT, LogLine
from lettaops.model.logs.pattern import Match
from lettaops.model.logs.query import AtLeast, Evaluator, Exclude, Include, Part, Query, Services
from lettaops.model.logs.rate import AccessRates, ServiceRates
from lettaops.model.logs.record import record_parsed, record_styled
from lettaops.model.logs.select import Selection, seek
from lettaops.model.text import Safe
from lettaops.monitor.logs.limit import search_limit

RECORDS: Final = 1_000_000
BATCH: Final = 3000
MEMORY_PROMISE: Final = 1.3
SEARCH_PROMISE: Final = 1.5  # seconds for RECORDS
FIRST_PROMISE: Final = 0.1
SCREEN: Final = 50  # records of a screen
_START_NS: Final = 1_795_320_144_000_000_000
SERVER, PROXY, DATABASE = Safe("letta_server"), Safe("letta_nginx"), Safe("letta_db")
CONTAINERS: Final = {
    SERVER: Safe("0123456789ab"),
    PROXY: Safe("123456789abc"),
    DATABASE: Safe("23456789abcd"),
}
QUESTIONS: Final[dict[str, tuple[Part, ...]]] = {
    "text, the first time": (Include(Match(Safe("statement 4f17"))),),
    "text, rare": (Include(Match(Safe("statement 4f17"))),),
    "text, one in five": (Include(Match(Safe("get /v1/"))),),
    "regex, rare": (Include(Match(Safe(r"pool.*overflow \d{4}"), regex=True)),),
    "regex, any case": (Include(Match(Safe(r"timed? ?out|refused|reset by"), regex=True)),),
    "regex, branches in a group": (Include(Match(Safe(r"\b(error|fail(ed|ure)|refused)\b"), regex=True)),),
    "regex, nothing but classes": (Include(Match(Safe(r"\b[45]\d\d\b"), regex=True)),),
    "regex, status 5xx": (Include(Match(Safe(r'" 5\d\d \d+'), regex=True)),),
    "regex, starts with a class": (Include(Match(Safe(r"\d{3,} ms\b"), regex=True)),),
    "regex, start of line": (Include(Match(Safe(r"^Letta\.\S+ - ERROR"), regex=True)),),
    "excluded text and regex": (
        Exclude(Match(Safe("WATCHDOG"))),
        Exclude(Match(Safe(r"GET /v1/health/ HTTP/1\.\d"), regex=True)),
    ),
    "one service": (Services(frozenset({DATABASE})),),
    "errors, the first time": (AtLeast(Level.ERROR),),
    "errors, again": (AtLeast(Level.ERROR),),
}
# Once each line is looked at for secrets, and once for its level.
_ONCE: Final = frozenset({"text, the first time", "errors, the first time"})
# Nothing is promised of reading a million levels, nor of an expression that asks for no two plain characters
# in a row, by which lines could be left out: only that keys stay quick meanwhile.
_UNPROMISED: Final = frozenset({"errors, the first time", "regex, nothing but classes"})
ROUNDS: Final = 2


def lines(count: int, *, colour: bool) -> Iterator[LogLine]:
    """Lines of a stack, a millisecond apart."""
    pick = random.Random(7)
    for number in range(count):
        service, text = _line(pick)
        if colour:
            text = f"\x1b[32m{text[:24]}\x1b[0m{text[24:]}"
        yield LogLine(service, CONTAINERS[service], STDOUT, _START_NS + number * 1_000_000, text.encode())


def _line(pick: random.Random) -> tuple[Safe, str]:
    number = pick.randrange(1 << 30)
    access = '172.20.0.1 - - [21/Nov/2026:22:48:09 +0000] "'
    kind = pick.randrange(100)
    if kind == 0:
        return (
            SERVER,
            f"Letta.letta.server.db - ERROR - Unhandled error: TimeoutError: timed out, run {number:x}",
        )
    if kind == 1:
        return PROXY, f'{access}POST /v1/agents/{number:x} HTTP/1.1" 502 157'
    if kind < 22:
        return PROXY, f'{access}GET /v1/agents/{number:x} HTTP/1.1" 200 153 "-" "curl"'
    if kind < 42:
        took = f"{number % 999}.1 ms  statement {number:x}"
        return DATABASE, f"2026-11-21 23:04:06.361 UTC [{number % 900}] LOG:  duration: {took}"
    if kind < 62:
        watch = f"WATCHDOG_CHECK: heartbeat_age=0.4s, tasks={number % 99}"
        return SERVER, f"Letta.letta.monitoring.event_loop_watchdog - DEBUG - {watch}"
    worker = f"[Worker 1] agent {number:x} answered, step {number % 77}"
    return SERVER, f"Letta.letta.server.rest_api.app - INFO - {worker}"


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def fill(count: int, *, colour: bool) -> tuple[LogBuffer, float, float, int]:
    """A full buffer; CPU seconds for putting records together and for adding them; bytes of the lines."""
    buffer, assembler = LogBuffer(4 << 30), Assembler()
    assembling = adding = 0.0
    size = 0
    source = lines(count, colour=colour)
    for now in range(0, count, BATCH):
        batch = list(islice(source, BATCH))
        size += sum(len(line.raw) for line in batch)
        began = time.process_time()
        records = assembler.feed(batch, now)
        between = time.process_time()
        buffer.extend(records)
        assembling += between - began
        adding += time.process_time() - between
    buffer.extend(assembler.end())
    return buffer, assembling, adding, size


class Answer(NamedTuple):
    """CPU seconds until all was found, until a screen was full, and of the longest step; records found."""

    whole: float
    first: float
    longest: float
    found: int


def ask(buffer: LogBuffer, parts: tuple[Part, ...]) -> Answer:
    """A query over the whole buffer, as the screen asks it."""
    began = step = time.process_time()
    selection = Selection(buffer, Evaluator(Query(parts), search_limit))
    first = longest = 0.0
    for _ in selection.run():
        now = time.process_time()
        longest, step = max(longest, now - step), now
        if not first and len(selection) >= SCREEN:
            first = now - began
    whole = time.process_time() - began
    return Answer(whole, first or whole, longest, len(selection))


def timed(work: Callable[[], object]) -> float:
    """CPU seconds that a piece of work takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(count: int, *, colour: bool) -> bool:
    """One buffer and all questions; whether the promises hold."""
    gc.collect()
    before = resident()
    buffer, assembling, adding, size = fill(count, colour=colour)
    gc.collect()
    taken = resident() - before
    print(f"{count:,} records of {size / count:.0f} bytes, {'with colours' if colour else 'plain'}; CPU time")
    held = True
    if not colour:  # what the first buffer took is used again by the second
        print(f"  memory: {taken / count:.0f} bytes a record, {taken / size:.2f} times its own")
        held = (
            taken <= MEMORY_PROMISE * size or count < RECORDS
        )  # of less, what else is taken counts too much
    print(f"  its own count of it: {buffer.held_bytes / size:.2f} times")
    print(f"  put together {assembling / count * 1e6:.2f} µs, added {adding / count * 1e6:.2f} µs a line")
    print(f"  {'question':<28}{'found':>9}{'first 50':>12}{'whole':>9}{'longest step':>15}")
    scale = max(1.0, count / RECORDS)
    for name, parts in QUESTIONS.items():
        answer = min(ask(buffer, parts) for _ in range(1 if name in _ONCE else ROUNDS))
        print(
            f"  {name:<28}{answer.found:>9,}{answer.first * 1000:>9.0f} ms{answer.whole:>7.2f} s"
            f"{answer.longest * 1000:>12.1f} ms"
        )
        if not colour and name not in _UNPROMISED:
            quick = answer.first <= FIRST_PROMISE or answer.found < SCREEN
            held = held and quick and answer.whole <= SEARCH_PROMISE * scale
    for name, seconds in others(buffer).items():
        print(f"  {name:<28}{seconds * 1000:>42.1f} ms")
    return held


def others(buffer: LogBuffer) -> dict[str, float]:
    """CPU seconds of what else a screen does."""
    span = buffer.span_ns() or (0, 0)
    everything, errors = (Evaluator(Query(parts), search_limit) for parts in ((), (AtLeast(Level.ERROR),)))
    histogram = Histogram(buffer, everything, bucket_width(span[1] - span[0], 60))
    return {
        "histogram": timed(lambda: sum(1 for _ in histogram.run())),
        "the error before": timed(lambda: any(seek(buffer, errors, buffer.end, -1))),
        "go to a moment": timed(lambda: buffer.at_time(sum(span) // 2)),
        "rates of services": timed(ServiceRates(buffer).update),
        "rates of the proxy": timed(AccessRates(buffer, {PROXY}).update),
        "a screen of records": timed(lambda: [parts_of(buffer, buffer.end - 1 - at) for at in range(SCREEN)]),
    }


def parts_of(buffer: LogBuffer, seq: int) -> object:
    """What a screen asks of one record."""
    record = buffer.record(seq)
    return record_parsed(record), record_styled(record)


def run(*, quick: bool = False, count: int = 0) -> bool:
    """Print the tables; whether the promises hold."""
    count = count or (RECORDS // 5 if quick else RECORDS)
    plain = measure(count, colour=False)
    coloured = measure(count, colour=True)
    return plain and coloured


def main() -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.logs", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the records")
    parser.add_argument("--records", type=int, default=0)
    options = parser.parse_args()
    return 0 if run(quick=options.quick, count=options.records) else 1


if __name__ == "__main__":
    sys.exit(main())
