"""`python -m tests.testbed up|down|status|images|exec-env`: the real stack by hand.

`up` starts a keeper process that owns the engine and the stack and ends them when `down`
tells it to; if it is killed, the next `up` or `down` clears away what it left.
"""

from __future__ import annotations

import argparse
import sys

from .cache import Cache
from .common import BedError
from .keeper import Keeper


def show(keeper: Keeper) -> int:
    """Print where the running stack is; status 1 when there is none."""
    state = keeper.state()
    if state is None:
        print("not running (start it with: python -m tests.testbed up)")
        return 1
    print(f"keeper process  {state['pid']}  (log: {keeper.log})")
    for name, value in state["environment"].items():
        print(f"{name:15} {value}")
    for name, port in state["ports"].items():
        print(f"port {name:10} 127.0.0.1:{port}")
    return 0


def exec_env(keeper: Keeper) -> int:
    """Print the stack's addresses as shell exports; status 1 when it isn't running."""
    state = keeper.state()
    if state is None:
        print("the test stack is not running", file=sys.stderr)
        return 1
    for name, value in state["environment"].items():
        print(f"export {name}='{value}'")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.testbed", description=__doc__)
    parser.add_argument(
        "verb",
        choices=("up", "down", "status", "images", "exec-env", "keep"),
        help="up: start and leave running; down: end and remove; status: where it is; images: only build "
        "them; exec-env: shell exports for eval; keep: what `up` runs in the background",
    )
    verb = parser.parse_args().verb
    keeper = Keeper(Cache())
    try:
        if verb == "up":
            keeper.launch()
        elif verb == "down":
            keeper.end()
            print("the test stack is gone")
            return 0
        elif verb == "images":
            keeper.images(print)
            return 0
        elif verb == "keep":
            keeper.keep()
            return 0
        elif verb == "exec-env":
            return exec_env(keeper)
        return show(keeper)
    except BedError as exc:
        print(f"test stack: {exc}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
