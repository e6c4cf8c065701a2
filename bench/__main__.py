"""All measurements: `python -m bench [--quick] [NAME …]`, as root; `make bench`.

Prints their tables and writes them to docs/benchmarks.md, where sections that were not measured
stay; without --quick the dashboard's figures also stand in the README. The exit status is 1 when a
promise is broken.
"""

import argparse
import asyncio
import contextlib
import io
import os
import platform
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from bench import cli, dashboard, engine, log_feed, logs, terminal, widgets
from bench.figures import README, Figure, replaced, table
from bench.stack import stub_stack
from tests.testbed.cache import LAZYDOCKER_REQUIREMENT, Cache
from tests.testbed.stacks import StubStack

DOCUMENT: Final = Path(__file__).parents[1] / "docs/benchmarks.md"
HEAD: Final = """# Benchmarks

Written by `make bench` (`python -m bench [NAME …]` for some of them). Each section says when, where and
beside which load it was measured; peers are measured in the same run, so compare the ratios. The
promises are those that the exit status of `make bench` checks.
"""
LINES: Final = (2_000_000, 200_000)  # of a log; the second number with --quick
REQUESTS: Final = (100, 20)


class Stage(NamedTuple):
    """What measurements run on: the stack is there only for those that need it.

    `figures` takes those that are for the README.
    """

    cache: Cache
    stack: StubStack | None
    quick: bool
    figures: list[Figure]

    @property
    def engine(self) -> str:
        """The address of the stack's engine."""
        assert self.stack is not None
        return self.stack.daemon.host


def _cli(stage: Stage) -> bool:
    return cli.run(stage.engine)


def _engine(stage: Stage) -> bool:
    return asyncio.run(engine.compare(stage.engine, LINES[stage.quick], REQUESTS[stage.quick]))


def _log_feed(stage: Stage) -> bool:
    return asyncio.run(log_feed.compare(stage.engine, LINES[stage.quick]))


def _terminal(_: Stage) -> bool:
    terminal.main()
    return True


def _widgets(_: Stage) -> bool:
    widgets.main()
    return True


def _logs(stage: Stage) -> bool:
    return logs.run(quick=stage.quick)


def _dashboard(stage: Stage) -> bool:
    assert stage.stack is not None
    found = dashboard.run(stage.stack, stage.cache, quick=stage.quick)
    stage.figures.extend(found)
    return not any(figure.holds is False for figure in found)


BENCHES: Final[dict[str, tuple[str, Callable[[Stage], bool]]]] = {
    "cli": ("The command line", _cli),
    "engine": ("The engine client", _engine),
    "log_feed": ("Reading logs", _log_feed),
    "terminal": ("The terminal layer", _terminal),
    "widgets": ("The widgets", _widgets),
    "logs": ("Logs in memory", _logs),
    "dashboard": ("The dashboard", _dashboard),
}
ON_A_STACK: Final = {"cli", "engine", "log_feed", "dashboard"}


class Both(io.StringIO):
    """Keeps what is printed, and prints it."""

    def write(self, text: str) -> int:
        sys.__stdout__.write(text) if sys.__stdout__ else None
        return super().write(text)

    def flush(self) -> None:
        if sys.__stdout__:
            sys.__stdout__.flush()


def conditions(began: float) -> str:
    """When and on which machine, and what else it was doing."""
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {time.monotonic() - began:.0f} s"
    load = " ".join(f"{each:.1f}" for each in os.getloadavg())
    system = f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"
    return f"{when}; {system}; load average at the end {load}"


def section(name: str, stage: Stage) -> tuple[str, bool]:
    """Measure; a section of the document, and whether the promises hold."""
    title, measure = BENCHES[name]
    print(f"\n── {title} ──", flush=True)
    began, printed = time.monotonic(), Both()
    with contextlib.redirect_stdout(printed):
        held = measure(stage)
    words = "" if held else " **A promise is broken.**"
    return (
        f"{title}\n\n{conditions(began)}.{words}\n\n```text\n{printed.getvalue().strip(chr(10))}\n```\n",
        held,
    )


def written(sections: dict[str, str]) -> str:
    """The document with these sections in the place of older ones."""
    old = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
    kept = {part.partition("\n")[0]: part for part in re.split(r"^## ", old, flags=re.MULTILINE)[1:]}
    kept |= {BENCHES[name][0]: text for name, text in sections.items()}
    titles = [title for title, _ in BENCHES.values() if title in kept]
    return "\n".join([HEAD, *(f"## {kept[title].strip()}\n" for title in titles)])


def main() -> int:
    """The command; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHES)}; all without one")
    parser.add_argument("--quick", action="store_true", help="shorter, and with fewer containers")
    options = parser.parse_args()
    if unknown := set(options.names) - set(BENCHES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    names = [name for name in BENCHES if name in options.names or not options.names]
    began, figures = time.monotonic(), list[Figure]()
    sections: dict[str, str] = {}
    broken = []
    cache = Cache()
    with contextlib.ExitStack() as exits:
        stack = exits.enter_context(stub_stack(cache)) if ON_A_STACK.intersection(names) else None
        for name in names:
            sections[name], held = section(name, Stage(cache, stack, options.quick, figures))
            broken += [] if held else [name]
            DOCUMENT.parent.mkdir(exist_ok=True)
            DOCUMENT.write_text(written(sections), encoding="utf-8")
    print(f"\nwritten to {DOCUMENT}")
    if figures and not options.quick:
        peer = LAZYDOCKER_REQUIREMENT.replace("-bin==", " ")
        text = table(figures, peer, f"A terminal of {dashboard.SIZE}, {conditions(began)}")
        README.write_text(replaced(README.read_text(encoding="utf-8"), text), encoding="utf-8")
        print(f"and to {README}")
    if broken:
        print(f"promises are broken: {', '.join(broken)}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
