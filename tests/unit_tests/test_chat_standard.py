"""The unit suite of langchain-tests on `ChatEquilibriumRanking`."""

import pytest
from langchain_tests.unit_tests import ChatModelUnitTests

from langchain_consensus import ChatEquilibriumRanking
from langchain_consensus.engine import FakeEngine

# The suite passes the options of models behind a server, which are taken with a warning.
pytestmark = pytest.mark.filterwarnings("ignore:`(api_key|max_retries|timeout)` has no meaning:UserWarning")


class TestChatEquilibriumRanking(ChatModelUnitTests):
    @property
    def chat_model_class(self):
        return ChatEquilibriumRanking

    @property
    def chat_model_params(self):
        return {"engine": FakeEngine()}
