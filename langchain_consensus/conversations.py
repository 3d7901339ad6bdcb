"""LangChain's messages -> a `Question`: the last human message is what is asked, what comes before is its history."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.prompt_values import ChatPromptValue

from langchain_consensus.errors import InvalidInputError
from langchain_consensus.prompts import Message, Question

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from langchain_core.messages import BaseMessage

__all__ = ["ChatText", "ConversationPromptValue", "as_question", "question_of"]


class ChatText(str):
    """A conversation as the text that LangChain's text models pass around, which still knows its messages.

    The text is the conversation as JSON: unambiguous, so that two conversations never share a cache entry.
    """

    __slots__ = ("messages",)
    messages: tuple[BaseMessage, ...]

    @classmethod
    def of(cls, messages: Sequence[BaseMessage]) -> ChatText:
        """The text of `messages`."""
        turns = [{"role": message.type, "content": message.text} for message in messages]
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


def question_of(messages: Sequence[BaseMessage]) -> Question:
    """The question that a conversation ends with.

    Raises:
        InvalidInputError: If it does not end with a human message, or holds something other than text.
    """
    if not messages or not isinstance(messages[-1], HumanMessage):
        last = f"a {messages[-1].type!r} message" if messages else "nothing"
        msg = f"The conversation ends with {last}; it must end with the human message that is to be answered."
        raise InvalidInputError(msg)
    history = tuple(Message(role=_role(message), content=_text(message)) for message in messages[:-1])
    return Question(text=_text(messages[-1]), history=history)


def _role(message: BaseMessage) -> Literal["system", "user", "assistant"]:
    if isinstance(message, SystemMessage):
        return "system"
    if isinstance(message, HumanMessage):
        return "user"
    if isinstance(message, AIMessage):
        return "assistant"
    msg = f"The conversation holds a {message.type!r} message; system, human and AI messages can be ranked."
    raise InvalidInputError(msg)


def _text(message: BaseMessage) -> str:
    blocks = [] if isinstance(message.content, str) else message.content
    for block in blocks:
        if not isinstance(block, str) and block.get("type") != "text":
            msg = f"A {message.type} message holds a block of type {block.get('type')!r}; only text can be ranked."
            raise InvalidInputError(msg)
    return str(message.text)
