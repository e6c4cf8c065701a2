"""A sandbox as a process of its own: `python -m lettaops.sandbox`. Ends with its input, or by a signal.

Prints one JSON object on a line: the sandbox when it is up (`serve.Running`), or `{"error": "..."}`.
"""

import argparse
import sys
from contextlib import suppress

import msgspec

from lettaops.model.errors import Exit, LettaopsError
from lettaops.sandbox.running import Options, Running
from lettaops.sandbox.scenarios import named
from lettaops.sandbox.serve import serve


def main() -> int:
    """Run until told to end; an exit status."""
    parser = argparse.ArgumentParser(prog="python -m lettaops.sandbox")
    parser.add_argument("--scenario", metavar="NAME")
    parser.add_argument("--keep", action="store_true")
    words = parser.parse_args()
    try:
        scenario = named(words.scenario) if words.scenario else None
        serve(Options(scenario=scenario, keep=words.keep, lifeline=0), tell)
    except LettaopsError as error:
        _say(msgspec.json.encode({"error": str(error.what), "next_step": str(error.next_step)}))
        return int(error.exit)
    return int(Exit.DONE)


def tell(running: Running) -> None:
    """Print where the sandbox is."""
    _say(msgspec.json.encode(running))


def _say(line: bytes) -> None:
    with suppress(OSError):  # whoever listened is gone
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(main())
