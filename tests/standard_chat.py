"""langchain-tests' integration suite as this package passes it, wherever the model runs: few and short candidates."""

import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests

from langchain_consensus import ChatEquilibriumRanking

# The suite passes the options of models behind a server of their own, which are taken with a warning.
TAKEN_WITH_A_WARNING = pytest.mark.filterwarnings("ignore:`(api_key|max_retries|timeout)` has no meaning:UserWarning")


class StandardChat(ChatModelIntegrationTests):
    """The suite on `engine`, which subclasses give: a fixture cannot be reached from the suite's properties."""

    engine = None

    @property
    def chat_model_class(self):
        return ChatEquilibriumRanking

    @property
    def chat_model_params(self):
        return {
            "engine": self.engine,
            "num_candidates": 3,
            "max_new_tokens": 96,
            "temperature": 0.7,
            "solver": "log_time_flow",
        }

    @property
    def standard_chat_model_params(self):
        return {}  # a temperature of 0 would make every candidate the same

    @property
    def supports_json_mode(self):
        return True

    @property
    def supports_model_override(self):
        return False  # one engine, one model
