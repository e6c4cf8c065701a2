"""A stack of stubs on an engine of its own, to measure on. As root on Debian, as the tests' stack."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.testbed.cache import Cache
from tests.testbed.dockerd import throwaway
from tests.testbed.stacks import StubStack
from tests.testbed.stub_images import import_stub_images


@contextmanager
def stub_stack(cache: Cache) -> Iterator[StubStack]:
    """The stack, up and healthy; it and its engine are gone afterwards."""
    cache.compose()
    with throwaway(cache.daemons, name="bench", cli_config=cache.cli_config) as daemon:
        import_stub_images(daemon)
        with StubStack(daemon, cache, "letta") as stack:
            yield stack
