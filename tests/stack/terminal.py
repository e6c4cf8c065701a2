"""A program on a terminal of its own, and what it sent there."""

import os
import pty
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


def on_a_terminal(
    command: Sequence[str], environ: Mapping[str, str], cwd: Path, *, timeout: float = 30, until: bytes = b""
) -> bytes:
    """Run a command with a terminal as its standard streams and give the bytes it wrote.

    Runs to its end, or until `until` was written; then it is interrupted.
    """
    primary, secondary = pty.openpty()
    process = subprocess.Popen(
        command,
        env=dict(environ),
        cwd=cwd,
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        close_fds=True,
    )
    os.close(secondary)
    written = bytearray()
    deadline = time.monotonic() + timeout
    interrupted = False
    try:
        while True:
            ready, _, _ = select.select([primary], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"the program did not end in {timeout} s; it wrote {bytes(written[-500:])!r}"
            try:
                data = os.read(primary, 65536)
            except OSError:  # the other side is closed: the program has ended
                break
            if not data:
                break
            written += data
            if until and until in written and not interrupted:
                process.send_signal(2)
                interrupted = True
    finally:
        process.kill()
        process.wait()
        os.close(primary)
    return bytes(written)
