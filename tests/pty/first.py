"""Draws the first frame for the pty tests: `python -m tests.pty.first SOCKET LISTING [app]`.

Writes the names of the loaded modules to LISTING, then waits for a signal, or becomes the app as soon
as LISTING is gone.
"""

import os
import signal
import sys
import time

from lettaops.terminal import first_frame, first_keys, first_look
from lettaops.terminal.capabilities import look_around


def main() -> int:
    socket, listing, *rest = sys.argv[1:]
    capabilities = look_around()
    look = first_look.look(socket)
    frame = first_frame.lay_out("test", look, capabilities.columns)
    held = first_frame.draw(frame, capabilities)
    first_keys.FirstKeys(held, frame, capabilities).start()
    with open(f"{listing}.part", "w") as file:
        file.write("\n".join(sys.modules))
    os.rename(f"{listing}.part", listing)
    if not rest:
        signal.pause()
        return 0
    while os.path.exists(listing):
        time.sleep(0.01)
    from tests.pty.app import TestedApp

    return TestedApp(capabilities=capabilities, held=held).start()


if __name__ == "__main__":
    sys.exit(main())
