"""A `ChatPrompt` as the plain dictionaries that chat templates read, tool calls and tool results included."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_consensus.prompts import ChatPrompt, Message

__all__ = ["changed", "turns_of"]


def turns_of(prompt: ChatPrompt) -> list[dict[str, Any]]:
    """The turns of `prompt`; keys that a turn has no use for are left out, as some templates ask for their presence."""
    return [_turn(message) for message in prompt.messages]


def _turn(message: Message) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.name is not None:
        turn["name"] = message.name
    if message.tool_calls:
        turn["tool_calls"] = [
            {"type": "function", "function": {"name": call.name, "arguments": json.loads(call.arguments)}}
            for call in message.tool_calls
        ]
    return turn


def changed(value: Any, change: Callable[[str], str]) -> Any:
    """`value`, as JSON has it, with `change` applied to every text in it at any depth, the keys of objects included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): changed(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [changed(item, change) for item in value]
    return value
