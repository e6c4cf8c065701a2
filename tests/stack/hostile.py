"""A service whose labels, environment and health output try to command the terminal."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.testbed.stacks import StubStack

ATTACKS = (
    "\x1b]52;c;ZXZpbA==\x07",  # writes the clipboard
    "\x1b]0;owned\x07",  # sets the title
    "\x1b[2J\x1b[H",  # clears the screen
    "\x9b31m",  # the 8-bit introducer
    "\x1bP0;1|17/ab\x1b\\",  # a device control string
    "\u202edesrever\u2066",  # turns the direction of text
    "\x1b]8;;http://evil/\x1b\\link",
    "[bold red]markup[/]",
    "\x08\x08\x08\r\x0b\x0c\x00".replace("\x00", ""),
)
ATTACK = "".join(ATTACKS)


@contextmanager
def hostile_container(stack: StubStack) -> Iterator[str]:
    """The container, a part of the stack's project, while the block runs; its name."""
    # Not to be paused: while a paused container's healthcheck is under way, engine 20.10 answers no
    # question about it.
    name = f"{stack.project}-hostile"
    stack.docker(
        *("run", "-d", "--name", name, "--label", f"com.docker.compose.project={stack.project}"),
        *("--label", f"com.docker.compose.service=evil{ATTACK}", "--label", f"x{ATTACK}=y{ATTACK}"),
        *("--env", f"LETTA_X={ATTACK}", "--env", f"A{ATTACK}=b", "--hostname", "evil"),
        *("--health-cmd", f"printf '%s' '{ATTACK}'; exit 1"),
        *("--health-interval", "1s", "--health-retries", "1", "--stop-timeout", "1"),
        *("--entrypoint", "sh", "ankane/pgvector:v0.5.1", "-c", "sleep 600"),
    )
    try:
        yield name
    finally:
        stack.docker("rm", "-f", name)
