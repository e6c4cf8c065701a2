"""Terminal dashboard and command line for running a self-hosted Letta server (0.16.x)."""

__version__ = "0.1.0"
