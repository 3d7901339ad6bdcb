"""What a model is given to read: the turns of a chat, or plain text that it continues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ChatPrompt", "Message", "Prompt", "TextPrompt", "ToolCall"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCall:
    """A call that the assistant made: the tool's name, and its arguments as the text of a JSON object."""

    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One turn of a chat: what was said, the assistant's tool calls, or (role `tool`) what the tool `name` returned."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatPrompt:
    """Turns that end before the assistant's answer; an engine renders them through the model's own chat template.

    Attributes:
        messages: The turns.
        tools: What the assistant may call: JSON texts of function schemas as OpenAI's API has them. The template shows
            them, and the markers of tool calls are tokens of their own in what the assistant answers.
    """

    messages: tuple[Message, ...]
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TextPrompt:
    """Plain text that the model continues, as base models are asked."""

    text: str


Prompt = ChatPrompt | TextPrompt
