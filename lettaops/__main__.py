"""Entry of the console script: what must be quick comes before what is slow to import."""

import os
import sys

CLOSED_PIPE = 141  # as a shell gives for what SIGPIPE ended
FAILED = 1


def main() -> None:
    """Run lettaops; the exit status is part of its contract (`model.errors.Exit`)."""
    _mend_streams()
    try:
        status = _run(sys.argv[1:])
    except BrokenPipeError:  # the reader has had enough: what is left goes nowhere, and quietly
        status = _gone()
    except OSError as error:  # `run` lets no other out
        status = _unwritten(error)
    else:
        status = _flushed(status)
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


def _flushed(status: int) -> int:
    """Write what stdout still holds; the status to end with."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return _gone()
    except OSError as error:
        return _unwritten(error)
    return status


def _unwritten(error: OSError) -> int:
    _let_go(sys.stdout.fileno())
    sys.stderr.write(f"lettaops: standard output can't be written: {error.strerror or error}\n")
    return FAILED


def _gone() -> int:
    for stream in (sys.stdout, sys.stderr):
        _let_go(stream.fileno())
    return CLOSED_PIPE


def _mend_streams() -> None:
    """Put something in place of streams that were closed: else the next file or socket takes their number.

    What is written to a closed stdout fails, and so is told; what is written to a closed stderr is lost.
    """
    if sys.stdin is None:
        sys.stdin = os.fdopen(_nowhere(0, os.O_RDONLY), closefd=False)
    if sys.stdout is None:
        sys.stdout = os.fdopen(_nowhere(1, os.O_RDONLY), "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(_nowhere(2, os.O_WRONLY), "w", encoding="utf-8", closefd=False)


def _nowhere(descriptor: int, flags: int) -> int:
    opened = os.open(os.devnull, flags)
    if opened != descriptor:
        os.dup2(opened, descriptor)
        os.close(opened)
    return descriptor


def _let_go(descriptor: int) -> None:
    """Lead a stream that is closed at its other end to nowhere: Python flushes it once more at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


if __name__ == "__main__":
    main()
