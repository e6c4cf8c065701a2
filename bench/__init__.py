"""Measurements against peers, in the same run. By hand: `python -m bench.engine`."""
