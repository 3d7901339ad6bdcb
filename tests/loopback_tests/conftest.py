"""Tests against servers on loopback, started by the tests; nothing beyond 127.0.0.1 can be reached."""

import pytest
import torch
from pytest_socket import _remove_restrictions, socket_allow_hosts

from langchain_consensus import OpenAICompatibleEngine
from tests.unit_tests.engine.tiny_models import tiny_tokenizer


@pytest.fixture(autouse=True)
def _loopback_alone():
    socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)
    yield
    _remove_restrictions()


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def tokenizer():
    """A byte-level tokenizer of 318 tokens with a chat template."""
    return tiny_tokenizer()


@pytest.fixture
def connect(tokenizer):
    """Makes engines on servers, and closes them after the test."""
    made = []

    def engine(*stubs, **options):
        urls = [stub.url for stub in stubs]
        made.append(OpenAICompatibleEngine(urls, **{"tokenizer": tokenizer, **options}))
        return made[-1]

    yield engine
    for one in made:
        one.close()
