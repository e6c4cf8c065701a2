"""The contract of engines (tests/contract), asked of a real one."""

from collections.abc import Iterator

import pytest

# The tests themselves; they take the fixture below.
from tests.contract.lab import RealLab
from tests.contract.test_acts import *  # noqa: F403
from tests.contract.test_command_line import *  # noqa: F403
from tests.contract.test_execs import *  # noqa: F403
from tests.contract.test_logs import *  # noqa: F403
from tests.contract.test_questions import *  # noqa: F403
from tests.contract.test_watching import *  # noqa: F403
from tests.testbed.dockerd import PrivateDockerd
from tests.testbed.stub_images import STUB_IMAGE


@pytest.fixture
def lab(stub_dockerd: PrivateDockerd) -> Iterator[RealLab]:
    """The throw-away engine."""
    real = RealLab(stub_dockerd.host, STUB_IMAGE)
    try:
        yield real
    finally:
        real.close()
