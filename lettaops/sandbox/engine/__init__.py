"""An engine stand-in: the Docker Engine API on a unix socket, over processes of this machine."""

from lettaops.sandbox.engine.claim import Claim, reap, reap_below
from lettaops.sandbox.engine.engine import SandboxEngine
from lettaops.sandbox.engine.faults import Command, Fault, Switches

__all__ = ["Claim", "Command", "Fault", "SandboxEngine", "Switches", "reap", "reap_below"]
