"""One engine for each embedded model, loaded once for all integration tests."""

import pytest

from langchain_consensus import TransformersEngine


@pytest.fixture(scope="session")
def qwen_engine():
    """The 0.5B chat model."""
    return TransformersEngine("qwen2.5-coder-0.5b-instruct")


@pytest.fixture(scope="session")
def gemma_engine():
    """The 270M base model."""
    return TransformersEngine("gemma-3-270m")
