"""Frozen values and pure rules. No I/O; imports nothing else of lettaops."""
