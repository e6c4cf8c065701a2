"""Readers of the outside world: asynchronous, transport injected, a deadline on every wait."""
