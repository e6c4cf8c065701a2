"""The sandbox's engine, and the real one that is at hand, if one is."""

from collections.abc import Iterator

import pytest

from tests.contract.lab import Lab, RealLab, SandboxLab, host_nearby, image_nearby


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test asks the sandbox's engine, and a real one where somebody listens."""
    if "lab" in metafunc.fixturenames:
        labs = ["sandbox"]
        try:
            host_nearby()
        except LookupError:
            pass  # test_at_hand says so
        else:
            labs.append("real")
        metafunc.parametrize("lab", labs, indirect=True)


@pytest.fixture(scope="session")
def nearby() -> Iterator[tuple[str, str] | str]:
    """Host and image of the real engine, or why there is none."""
    try:
        host = host_nearby()
        with image_nearby(host) as image:
            yield host, image
    except LookupError as error:
        yield str(error)


@pytest.fixture
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """An engine without containers."""
    if request.param == "sandbox":
        sandbox = SandboxLab()
        try:
            yield sandbox
        finally:
            sandbox.close()
        return
    nearby = request.getfixturevalue("nearby")
    if isinstance(nearby, str):
        pytest.skip(nearby)
    real = RealLab(*nearby)
    try:
        yield real
    finally:
        real.close()
