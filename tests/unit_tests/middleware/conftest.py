import pytest

from tests.agents import RAN


@pytest.fixture
def ran():
    """What the tools were run with in this test."""
    RAN.clear()
    yield RAN
    RAN.clear()
