"""The integration suite of langchain-tests on the 0.5B chat model: few and short candidates, real ranking."""

from langchain_core.tools import tool

from langchain_consensus import ChatEquilibriumRanking, TransformersEngine
from tests.standard_chat import TAKEN_WITH_A_WARNING, StandardChat

pytestmark = TAKEN_WITH_A_WARNING

_ENGINE = TransformersEngine("qwen2.5-coder-0.5b-instruct")
"""One for all tests; nothing is loaded before its use."""


class TestChatEquilibriumRanking(StandardChat):
    engine = _ENGINE


@tool
def magic_function(number: int) -> int:
    """Applies a magic function to a number."""
    return number + 2


def test_a_free_tool_call_of_a_real_model_is_a_tool_call():
    chat = ChatEquilibriumRanking(engine=_ENGINE, num_candidates=3, max_new_tokens=32, solver="log_time_flow")
    message = chat.bind_tools([magic_function]).invoke("What is the value of magic_function(3)? Use the tool.")
    (call,) = message.tool_calls
    assert (call["name"], call["args"]) == ("magic_function", {"number": 3})
