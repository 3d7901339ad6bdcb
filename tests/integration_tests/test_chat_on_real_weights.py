"""The integration suite of langchain-tests on the 0.5B chat model: few and short candidates, real ranking."""

import pytest
from langchain_core.tools import tool
from langchain_tests.integration_tests import ChatModelIntegrationTests

from langchain_consensus import ChatEquilibriumRanking, TransformersEngine

# The suite passes the options of models behind a server, which are taken with a warning.
pytestmark = pytest.mark.filterwarnings("ignore:`(api_key|max_retries|timeout)` has no meaning:UserWarning")

_ENGINE = TransformersEngine("qwen2.5-coder-0.5b-instruct")
"""One for all tests, as a fixture cannot be reached from the suite's properties; nothing is loaded before its use."""


class TestChatEquilibriumRanking(ChatModelIntegrationTests):
    @property
    def chat_model_class(self):
        return ChatEquilibriumRanking

    @property
    def chat_model_params(self):
        return {
            "engine": _ENGINE,
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


@tool
def magic_function(number: int) -> int:
    """Applies a magic function to a number."""
    return number + 2


def test_a_free_tool_call_of_a_real_model_is_a_tool_call():
    chat = ChatEquilibriumRanking(engine=_ENGINE, num_candidates=3, max_new_tokens=32, solver="log_time_flow")
    message = chat.bind_tools([magic_function]).invoke("What is the value of magic_function(3)? Use the tool.")
    (call,) = message.tool_calls
    assert (call["name"], call["args"]) == ("magic_function", {"number": 3})
