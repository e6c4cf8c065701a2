"""A real Letta stack on a private Docker engine, for tests and for developers.

Standard library and command line tools only, so it runs before the project's
dependencies are installed. `python -m tests.testbed` is the way in by hand; the
pytest fixtures are in tests/stack/conftest.py.
"""
