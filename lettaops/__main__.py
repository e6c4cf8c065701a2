"""Entry of the console script: what must be quick comes before what is slow to import."""

import os
import sys

CLOSED_PIPE = 141  # as a shell gives for what SIGPIPE ended


def main() -> None:
    """Run lettaops; the exit status is part of its contract (`model.errors.Exit`)."""
    try:
        status = _run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has had enough: what is left goes nowhere, and quietly
        for stream in (sys.stdout, sys.stderr):
            _let_go(stream.fileno())
        status = CLOSED_PIPE
    sys.exit(status)


def _run(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        from lettaops import __version__

        sys.stdout.write(f"lettaops {__version__}\n")
        return 0
    held = None
    if not arguments or arguments[0].startswith("--"):
        from lettaops.cli.quick import begin

        held = begin(arguments)
    from lettaops.cli.main import run

    return run(arguments, held)


def _let_go(descriptor: int) -> None:
    """Lead a stream that is closed at its other end to nowhere: Python flushes it once more at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


if __name__ == "__main__":
    main()
