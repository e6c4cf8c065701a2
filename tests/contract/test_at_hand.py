"""Whether the contract was asked of a real engine, too."""

import pytest

from tests.contract.differences import Difference
from tests.contract.lab import RealLab, SandboxLab


def test_a_real_engine_was_asked(nearby: tuple[str, str] | str) -> None:
    """The reason to skip says why it was not. `make test-stack` always asks one."""
    if isinstance(nearby, str):
        pytest.skip(nearby)
    real = RealLab(*nearby)
    assert not any(real.differs(each) for each in Difference), "no difference is allowed to it"


def test_each_difference_is_one_of_the_sandboxs() -> None:
    sandbox = SandboxLab()
    assert all(sandbox.differs(each) for each in Difference)
    sandbox.close()
