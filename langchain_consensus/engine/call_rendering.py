"""What a model's chat template writes where the assistant calls a tool, found by letting it write one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import TemplateError

from langchain_consensus.engine.chat_turns import turns_of
from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import ChatPrompt, Message, ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["written_call"]


def written_call(render: Callable[..., str], name: str, arguments: str, *, ends: Iterable[str]) -> str:
    """The assistant's turn that calls the tool `name`, from where an answer begins to where the turn ends.

    Args:
        render: Renders turns through the chat template; takes `tools` and `add_generation_prompt`.
        name: The tool's name.
        arguments: The text of a JSON object.
        ends: The tokens that end a turn.

    Raises:
        InvalidInputError: If the template shows no tools, or writes no call where an answer would begin.
    """
    schema = {"name": name, "description": "", "parameters": {"type": "object", "properties": {}}}
    tools = [{"type": "function", "function": schema}]
    asked = Message(role="user", content="x")
    called = Message(role="assistant", content="", tool_calls=(ToolCall(name=name, arguments=arguments),))
    try:
        beginning = render(turns_of(ChatPrompt(messages=(asked,))), tools=tools, add_generation_prompt=True)
        whole = render(turns_of(ChatPrompt(messages=(asked, called))), tools=tools, add_generation_prompt=False)
    except TemplateError as error:
        msg = f"The model's chat template refuses tool calls: {error}. Use a model that can call tools."
        raise InvalidInputError(msg) from error
    if not whole.startswith(beginning):
        msg = (
            "The model's chat template writes a tool call elsewhere than where an answer begins; tools cannot be used."
        )
        raise InvalidInputError(msg)
    turn = whole.removeprefix(beginning)
    return min((turn.partition(end)[0] for end in ends), key=len, default=turn).rstrip()
