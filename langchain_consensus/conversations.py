"""LangChain's messages -> a `Question`: the last human message is what is asked, what comes before is its history.

What comes after it, in an agent's conversation, are the tool calls that it led to and their results.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompt_values import ChatPromptValue, PromptValue

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import Message, Question, ToolCall

if TYPE_CHECKING:
    from typing import Literal

__all__ = ["ChatText", "ConversationPromptValue", "as_question", "check_prompt", "question_of"]


class ChatText(str):
    """A conversation as the text that LangChain's text models pass around, which still knows its messages.

    The text is the conversation as JSON: unambiguous, so that two conversations never share a cache entry.
    """

    __slots__ = ("messages",)
    messages: tuple[BaseMessage, ...]

    @classmethod
    def of(cls, messages: Sequence[BaseMessage]) -> ChatText:
        """The text of `messages`."""
        turns = [
            {"role": message.type, "content": message.text}
            | ({"tool_calls": calls} if (calls := _calls(message)) else {})
            for message in messages
        ]
        text = cls(json.dumps(turns, ensure_ascii=False))
        text.messages = tuple(messages)
        return text


class ConversationPromptValue(ChatPromptValue):
    """A chat prompt whose text keeps the messages, for models whose interface is text."""

    def to_string(self) -> str:
        """The messages as a `ChatText`."""
        return ChatText.of(self.messages)


def as_question(prompt: str) -> Question:
    """What a text model is asked: the conversation of a `ChatText`, or the prompt itself."""
    return question_of(prompt.messages) if isinstance(prompt, ChatText) else Question(text=prompt)


def check_prompt(value: object) -> None:
    """Checks that a model's input is a text, a prompt value, or a list of messages in any form that LangChain knows.

    Raises:
        InvalidInputError: If it is anything else; the message says what.
    """
    if isinstance(value, str | PromptValue):
        return
    if not isinstance(value, Sequence) or isinstance(value, bytes | bytearray):
        msg = f"The prompt is {value!r:.80}, a {type(value).__name__}; it must be a text, a prompt value or messages."
        raise InvalidInputError(msg)
    for place, one in enumerate(value):
        if not isinstance(one, str | BaseMessage | dict | tuple | list):
            msg = (
                f"The prompt's message {place} is {one!r:.80}, a {type(one).__name__}; it must be a message, a text, a "
                "(role, text) pair or a mapping with `role` and `content`."
            )
            raise InvalidInputError(msg)


def question_of(messages: Sequence[BaseMessage], *, tools: tuple[str, ...] = ()) -> Question:
    """The question that a conversation ends with, or that the tool results at its end are to answer.

    Args:
        messages: The conversation, oldest first.
        tools: What the assistant may call; see `prompts.ChatPrompt`.

    Raises:
        InvalidInputError: If it ends with neither a human message nor a tool's result, or holds something that is no
            text.
    """
    if not messages or not isinstance(messages[-1], HumanMessage | ToolMessage):
        last = f"a {messages[-1].type!r} message" if messages else "nothing"
        msg = (
            f"The conversation ends with {last}; it must end with the human message that is to be answered, or with a "
            "tool's result."
        )
        raise InvalidInputError(msg)
    asked = next((i for i in reversed(range(len(messages))) if isinstance(messages[i], HumanMessage)), None)
    if asked is None:
        msg = "The conversation holds no human message; there is no question to answer."
        raise InvalidInputError(msg)
    turns = tuple(map(_turn, messages))
    return Question(text=turns[asked].content, history=turns[:asked], since=turns[asked + 1 :], tools=tools)


def _turn(message: BaseMessage) -> Message:
    calls = tuple(
        ToolCall(name=call["name"], arguments=json.dumps(call["args"], ensure_ascii=False)) for call in _calls(message)
    )
    name = message.name if isinstance(message, ToolMessage) else None
    return Message(role=_role(message), content=_text(message), tool_calls=calls, name=name)


def _calls(message: BaseMessage) -> list[dict[str, Any]]:
    """The assistant's tool calls without their ids, which no template needs and no two runs share."""
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return [{"name": call["name"], "args": call["args"]} for call in calls]


def _role(message: BaseMessage) -> Literal["system", "user", "assistant", "tool"]:
    if isinstance(message, SystemMessage):
        return "system"
    if isinstance(message, HumanMessage):
        return "user"
    if isinstance(message, AIMessage):
        return "assistant"
    if isinstance(message, ToolMessage):
        return "tool"
    msg = f"The conversation holds a {message.type!r} message; system, human, AI and tool messages can be ranked."
    raise InvalidInputError(msg)


def _text(message: BaseMessage) -> str:
    blocks = [] if isinstance(message.content, str) else message.content
    for block in blocks:
        # A tool call that is repeated as a block is in the message's `tool_calls` too, and rendered from there.
        if not isinstance(block, str) and block.get("type") not in {"text", "tool_use", "tool_call"}:
            msg = f"A {message.type} message holds a block of type {block.get('type')!r}; only text can be ranked."
            raise InvalidInputError(msg)
    return str(message.text)
