"""Turns a switch by hand: `python -m lettaops.sandbox.engine.switch CONTROL_SOCKET '{"vanish": true}'`.

The words are those of `faults.Command`, as JSON.
"""

import argparse
import sys
from pathlib import Path

import msgspec

from lettaops.model.errors import LettaopsError
from lettaops.sandbox.engine.faults import Command, Switches


def main() -> int:
    """An exit status; what is wrong goes to standard error."""
    parser = argparse.ArgumentParser(prog="python -m lettaops.sandbox.engine.switch")
    parser.add_argument("control", type=Path, help="the control socket of a sandbox's engine")
    parser.add_argument("command", help='as JSON: {"inject": {"kind": "hang", "endpoint": "GET /events"}}')
    words = parser.parse_args()
    try:
        Switches(words.control).send(msgspec.json.decode(words.command, type=Command))
    except (OSError, msgspec.DecodeError, LettaopsError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
